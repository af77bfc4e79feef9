output "user_pool_id" {
  description = "Id of the user pool."
  value       = module.foundation.user_pool_id
}

output "client_id" {
  description = "Id of the app client."
  value       = module.foundation.client_id
}

output "issuer" {
  description = "Claim iss of the tokens."
  value       = module.foundation.issuer
}

output "discovery_url" {
  description = "OpenID discovery document."
  value       = module.foundation.discovery_url
}

output "jwks_url" {
  description = "Public keys of the tokens."
  value       = module.foundation.jwks_url
}

output "roles" {
  description = "Role ARNs by use."
  value       = module.foundation.roles
}

output "buckets" {
  description = "Bucket names by use."
  value       = module.foundation.buckets
}

output "tables" {
  description = "Table names by use."
  value       = module.foundation.tables
}

output "functions" {
  description = "Function ARNs by use."
  value       = module.foundation.functions
}

output "guardrails" {
  description = "Guardrail that a tier's model is called with, by tier."
  value       = module.foundation.guardrails
}

output "tenant_role_policy" {
  description = "The tenant role's permissions, as JSON."
  value       = module.foundation.tenant_role_policy
}

output "tenant_role_trust_policy" {
  description = "Who may become a tenant and how, as JSON."
  value       = module.foundation.tenant_role_trust_policy
}
