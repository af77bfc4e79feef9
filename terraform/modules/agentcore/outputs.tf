output "memories" {
  description = "Id and ARN of the memory by tier; the foundation takes them."
  value       = module.memory.memories
}

output "gateway" {
  description = "The gateway: id, ARN and URL on AWS."
  value       = { id = module.gateway.gateway_id, arn = module.gateway.gateway_arn, url = module.gateway.gateway_url }
}

output "policy_mode" {
  description = "What the gateway does with the engine's decisions: ENFORCE or LOG_ONLY."
  value       = module.gateway.policy_mode
}

output "runtime" {
  description = "The runtime: id, ARN, name, and its endpoints with ARN and version by name."
  value = {
    id        = module.runtime.runtime_id
    arn       = module.runtime.runtime_arn
    name      = module.runtime.runtime_name
    endpoints = module.runtime.endpoints
  }
}

output "newest_version" {
  description = "Version that the runtime's latest change made. Nobody is sent to it before an endpoint names it."
  value       = module.runtime.newest_version
}

output "runtime_environment" {
  description = "Environment of the agent."
  value       = module.runtime.environment
}

output "policy_engine_arn" {
  description = "ARN of the policy engine."
  value       = module.policy.engine_arn
}

output "policies" {
  description = "Cedar text by tier."
  value       = module.policy.policies
}
