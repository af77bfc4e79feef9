output "runtime_id" {
  description = "Id of the runtime."
  value       = aws_bedrockagentcore_agent_runtime.this.agent_runtime_id
}

output "runtime_arn" {
  description = "ARN of the runtime."
  value       = aws_bedrockagentcore_agent_runtime.this.agent_runtime_arn
}

output "runtime_name" {
  description = "Name of the runtime."
  value       = aws_bedrockagentcore_agent_runtime.this.agent_runtime_name
}

output "newest_version" {
  description = "Version that the latest change made. Nobody is sent to it before an endpoint names it."
  value       = aws_bedrockagentcore_agent_runtime.this.agent_runtime_version
}

output "endpoints" {
  description = "ARN and version of each endpoint, by name."
  value = { for name, e in aws_bedrockagentcore_agent_runtime_endpoint.this : name => {
    arn     = e.agent_runtime_endpoint_arn
    version = e.agent_runtime_version
  } }
}

output "environment" {
  description = "Environment of the agent; null without any."
  value       = aws_bedrockagentcore_agent_runtime.this.environment_variables
}
