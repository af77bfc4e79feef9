# The foundation on a laptop: the same modules as on AWS, with disposable data and password sign-in.
locals {
  catalog      = coalesce(var.catalog_dir, "${path.root}/../../../catalog")
  agent_prefix = "${dirname(dirname(var.artifacts.runtime.key))}/" # all versions: an endpoint may stay on an older one
  runtime_name = "${replace(var.name_prefix, "-", "_")}_agent"

  place = { account_id = var.account_id, region = var.region, partition = var.partition }
  lambda_package = {
    bucket       = var.artifacts.bucket
    key          = var.artifacts.lambda.key
    sha256       = var.artifacts.lambda.sha256
    runtime      = var.artifacts.lambda_runtime
    architecture = var.artifacts.architecture
  }
  token = {
    issuer    = module.identity.issuer
    jwks_url  = module.identity.jwks_url
    client_id = module.identity.client_id
  }
}

# The key that bootstrap encrypts the artifacts with.
data "aws_kms_alias" "artifacts" {
  name = "alias/${var.name_prefix}-bootstrap"
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

module "identity" {
  source                   = "../../../modules/identity"
  name_prefix              = var.name_prefix
  account_id               = local.place.account_id
  region                   = local.place.region
  partition                = local.place.partition
  lambda_package           = local.lambda_package
  aws_endpoint_url         = var.aws_endpoint_url
  oidc_base_url            = var.oidc_base_url
  password_sign_in         = var.password_sign_in
  mfa                      = "OFF"
  protect_data             = false
  kms_deletion_window_days = 7
  log_retention_days       = 7
}

module "tenant_data" {
  source                   = "../../../modules/tenant_data"
  name_prefix              = var.name_prefix
  account_id               = local.place.account_id
  region                   = local.place.region
  partition                = local.place.partition
  protect_data             = false
  kms_deletion_window_days = 7
}

module "guardrail" {
  source      = "../../../modules/guardrail"
  name_prefix = var.name_prefix
  tiers       = { for name, t in module.catalog.tiers : name => t.guardrail }
}

module "tenant_access" {
  source             = "../../../modules/tenant_access"
  name_prefix        = var.name_prefix
  account_id         = local.place.account_id
  region             = local.place.region
  partition          = local.place.partition
  lambda_package     = local.lambda_package
  aws_endpoint_url   = var.aws_endpoint_url
  runtime_name       = local.runtime_name
  log_retention_days = 7

  tiers = { for name, t in module.catalog.tiers : name => {
    model_id                     = t.model_id
    memory_id                    = var.memories[name].id
    memory_arn                   = var.memories[name].arn
    max_output_tokens            = t.max_output_tokens
    context_window               = t.model.context_window_tokens
    long_term_memory             = length(t.memory.strategies) > 0
    history_turns                = t.history_turns
    guardrail                    = module.guardrail.guardrails[name]
    price_input_usd_per_million  = t.model.price_input_usd_per_million
    price_output_usd_per_million = t.model.price_output_usd_per_million
  } }
  token = local.token
  registry = {
    table       = module.identity.registry_table
    table_arn   = module.identity.registry_table_arn
    kms_key_arn = module.identity.registry_kms_key_arn
  }
  data = {
    bucket_arn  = module.tenant_data.documents_bucket_arn
    table_arn   = module.tenant_data.patients_table_arn
    kms_key_arn = module.tenant_data.kms_key_arn
  }
  runtime_bundle = {
    bucket      = var.artifacts.bucket
    prefix      = local.agent_prefix
    kms_key_arn = data.aws_kms_alias.artifacts.target_key_arn
  }
}

module "gateway_access" {
  source              = "../../../modules/gateway_access"
  name_prefix         = var.name_prefix
  account_id          = local.place.account_id
  region              = local.place.region
  partition           = local.place.partition
  lambda_package      = local.lambda_package
  aws_endpoint_url    = var.aws_endpoint_url
  log_retention_days  = 7
  token               = local.token
  broker_function_arn = module.tenant_access.broker_function_arn
  tool_arguments      = { for tool in values(module.catalog.tools) : tool.wire_name => keys(tool.properties) }
  connectors          = toset([for tool in values(module.catalog.tools) : tool.connector_id if tool.connector_id != null])
  data = {
    documents_bucket = module.tenant_data.documents_bucket
    patients_table   = module.tenant_data.patients_table
    kms_key_arns     = [module.tenant_data.kms_key_arn, module.identity.registry_kms_key_arn]
  }
}
