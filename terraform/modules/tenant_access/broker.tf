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
    price_input_usd_per_million  = t.price_input_usd_per_million
    price_output_usd_per_million = t.price_output_usd_per_million
  } })

  broker_environment = merge(
    {
      TOKEN_ISSUER    = var.token.issuer
      TOKEN_JWKS_URL  = var.token.jwks_url
      TOKEN_CLIENT_ID = var.token.client_id
      REGISTRY_TABLE  = var.registry.table
      TENANT_ROLE_ARN = local.tenant_role_arn
      SESSION_SECONDS = tostring(var.session_seconds)
      TIERS           = local.tiers_json
    },
    var.aws_endpoint_url == null ? {} : { AWS_ENDPOINT_URL = var.aws_endpoint_url },
  )
}

resource "aws_iam_role" "broker" {
  name = local.broker_name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "LambdaService"
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_cloudwatch_log_group" "broker" {
  name              = "/aws/lambda/${local.broker_name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.log_kms_key_arn
}

resource "aws_iam_role_policy" "broker" {
  name = "broker"
  role = aws_iam_role.broker.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
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
      {
        Sid      = "WriteOwnLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${local.broker_logs_arn}:*"
      },
    ]
  })
}

resource "aws_lambda_function" "broker" {
  function_name                  = local.broker_name
  role                           = aws_iam_role.broker.arn
  runtime                        = var.lambda_package.runtime
  architectures                  = [var.lambda_package.architecture]
  handler                        = "clinic_agent.lambdas.broker.handler"
  s3_bucket                      = var.lambda_package.bucket
  s3_key                         = var.lambda_package.key
  source_code_hash               = local.lambda_sha256_base64
  memory_size                    = 512 # more memory is more CPU, and verifying a signature is all CPU
  timeout                        = var.broker_timeout_seconds
  reserved_concurrent_executions = var.broker_reserved_concurrency
  # No tracing: a trace would hold who asked for whose credentials, in a service that nobody needs for this.

  environment {
    variables = local.broker_environment
  }

  lifecycle {
    precondition {
      # Lambda takes 4 KB of environment in all; the other variables and all names stay below 1 KB.
      condition     = length(local.tiers_json) <= 3072
      error_message = "tiers: the settings for the broker have ${length(local.tiers_json)} characters, its environment has room for 3072. Use fewer tiers."
    }
    postcondition {
      # When new code is planned, code_sha256 still shows the old one, but last_modified is unknown: the second half, never
      # true, puts the decision off until the apply.
      condition     = self.code_sha256 == local.lambda_sha256_base64 || self.last_modified == ""
      error_message = "lambda_package: s3://${var.lambda_package.bucket}/${var.lambda_package.key} has the SHA-256 (base64) ${self.code_sha256}, the manifest says ${local.lambda_sha256_base64}. Somebody replaced the bundle or the function's code; once the bundle is right, apply with -replace."
    }
  }

  # The function would make its log group itself, without a retention. Its policy may come later: broker_function_arn waits.
  depends_on = [aws_cloudwatch_log_group.broker]
}
