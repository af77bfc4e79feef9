# AgentCore on a laptop: the same modules as on AWS, through the recording provider. Its stand-ins boot from the state.
locals {
  catalog = coalesce(var.catalog_dir, "${path.root}/../../../catalog")

  authorizer = {
    discovery_url   = var.foundation.discovery_url
    allowed_clients = [var.foundation.client_id]
    tiers           = keys(module.catalog.tiers)
  }

  # One target for all tools of the platform's function, one for each connector, as the catalog names them.
  targets = { for target in distinct([for tool in values(module.catalog.tools) : tool.target]) : target => {
    tools        = { for name, tool in module.catalog.tools : name => tool if tool.target == target }
    connector_id = one(distinct([for tool in values(module.catalog.tools) : tool.connector_id if tool.target == target]))
  } }

  gateway_url = var.gateway_base_url == null ? module.gateway.gateway_url : replace(module.gateway.gateway_url, "/^https://[^/]+/", var.gateway_base_url)
}

module "catalog" {
  source        = "../../../modules/catalog"
  tiers         = yamldecode(file("${local.catalog}/tiers.yaml"))
  models        = yamldecode(file("${local.catalog}/models.yaml"))
  tools         = { for f in fileset("${local.catalog}/tools", "*.json") : trimsuffix(f, ".json") => jsondecode(file("${local.catalog}/tools/${f}")) }
  tiers_schema  = jsondecode(file("${local.catalog}/tiers.schema.json"))
  models_schema = jsondecode(file("${local.catalog}/models.schema.json"))
  tool_schema   = jsondecode(file("${local.catalog}/tool.schema.json"))
}

# Applied alone first, so it must not depend on the foundation.
module "memory" {
  source      = "../../../modules/memory"
  name_prefix = var.name_prefix
  tiers       = { for name, t in module.catalog.tiers : name => t.memory }
}

module "gateway" {
  source                   = "../../../modules/gateway"
  name_prefix              = var.name_prefix
  role_arn                 = var.foundation.gateway_role_arn
  authorizer               = local.authorizer
  interceptor_function_arn = var.foundation.interceptor_function_arn
  policy_engine_arn        = module.policy.engine_arn
  production               = false
  policy_mode              = var.policy_mode

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
  source      = "../../../modules/policy"
  name_prefix = var.name_prefix
  gateway_arn = module.gateway.gateway_arn
  target_ids  = module.gateway.target_ids
  template    = file("${local.catalog}/policies/tier.cedar.tftpl")
  tiers = { for name, t in module.catalog.tiers : name => {
    wire_names       = [for tool in t.tools : module.gateway.wire_names[tool]]
    access_hours_utc = t.access_hours_utc
  } }
}

module "runtime" {
  source        = "../../../modules/runtime"
  name          = "${replace(var.name_prefix, "-", "_")}_agent" # the foundation's execution role names it too
  role_arn      = var.foundation.execution_role_arn
  agent_version = var.agent_version
  authorizer    = local.authorizer
  endpoints     = var.endpoints

  bundle = {
    bucket  = var.artifacts.bucket
    key     = var.artifacts.runtime.key
    sha256  = var.artifacts.runtime.sha256
    runtime = var.artifacts.runtime_name
  }
  environment = merge(
    {
      TOKEN_ISSUER    = var.foundation.issuer
      TOKEN_JWKS_URL  = var.foundation.jwks_url
      TOKEN_CLIENT_ID = var.foundation.client_id
      BROKER_FUNCTION = var.foundation.broker_function_arn
      GATEWAY_URL     = local.gateway_url
      AWS_REGION      = var.region
    },
    var.aws_endpoint_url == null ? {} : { AWS_ENDPOINT_URL = var.aws_endpoint_url },
  )
}
