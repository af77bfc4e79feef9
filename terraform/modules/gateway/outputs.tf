output "gateway_id" {
  description = "Id of the gateway."
  value       = aws_bedrockagentcore_gateway.this.gateway_id
}

output "gateway_arn" {
  description = "ARN of the gateway. Does not wait for the targets: policies wait for target_ids."
  value       = aws_bedrockagentcore_gateway.this.gateway_arn
}

output "gateway_url" {
  description = "MCP endpoint, once the targets are there."
  value       = aws_bedrockagentcore_gateway.this.gateway_url
  depends_on  = [aws_bedrockagentcore_gateway_target.function, aws_bedrockagentcore_gateway_target.connector]
}

output "target_ids" {
  description = "Id by target name."
  value = { for name, t in merge(aws_bedrockagentcore_gateway_target.function, aws_bedrockagentcore_gateway_target.connector) :
  name => t.target_id }
}

output "wire_names" {
  description = "Name under which the gateway offers a tool, and policies know it, by the tool's own name."
  value = merge([for target, t in var.targets : {
    for name, tool in t.tools : name => "${target}___${tool.wire_tool == null ? name : tool.wire_tool}"
  }]...)
}

output "policy_mode" {
  description = "What the gateway does with the engine's decisions: ENFORCE or LOG_ONLY."
  value       = aws_bedrockagentcore_gateway.this.policy_engine_configuration[0].mode
}
