# How the foundation's modules fit together, in every environment: who signs in, whose data it is, and who may reach it.
locals {
  runtime_name = "${replace(var.name_prefix, "-", "_")}_agent" # as the agentcore module calls it

  token = {
    issuer    = module.identity.issuer
    jwks_url  = module.identity.jwks_url
    client_id = module.identity.client_id
  }

  # Nothing at all without tags, so that a laptop's keys need not wait for theirs.
  tags = { for name in ["gateway_access", "guardrail", "identity", "tenant_access", "tenant_data"] :
  name => length(var.tags) == 0 ? {} : merge(var.tags, { Module = name }) }
}

module "identity" {
  source                   = "../identity"
  name_prefix              = var.name_prefix
  account_id               = var.account_id
  region                   = var.region
  partition                = var.partition
  lambda_package           = var.lambda_package
  aws_endpoint_url         = var.aws_endpoint_url
  oidc_base_url            = var.sign_in.oidc_base_url
  password_sign_in         = var.sign_in.password
  mfa                      = var.sign_in.mfa
  account_recovery         = var.sign_in.account_recovery
  access_token_minutes     = var.sign_in.access_token_minutes
  refresh_token_hours      = var.sign_in.refresh_token_hours
  callback_urls            = var.sign_in.callback_urls
  logout_urls              = var.sign_in.logout_urls
  domain                   = var.sign_in.domain
  protect_data             = var.protect_data
  kms_deletion_window_days = var.kms_deletion_window_days
  log_retention_days       = var.log_retention_days
  log_kms_key_arn          = var.log_kms_key_arn
  tags                     = local.tags.identity
}

module "tenant_data" {
  source                   = "../tenant_data"
  name_prefix              = var.name_prefix
  account_id               = var.account_id
  region                   = var.region
  partition                = var.partition
  protect_data             = var.protect_data
  kms_deletion_window_days = var.kms_deletion_window_days
  tags                     = local.tags.tenant_data
}

module "guardrail" {
  source      = "../guardrail"
  name_prefix = var.name_prefix
  tiers       = { for name, t in var.tiers : name => t.guardrail }
  kms_key_arn = var.guardrail_kms_key_arn
  tags        = local.tags.guardrail
}

module "tenant_access" {
  source                      = "../tenant_access"
  name_prefix                 = var.name_prefix
  account_id                  = var.account_id
  region                      = var.region
  partition                   = var.partition
  lambda_package              = var.lambda_package
  aws_endpoint_url            = var.aws_endpoint_url
  runtime_name                = local.runtime_name
  runtime_bundle              = var.runtime_bundle
  runtime_creates_log_groups  = var.runtime_creates_log_groups
  session_seconds             = var.tenant_session_seconds
  broker_reserved_concurrency = var.concurrency.broker
  log_retention_days          = var.log_retention_days
  log_kms_key_arn             = var.log_kms_key_arn
  guardrail_kms_key_arn       = var.guardrail_kms_key_arn
  memory_kms_key_arn          = var.agentcore_kms_key_arn
  token                       = local.token
  tags                        = local.tags.tenant_access

  tiers = { for name, t in var.tiers : name => {
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
}

module "gateway_access" {
  source              = "../gateway_access"
  name_prefix         = var.name_prefix
  account_id          = var.account_id
  region              = var.region
  partition           = var.partition
  lambda_package      = var.lambda_package
  aws_endpoint_url    = var.aws_endpoint_url
  log_retention_days  = var.log_retention_days
  log_kms_key_arn     = var.log_kms_key_arn
  token               = local.token
  broker_function_arn = module.tenant_access.broker_name_arn # the tools only name it; who gets the tools waits for both (outputs)
  gateway_kms_key_arn = var.agentcore_kms_key_arn
  tool_arguments      = { for tool in values(var.tools) : tool.wire_name => keys(tool.properties) }
  connectors          = toset([for tool in values(var.tools) : tool.connector_id if tool.connector_id != null])
  interceptor         = { reserved_concurrency = var.concurrency.interceptor }
  tools               = { reserved_concurrency = var.concurrency.tools }
  tags                = local.tags.gateway_access
  data = {
    documents_bucket = module.tenant_data.documents_bucket
    patients_table   = module.tenant_data.patients_table
    kms_key_arns     = [module.tenant_data.kms_key_arn, module.identity.registry_kms_key_arn]
  }
}
