# Names as in a laptop's stack.json, so that the same programs take either.

output "environment" {
  description = "Name of the environment."
  value       = var.environment
}

output "production" {
  description = "Whether real clinics use it."
  value       = var.production
}

output "region" {
  description = "AWS Region."
  value       = var.region
}

output "account_id" {
  description = "AWS account."
  value       = var.account_id
}

output "name_prefix" {
  description = "Start of every name."
  value       = var.name_prefix
}

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

output "sign_in_url" {
  description = "Start of the sign-in pages' addresses; null without browser sign-in."
  value       = local.sign_in_domain == null ? null : "https://${local.sign_in_domain}.auth.${var.region}.amazoncognito.com"
}

output "runtime_url" {
  description = "Where clients POST an invocation: endpoint live."
  value       = "${local.invocations}?qualifier=live"
}

output "runtime_urls" {
  description = "The same by endpoint; a client sends candidate_share_percent of its new sessions to candidate."
  value       = { for name in keys(module.agentcore.runtime.endpoints) : name => "${local.invocations}?qualifier=${name}" }
}

output "candidate_share_percent" {
  description = "Share of new sessions that belongs to endpoint candidate."
  value       = var.release.candidate_share_percent
}

output "gateway_url" {
  description = "MCP endpoint of the gateway."
  value       = module.agentcore.gateway.url
}

output "gateway" {
  description = "The gateway: id, ARN and URL."
  value       = module.agentcore.gateway
}

output "runtime" {
  description = "The runtime: id, ARN, name, and its endpoints with ARN and version by name."
  value       = module.agentcore.runtime
}

output "newest_version" {
  description = "Runtime version that the latest apply made; make apply writes it into the release."
  value       = module.agentcore.newest_version
}

output "agent_version" {
  description = "Agent version that the newest runtime version and all functions run."
  value       = var.release.agent_version
}

output "contract_version" {
  description = "Contract that this platform offers its agent."
  value       = module.contract.version
  precondition {
    condition     = var.release.contract_version == module.contract.version
    error_message = "release.contract_version: must be ${module.contract.version}, which this platform offers; publish an agent of that contract, or apply a platform of the agent's; got ${var.release.contract_version}."
  }
}

output "roles" {
  description = "Role ARNs by use, once their policies are attached."
  value       = module.foundation.roles
}

output "buckets" {
  description = "Bucket names by use."
  value       = merge(module.foundation.buckets, { artifacts = var.artifacts_bucket })
}

output "tables" {
  description = "Table names by use."
  value       = module.foundation.tables
}

output "functions" {
  description = "Function ARNs by use."
  value       = module.foundation.functions
}

output "memories" {
  description = "Id and ARN of the memory by tier."
  value       = module.agentcore.memories
}

output "guardrails" {
  description = "Guardrail that a tier's model is called with, by tier."
  value       = module.foundation.guardrails
}

output "keys" {
  description = "Customer managed keys of what has no key of its own module's; null where AWS's own are used."
  value       = { platform = local.platform_key_arn, guardrails = local.guardrail_key_arn }
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
  description = "Tools of the catalog by name."
  value       = module.catalog.tools
}

output "tenant_role_policy" {
  description = "The tenant role's permissions, as JSON."
  value       = module.foundation.tenant_role_policy
}

output "tenant_role_trust_policy" {
  description = "Who may become a tenant and how, as JSON."
  value       = module.foundation.tenant_role_trust_policy
}

output "dashboard_url" {
  description = "Where CloudWatch shows the dashboard."
  value       = module.observability.dashboard_url
}

output "alarm_names" {
  description = "Names of the alarms: of each tier, and of what all tiers share."
  value       = { tiers = module.observability.alarm_names, platform = module.observability.platform_alarm_names }
}
