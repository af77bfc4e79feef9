# The role of the microVM. Any code there, a hijacked model included, holds its credentials: so it may fetch its own code,
# write its own logs and ask the broker, and is denied what would reach a tenant even if somebody adds an Allow later.
resource "aws_iam_role" "execution" {
  name = local.execution_name
  tags = var.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AgentCoreForRuntimesOfThisAccount"
      Effect    = "Allow"
      Principal = { Service = "bedrock-agentcore.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id }
        ArnLike      = { "aws:SourceArn" = "${local.arn_prefix}:bedrock-agentcore:${var.region}:${var.account_id}:runtime/*" }
      }
    }]
  })
}

resource "aws_iam_role_policy" "execution" {
  name = "execution"
  role = aws_iam_role.execution.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "AskBroker"
        Effect   = "Allow"
        Action   = "lambda:InvokeFunction"
        Resource = local.broker_arn
      },
      {
        Sid      = "ReadOwnBundle"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = "${local.arn_prefix}:s3:::${var.runtime_bundle.bucket}/${var.runtime_bundle.prefix}*"
      },
      {
        Sid       = "DecryptOwnBundle"
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = var.runtime_bundle.kms_key_arn
        Condition = { StringEquals = { "kms:ViaService" = local.via_service.s3 } }
      },
      {
        # AgentCore names the groups <runtime name>-<id>-<endpoint>; the id exists only after the runtime.
        Sid    = "WriteOwnLogs"
        Effect = "Allow"
        Action = concat(
          var.runtime_creates_log_groups ? ["logs:CreateLogGroup"] : [],
          ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
        )
        Resource = "${local.arn_prefix}:logs:${var.region}:${var.account_id}:log-group:/aws/bedrock-agentcore/runtimes/${var.runtime_name}-*"
      },
      {
        # A role in the same account needs only to trust this one: an Allow of its own is not required.
        Sid      = "DenyOtherIdentities"
        Effect   = "Deny"
        Action   = ["sts:AssumeRole*", "sts:SetSourceIdentity", "sts:TagSession", "bedrock-agentcore:GetWorkloadAccessTokenForUserId"]
        Resource = "*"
      },
      {
        Sid    = "DenyModelsAndMemory"
        Effect = "Deny"
        Action = concat(
          ["bedrock:Invoke*", "bedrock:Retrieve*", "bedrock-mantle:*"],
          [for a in sort(concat(local.memory_by_actor, local.memory_by_namespace, local.memory_unfenced)) : "bedrock-agentcore:${a}"],
        )
        Resource = "*"
      },
      {
        Sid      = "DenyTables"
        Effect   = "Deny"
        Action   = "dynamodb:*"
        Resource = "*"
      },
      {
        Sid      = "DenyDocuments"
        Effect   = "Deny"
        Action   = "s3:*"
        Resource = [var.data.bucket_arn, "${var.data.bucket_arn}/*"]
      },
      {
        Sid      = "DenyTenantKeys"
        Effect   = "Deny"
        Action   = "kms:*"
        Resource = distinct([var.data.kms_key_arn, var.registry.kms_key_arn])
      },
    ]
  })
}
