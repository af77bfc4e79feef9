output "user_pool_id" {
  description = "Id of the user pool."
  value       = module.identity.user_pool_id
}

output "client_id" {
  description = "Id of the app client."
  value       = module.identity.client_id
}

output "issuer" {
  description = "Claim iss of the tokens."
  value       = module.identity.issuer
}

output "discovery_url" {
  description = "OpenID discovery document."
  value       = module.identity.discovery_url
}

output "jwks_url" {
  description = "Public keys of the tokens."
  value       = module.identity.jwks_url
}

output "roles" {
  description = "Role ARNs by use, once their policies are attached."
  value       = merge(module.tenant_access.role_arns, module.gateway_access.role_arns, { claims = module.identity.claims_role_arn })
}

output "buckets" {
  description = "Bucket names by use."
  value       = { documents = module.tenant_data.documents_bucket }
}

output "tables" {
  description = "Table names by use."
  value = {
    registry = module.identity.registry_table
    patients = module.tenant_data.patients_table
  }
}

output "functions" {
  description = "Function ARNs by use, known at plan time."
  value       = merge(module.gateway_access.function_arns, { broker = module.tenant_access.broker_function_arn })
}

output "function_names" {
  description = "Names of all functions by use, known at plan time: metrics and alarms go by name."
  value = merge(
    { for use, arn in module.gateway_access.function_arns : use => reverse(split(":", arn))[0] },
    {
      broker = reverse(split(":", module.tenant_access.broker_function_arn))[0]
      claims = module.identity.claims_function_name
    },
  )
}

output "guardrails" {
  description = "Guardrail that a tier's model is called with, by tier."
  value       = { for tier, g in module.guardrail.guardrails : tier => { id = g.id, arn = g.arn, version = g.version } }
}

output "tenant_role_policy" {
  description = "The tenant role's permissions, as JSON."
  value       = module.tenant_access.tenant_role_policy
}

output "tenant_role_trust_policy" {
  description = "Who may become a tenant and how, as JSON."
  value       = module.tenant_access.tenant_role_trust_policy
}

# What the agentcore module takes. An output waits as a whole: nobody gets the tools before the broker can make tenant sessions.
output "agentcore" {
  description = "What the agentcore module takes as its foundation."
  value = {
    issuer                   = module.identity.issuer
    discovery_url            = module.identity.discovery_url
    jwks_url                 = module.identity.jwks_url
    client_id                = module.identity.client_id
    execution_role_arn       = module.tenant_access.role_arns.execution
    gateway_role_arn         = module.gateway_access.gateway_role_arn
    broker_function_arn      = module.tenant_access.broker_function_arn
    interceptor_function_arn = module.gateway_access.function_arns.interceptor
    tools_function_arn       = module.gateway_access.function_arns.tools
  }
}
