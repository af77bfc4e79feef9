output "memories" {
  description = "Id and ARN of the memory by tier; the foundation takes them."
  value       = module.memory.memories
}

output "gateway" {
  description = "The gateway: id, ARN and URL on AWS."
  value       = { id = module.gateway.gateway_id, arn = module.gateway.gateway_arn, url = module.gateway.gateway_url }
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

output "policy_engine_arn" {
  description = "ARN of the policy engine."
  value       = module.policy.engine_arn
}

output "policies" {
  description = "Cedar text by tier."
  value       = module.policy.policies
}

output "tools" {
  description = "Tools of the catalog by name. A connector's arguments stand nowhere else in the state: AWS brings them, and so does the gateway's stand-in."
  value       = module.catalog.tools
}
