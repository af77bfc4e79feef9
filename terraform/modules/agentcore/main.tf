# How AgentCore's modules fit together, in every environment: memories, gateway with policies, runtime.
locals {
  authorizer = {
    discovery_url   = var.foundation.discovery_url
    allowed_clients = [var.foundation.client_id]
    tiers           = keys(var.tiers)
  }

  # One target for all tools of the platform's function, one for each connector, as the catalog names them.
  targets = { for target in distinct([for tool in values(var.tools) : tool.target]) : target => {
    tools        = { for name, tool in var.tools : name => tool if tool.target == target }
    connector_id = one(distinct([for tool in values(var.tools) : tool.connector_id if tool.target == target]))
  } }

  gateway_url = var.gateway_base_url == null ? module.gateway.gateway_url : replace(module.gateway.gateway_url, "/^https://[^/]+/", var.gateway_base_url)

  tags = { for name in ["gateway", "memory", "policy", "runtime"] :
  name => length(var.tags) == 0 ? {} : merge(var.tags, { Module = name }) }
}

# Must not depend on the foundation, which names the memories: so a laptop applies it alone first, and so the two
# compositions can feed each other in one root.
module "memory" {
  source      = "../memory"
  name_prefix = var.name_prefix
  tiers       = { for name, t in var.tiers : name => t.memory }
  kms_key_arn = var.kms_key_arn
  tags        = local.tags.memory
}

module "gateway" {
  source                   = "../gateway"
  name_prefix              = var.name_prefix
  role_arn                 = var.foundation.gateway_role_arn
  authorizer               = local.authorizer
  interceptor_function_arn = var.foundation.interceptor_function_arn
  policy_engine_arn        = module.policy.engine_arn
  production               = var.production
  policy_mode              = var.policy_mode
  kms_key_arn              = var.kms_key_arn
  tags                     = local.tags.gateway

  targets = { for name, t in local.targets : name => {
    lambda_function_arn = t.connector_id == null ? var.foundation.tools_function_arn : null
    connector_id        = t.connector_id
    # The interceptor sets both; a client's own are overwritten.
    request_headers = t.connector_id == null ? ["X-Clinic-Access-Token", "X-Clinic-Request-Id"] : []
    tools           = t.tools
  } }
}

# Takes the gateway's ARN and gives it its engine: no circle, since the engine waits for nothing.
module "policy" {
  source      = "../policy"
  name_prefix = var.name_prefix
  gateway_arn = module.gateway.gateway_arn
  target_ids  = module.gateway.target_ids
  template    = var.policy_template
  kms_key_arn = var.kms_key_arn
  tags        = local.tags.policy
  tiers = { for name, t in var.tiers : name => {
    wire_names       = [for tool in t.tools : module.gateway.wire_names[tool]]
    access_hours_utc = t.access_hours_utc
  } }
}

module "runtime" {
  source         = "../runtime"
  name           = "${replace(var.name_prefix, "-", "_")}_agent" # the foundation's execution role names it too
  role_arn       = var.foundation.execution_role_arn
  agent_version  = var.agent_version
  authorizer     = local.authorizer
  bundle         = var.bundle
  endpoints      = var.endpoints
  coming_version = var.coming_version
  network        = var.network
  tags           = local.tags.runtime
  environment = merge(
    {
      TOKEN_ISSUER    = var.foundation.issuer
      TOKEN_JWKS_URL  = var.foundation.jwks_url
      TOKEN_CLIENT_ID = var.foundation.client_id
      BROKER_FUNCTION = var.foundation.broker_function_arn
      GATEWAY_URL     = local.gateway_url
      AWS_REGION      = var.region
      PLATFORM_NAME   = var.name_prefix # dimension of the agent's metrics
    },
    var.aws_endpoint_url == null ? {} : { AWS_ENDPOINT_URL = var.aws_endpoint_url },
  )
}
