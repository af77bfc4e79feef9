# One environment: the compositions that the laptop runs too, with keys of its own, logs and alarms. The same code in every
# environment; what differs stands in terraform.tfvars.
locals {
  catalog = coalesce(var.catalog_dir, "${path.root}/../../catalog")

  # Each module adds its own name; the provider adds the rest.
  tags = { Platform = var.name_prefix }

  platform_key_arn  = one(module.encryption[*].platform_key_arn)
  guardrail_key_arn = one(module.encryption[*].guardrail_key_arn)

  # Unique in the Region, over all accounts.
  sign_in_domain = length(var.callback_urls) == 0 ? null : "${var.name_prefix}-${var.account_id}"

  suffix      = var.partition == "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com"
  invocations = "https://bedrock-agentcore.${var.region}.${local.suffix}/runtimes/${urlencode(module.agentcore.runtime.arn)}/invocations"
}

module "catalog" {
  source        = "../../modules/catalog"
  tiers         = yamldecode(file("${local.catalog}/tiers.yaml"))
  models        = yamldecode(file("${local.catalog}/models.yaml"))
  tools         = { for f in fileset("${local.catalog}/tools", "*.json") : trimsuffix(f, ".json") => jsondecode(file("${local.catalog}/tools/${f}")) }
  tiers_schema  = jsondecode(file("${local.catalog}/tiers.schema.json"))
  models_schema = jsondecode(file("${local.catalog}/models.schema.json"))
  tool_schema   = jsondecode(file("${local.catalog}/tool.schema.json"))
}

module "contract" {
  source = "../../modules/contract"
}

module "encryption" {
  count                    = var.customer_managed_key ? 1 : 0
  source                   = "../../modules/encryption"
  name_prefix              = var.name_prefix
  account_id               = var.account_id
  region                   = var.region
  partition                = var.partition
  kms_deletion_window_days = var.kms_deletion_window_days
  tags                     = merge(local.tags, { Module = "encryption" })
}

# Foundation and AgentCore feed each other: memories, then roles and functions that name them, then gateway and runtime in
# those roles. Terraform orders single resources, so this is no circle; a depends_on between the modules would make one.
module "foundation" {
  source                     = "../../modules/foundation"
  name_prefix                = var.name_prefix
  account_id                 = var.account_id
  region                     = var.region
  partition                  = var.partition
  tiers                      = module.catalog.tiers
  tools                      = module.catalog.tools
  memories                   = module.agentcore.memories
  concurrency                = var.concurrency
  protect_data               = var.protect_data
  kms_deletion_window_days   = var.kms_deletion_window_days
  log_retention_days         = var.log_retention_days
  log_kms_key_arn            = local.platform_key_arn
  runtime_creates_log_groups = false # module observability makes them
  agentcore_kms_key_arn      = local.platform_key_arn
  guardrail_kms_key_arn      = local.guardrail_key_arn
  tags                       = local.tags

  sign_in = {
    mfa           = var.mfa
    password      = var.password_sign_in
    callback_urls = var.callback_urls
    logout_urls   = var.logout_urls
    domain        = local.sign_in_domain
  }
  lambda_package = {
    bucket       = var.artifacts_bucket
    key          = var.release.artifacts.lambda.key
    sha256       = var.release.artifacts.lambda.sha256
    runtime      = var.release.artifacts.lambda_runtime
    architecture = var.release.artifacts.architecture
  }
  runtime_bundle = {
    bucket      = var.artifacts_bucket
    prefix      = "${dirname(dirname(var.release.artifacts.runtime.key))}/" # all versions: an endpoint may stay on an older one
    kms_key_arn = var.artifacts_kms_key_arn
  }
}

module "agentcore" {
  source          = "../../modules/agentcore"
  name_prefix     = var.name_prefix
  account_id      = var.account_id
  region          = var.region
  partition       = var.partition
  tiers           = module.catalog.tiers
  tools           = module.catalog.tools
  policy_template = file("${local.catalog}/policies/tier.cedar.tftpl")
  foundation      = module.foundation.agentcore
  agent_version   = var.release.agent_version
  endpoints       = var.release.endpoints
  # When the contract changes, endpoints name the version that this apply makes. At the first apply all wait for what comes.
  coming_version = length(var.release.runtime_versions) == 0 ? null : one(setsubtract(values(var.release.endpoints), keys(var.release.runtime_versions)))
  network        = var.network
  production     = var.production
  policy_mode    = var.policy_mode
  kms_key_arn    = local.platform_key_arn
  tags           = local.tags

  bundle = {
    bucket  = var.artifacts_bucket
    key     = var.release.artifacts.runtime.key
    sha256  = var.release.artifacts.runtime.sha256
    runtime = var.release.artifacts.runtime_name
  }
}

module "observability" {
  source             = "../../modules/observability"
  name_prefix        = var.name_prefix
  account_id         = var.account_id
  region             = var.region
  partition          = var.partition
  tiers              = module.catalog.tiers
  memories           = module.agentcore.memories
  functions          = module.foundation.function_names
  gateway            = { id = module.agentcore.gateway.id, arn = module.agentcore.gateway.arn }
  quotas             = yamldecode(file("${local.catalog}/quotas.yaml"))
  thresholds         = var.alarms.thresholds
  alarm_topic_arns   = var.alarms.topic_arns
  payload_logs       = var.payload_logs
  traces             = var.traces
  log_retention_days = var.log_retention_days
  log_kms_key_arn    = local.platform_key_arn
  tags               = merge(local.tags, { Module = "observability" })

  runtime = {
    id        = module.agentcore.runtime.id
    arn       = module.agentcore.runtime.arn
    name      = module.agentcore.runtime.name
    endpoints = keys(var.release.endpoints) # not of the resources: alarms are made for each, so they are known at plan time
  }
}
