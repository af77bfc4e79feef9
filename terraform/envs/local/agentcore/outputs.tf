output "memories" {
  description = "Id and ARN of the memory by tier; the foundation takes them."
  value       = module.agentcore.memories
}

output "gateway" {
  description = "The gateway: id, ARN and URL on AWS."
  value       = module.agentcore.gateway
}

output "runtime" {
  description = "The runtime: id, ARN, name, and its endpoints with ARN and version by name."
  value       = module.agentcore.runtime
}

output "policy_engine_arn" {
  description = "ARN of the policy engine."
  value       = module.agentcore.policy_engine_arn
}

output "policies" {
  description = "Cedar text by tier."
  value       = module.agentcore.policies
}

output "tools" {
  description = "Tools of the catalog by name. A connector's arguments stand nowhere else in the state: AWS brings them, and so does the gateway's stand-in."
  value       = module.catalog.tools
}
