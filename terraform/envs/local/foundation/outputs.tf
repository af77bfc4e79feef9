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
  description = "Role ARNs by use."
  value       = merge(module.tenant_access.role_arns, { claims = module.identity.claims_role_arn })
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

output "broker_function_arn" {
  description = "ARN of the broker function."
  value       = module.tenant_access.broker_function_arn
}

output "tenant_role_policy" {
  description = "The tenant role's permissions, as JSON."
  value       = module.tenant_access.tenant_role_policy
}

output "tenant_role_trust_policy" {
  description = "Who may become a tenant and how, as JSON."
  value       = module.tenant_access.tenant_role_trust_policy
}

output "runtime" {
  description = "The agent runtime, in the arguments of aws_bedrockagentcore_agent_runtime; the laptop's stand-in boots from it."
  value = {
    agent_runtime_name = local.runtime_name
    role_arn           = module.tenant_access.role_arns.execution
    agent_runtime_artifact = {
      code_configuration = {
        entry_point = ["main.py"]
        runtime     = var.artifacts.runtime_name
        code        = { s3 = { bucket = var.artifacts.bucket, prefix = var.artifacts.runtime.key } }
      }
    }
    code_sha256 = var.artifacts.runtime.sha256
    environment_variables = merge(
      {
        TOKEN_ISSUER     = module.identity.issuer
        TOKEN_JWKS_URL   = module.identity.jwks_url
        TOKEN_CLIENT_ID  = module.identity.client_id
        BROKER_FUNCTION  = module.tenant_access.broker_function_arn
        DOCUMENTS_BUCKET = module.tenant_data.documents_bucket
        PATIENTS_TABLE   = module.tenant_data.patients_table
        AWS_REGION       = var.region
      },
      var.aws_endpoint_url == null ? {} : { AWS_ENDPOINT_URL = var.aws_endpoint_url },
    )
    authorizer_configuration = {
      custom_jwt_authorizer = {
        discovery_url   = module.identity.discovery_url
        allowed_clients = [module.identity.client_id]
        # An ID token has no client_id and fails above already; this says what is meant.
        custom_claim = [{
          inbound_token_claim_name       = "token_use"
          inbound_token_claim_value_type = "STRING"
          authorizing_claim_match_value = {
            claim_match_operator = "EQUALS"
            claim_match_value    = { match_value_string = "access" }
          }
        }]
      }
    }
    request_header_configuration = { request_header_allowlist = ["Authorization"] }
    # Idle memory is most of a session's price, and what a warm session still holds outlives a suspension: keep both short.
    lifecycle_configuration = { idle_runtime_session_timeout = 300, max_lifetime = 3600 }
    protocol_configuration  = { server_protocol = "HTTP" }
    network_configuration   = { network_mode = "PUBLIC" }
    endpoints               = { live = { agent_runtime_version = "1" } }
  }
}
