# The foundation on a laptop: the composition of every environment, with disposable data and password sign-in.
locals {
  catalog      = coalesce(var.catalog_dir, "${path.root}/../../../catalog")
  agent_prefix = "${dirname(dirname(var.artifacts.runtime.key))}/" # all versions: an endpoint may stay on an older one
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

module "foundation" {
  source                   = "../../../modules/foundation"
  name_prefix              = var.name_prefix
  account_id               = var.account_id
  region                   = var.region
  partition                = var.partition
  tiers                    = module.catalog.tiers
  tools                    = module.catalog.tools
  memories                 = var.memories
  aws_endpoint_url         = var.aws_endpoint_url
  protect_data             = false
  kms_deletion_window_days = 7
  log_retention_days       = 7

  sign_in = {
    password      = var.password_sign_in
    mfa           = "OFF"
    oidc_base_url = var.oidc_base_url
  }
  lambda_package = {
    bucket       = var.artifacts.bucket
    key          = var.artifacts.lambda.key
    sha256       = var.artifacts.lambda.sha256
    runtime      = var.artifacts.lambda_runtime
    architecture = var.artifacts.architecture
  }
  runtime_bundle = {
    bucket      = var.artifacts.bucket
    prefix      = local.agent_prefix
    kms_key_arn = data.aws_kms_alias.artifacts.target_key_arn
  }
}
