locals {
  # ARNs from names, not from resources: policies are then known at plan time, where CI scans them.
  arn      = "arn:${var.partition}:lambda:${var.region}:${var.account_id}:function:${var.name}"
  role_arn = "arn:${var.partition}:iam::${var.account_id}:role/${var.name}"
  logs_arn = "arn:${var.partition}:logs:${var.region}:${var.account_id}:log-group:/aws/lambda/${var.name}"

  environment = merge(
    var.environment,
    module.contract.environment,
    var.aws_endpoint_url == null ? {} : { AWS_ENDPOINT_URL = var.aws_endpoint_url },
  )
  environment_bytes = sum([for name, value in local.environment : length(name) + length(value)])
}

# The handlers refuse to start on a platform of another contract.
module "contract" {
  source = "../contract"
}

resource "aws_iam_role" "this" {
  name = var.name
  tags = var.tags
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

resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_338:How long is the environment's choice; production has its own check (CKV_AGENTCORE_39)
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.log_kms_key_arn
  tags              = var.tags
}

resource "aws_iam_role_policy" "this" {
  name = regex("[a-z0-9]+$", var.name) # the last word says whose it is
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(var.statements, [{
      Sid      = "WriteOwnLogs"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "${local.logs_arn}:*"
    }])
  })
}

resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_116:Called synchronously only; the caller gets the error, and there is no event to keep
  # checkov:skip=CKV_AWS_117:Calls AWS alone, and is called by IAM; network mode VPC is for the microVM, where a model acts
  # checkov:skip=CKV_AWS_173:Holds names and addresses, no secrets (CKV_AGENTCORE_25), which the key of AWS covers
  # checkov:skip=CKV_AWS_272:The code's SHA-256 is pinned and compared after each apply, below
  # checkov:skip=CKV_AWS_50:A trace would hold who asked for whose data, in one more service
  function_name                  = var.name
  role                           = aws_iam_role.this.arn
  runtime                        = var.package.runtime
  architectures                  = [var.package.architecture]
  handler                        = var.handler
  tags                           = var.tags
  s3_bucket                      = var.package.bucket
  s3_key                         = var.package.key
  source_code_hash               = local.sha256_base64
  memory_size                    = var.memory_mb
  timeout                        = var.timeout_seconds
  reserved_concurrent_executions = var.reserved_concurrency
  # No tracing: a trace would hold who asked for whose data, in a service that nobody needs for this.

  environment {
    variables = local.environment
  }

  lifecycle {
    precondition {
      condition     = local.environment_bytes <= 4096
      error_message = "environment: names and values have ${local.environment_bytes} bytes, Lambda takes 4096."
    }
    postcondition {
      # When new code is planned, code_sha256 still shows the old one, but last_modified is unknown: the second half, never
      # true, puts the decision off until the apply.
      condition     = self.code_sha256 == local.sha256_base64 || self.last_modified == ""
      error_message = "package: s3://${var.package.bucket}/${var.package.key} has the SHA-256 (base64) ${self.code_sha256}, the manifest says ${local.sha256_base64}. Somebody replaced the bundle or the function's code; once the bundle is right, apply with -replace."
    }
  }

  # The function would make its log group itself, without a retention. Its policy may come later: output arn waits for it.
  depends_on = [aws_cloudwatch_log_group.this]
}
