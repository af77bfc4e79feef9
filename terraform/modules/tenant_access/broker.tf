# The broker (token vending machine): the only principal that the tenant role trusts. It runs outside the microVM, so code
# there can ask for credentials only with a token that it holds. No resource policy: callers are roles of this account,
# which name the function in their own policies.
locals {
  _tier_settings = { for name, t in var.tiers : name => {
    model_id                     = t.model_id
    memory_id                    = t.memory_id
    max_output_tokens            = t.max_output_tokens
    context_window               = t.context_window
    long_term_memory             = t.long_term_memory
    history_turns                = t.history_turns
    guardrail_id                 = t.guardrail.id
    guardrail_version            = t.guardrail.version
    guardrail_message            = t.guardrail.message
    price_input_usd_per_million  = t.price_input_usd_per_million
    price_output_usd_per_million = t.price_output_usd_per_million
  } }
  _messages = distinct([for t in values(var.tiers) : t.guardrail.message])
  # A table, since names of fields with each tier would fill the environment at the seventh. clinic_agent/lambdas/tier_table.py
  # reads it. The message is the guardrail module's and so all tiers' own; only where it differs it has a column.
  _tier_fields = concat(
    ["model_id", "memory_id", "max_output_tokens", "context_window", "long_term_memory", "history_turns"],
    ["guardrail_id", "guardrail_version", "price_input_usd_per_million", "price_output_usd_per_million"],
    [for message in slice(local._messages, 0, 1) : "guardrail_message" if length(local._messages) > 1],
  )
  tiers_json = jsonencode({
    common = { for message in slice(local._messages, 0, 1) : "guardrail_message" => message if length(local._messages) == 1 }
    fields = local._tier_fields
    tiers  = { for name, settings in local._tier_settings : name => [for field in local._tier_fields : settings[field]] }
  })
}

module "broker" {
  source               = "../function"
  name                 = local.broker_name
  account_id           = var.account_id
  region               = var.region
  partition            = var.partition
  package              = var.lambda_package
  handler              = "clinic_agent.lambdas.broker.handler"
  timeout_seconds      = var.broker_timeout_seconds
  reserved_concurrency = var.broker_reserved_concurrency
  log_retention_days   = var.log_retention_days
  log_kms_key_arn      = var.log_kms_key_arn
  aws_endpoint_url     = var.aws_endpoint_url
  tags                 = var.tags

  environment = {
    TOKEN_ISSUER    = var.token.issuer
    TOKEN_JWKS_URL  = var.token.jwks_url
    TOKEN_CLIENT_ID = var.token.client_id
    REGISTRY_TABLE  = var.registry.table
    TENANT_ROLE_ARN = local.tenant_role_arn
    SESSION_SECONDS = tostring(var.session_seconds)
    TIERS           = local.tiers_json
    PLATFORM_NAME   = var.name_prefix # dimension of the agent's metrics
  }

  statements = [
    {
      Sid      = "MakeTenantSessions"
      Effect   = "Allow"
      Action   = ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]
      Resource = local.tenant_role_arn
    },
    {
      Sid      = "ReadRegistry"
      Effect   = "Allow"
      Action   = "dynamodb:GetItem"
      Resource = var.registry.table_arn
    },
    {
      Sid       = "DecryptRegistry"
      Effect    = "Allow"
      Action    = "kms:Decrypt"
      Resource  = var.registry.kms_key_arn
      Condition = { StringEquals = { "kms:ViaService" = local.via_service.dynamodb } }
    },
  ]
}
