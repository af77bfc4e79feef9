# Pre-token-generation: puts tier and clinic_id into access tokens, from the registry and from nothing else.
module "claims" {
  source             = "../function"
  name               = local.claims_name
  account_id         = var.account_id
  region             = var.region
  partition          = var.partition
  package            = var.lambda_package
  handler            = "clinic_agent.lambdas.claims.handler"
  timeout_seconds    = 5 # Cognito waits 5 s for a trigger, not longer; the memory's default lets a cold start end within it
  log_retention_days = var.log_retention_days
  log_kms_key_arn    = var.log_kms_key_arn
  aws_endpoint_url   = var.aws_endpoint_url
  environment        = { REGISTRY_TABLE = local.registry_name }
  tags               = var.tags

  statements = [
    {
      Sid      = "ReadRegistry"
      Effect   = "Allow"
      Action   = "dynamodb:GetItem"
      Resource = aws_dynamodb_table.registry.arn
    },
    {
      Sid       = "DecryptRegistry"
      Effect    = "Allow"
      Action    = "kms:Decrypt"
      Resource  = aws_kms_key.registry.arn
      Condition = { StringEquals = { "kms:ViaService" = "dynamodb.${var.region}.amazonaws.com" } }
    },
  ]
}

resource "aws_lambda_permission" "claims" {
  statement_id   = "UserPool"
  function_name  = module.claims.function_name
  action         = "lambda:InvokeFunction"
  principal      = "cognito-idp.amazonaws.com"
  source_arn     = aws_cognito_user_pool.this.arn
  source_account = var.account_id
}
