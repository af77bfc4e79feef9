# The broker (token vending machine): the only principal that the tenant role trusts. It runs outside the microVM, so code
# there can ask for credentials only with a token that it holds. No resource policy: callers are roles of this account,
# which name the function in their own policies.
locals {
  tiers_json = jsonencode({ for name, t in var.tiers : name => {
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
  } })
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

  environment = {
    TOKEN_ISSUER    = var.token.issuer
    TOKEN_JWKS_URL  = var.token.jwks_url
    TOKEN_CLIENT_ID = var.token.client_id
    REGISTRY_TABLE  = var.registry.table
    TENANT_ROLE_ARN = local.tenant_role_arn
    SESSION_SECONDS = tostring(var.session_seconds)
    TIERS           = local.tiers_json
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
