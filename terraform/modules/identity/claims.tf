# Pre-token-generation: puts tier and clinic_id into access tokens, from the registry and from nothing else.
resource "aws_iam_role" "claims" {
  name = local.claims_name
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

resource "aws_cloudwatch_log_group" "claims" {
  name              = "/aws/lambda/${local.claims_name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.log_kms_key_arn
}

resource "aws_iam_role_policy" "claims" {
  name = "claims"
  role = aws_iam_role.claims.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
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
      {
        Sid      = "WriteOwnLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.claims.arn}:*"
      },
    ]
  })
}

resource "aws_lambda_function" "claims" {
  function_name    = local.claims_name
  role             = aws_iam_role.claims.arn
  runtime          = var.lambda_package.runtime
  architectures    = [var.lambda_package.architecture]
  handler          = "clinic_agent.lambdas.claims.handler"
  s3_bucket        = var.lambda_package.bucket
  s3_key           = var.lambda_package.key
  source_code_hash = local.lambda_sha256_base64
  memory_size      = 512 # more memory is more CPU: a cold start must end within Cognito's limit
  timeout          = 5   # Cognito waits 5 s for a trigger, not longer

  environment {
    variables = merge(
      { REGISTRY_TABLE = local.registry_name },
      var.aws_endpoint_url == null ? {} : { AWS_ENDPOINT_URL = var.aws_endpoint_url },
    )
  }

  lifecycle {
    postcondition {
      # When new code is planned, code_sha256 still shows the old one, but last_modified is unknown: the second half, never
      # true, puts the decision off until the apply.
      condition     = self.code_sha256 == local.lambda_sha256_base64 || self.last_modified == ""
      error_message = "lambda_package: s3://${var.lambda_package.bucket}/${var.lambda_package.key} has the SHA-256 (base64) ${self.code_sha256}, the manifest says ${local.lambda_sha256_base64}. Somebody replaced the bundle or the function's code; once the bundle is right, apply with -replace."
    }
  }

  # The function would make its log group itself, without a retention. It need not wait for its policy, nor for table and
  # key behind that: nobody signs in before user_pool_id is out, and that output waits.
  depends_on = [aws_cloudwatch_log_group.claims]
}

resource "aws_lambda_permission" "claims" {
  statement_id   = "UserPool"
  function_name  = aws_lambda_function.claims.function_name
  action         = "lambda:InvokeFunction"
  principal      = "cognito-idp.amazonaws.com"
  source_arn     = aws_cognito_user_pool.this.arn
  source_account = var.account_id
}
