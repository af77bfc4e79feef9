# The foundation on a laptop: the same modules as on AWS, with disposable data and password sign-in.
locals {
  catalog       = "${path.root}/../../../catalog"
  tiers_schema  = jsondecode(file("${local.catalog}/tiers.schema.json"))
  models_schema = jsondecode(file("${local.catalog}/models.schema.json"))

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
}

# The key that bootstrap encrypts the artifacts with.
data "aws_kms_alias" "artifacts" {
  name = "alias/${var.name_prefix}-bootstrap"
}

module "catalog" {
  source        = "../../../modules/catalog"
  tiers         = yamldecode(file("${local.catalog}/tiers.yaml"))
  models        = yamldecode(file("${local.catalog}/models.yaml"))
  tiers_schema  = local.tiers_schema
  models_schema = local.models_schema
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
    long_term_memory             = t.memory.long_term_preferences
    history_turns                = t.history_turns
    price_input_usd_per_million  = t.model.price_input_usd_per_million
    price_output_usd_per_million = t.model.price_output_usd_per_million
  } }
  token = {
    issuer    = module.identity.issuer
    jwks_url  = module.identity.jwks_url
    client_id = module.identity.client_id
  }
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
