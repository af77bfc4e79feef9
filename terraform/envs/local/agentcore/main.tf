# AgentCore on a laptop: the composition of every environment, through the recording provider. Its stand-ins boot from the state.
locals {
  catalog = coalesce(var.catalog_dir, "${path.root}/../../../catalog")
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

module "agentcore" {
  source           = "../../../modules/agentcore"
  name_prefix      = var.name_prefix
  account_id       = var.account_id
  region           = var.region
  partition        = var.partition
  tiers            = module.catalog.tiers
  tools            = module.catalog.tools
  policy_template  = file("${local.catalog}/policies/tier.cedar.tftpl")
  foundation       = var.foundation
  agent_version    = var.agent_version
  endpoints        = var.endpoints
  production       = false
  policy_mode      = var.policy_mode
  aws_endpoint_url = var.aws_endpoint_url
  gateway_base_url = var.gateway_base_url

  bundle = {
    bucket  = var.artifacts.bucket
    key     = var.artifacts.runtime.key
    sha256  = var.artifacts.runtime.sha256
    runtime = var.artifacts.runtime_name
  }
}
