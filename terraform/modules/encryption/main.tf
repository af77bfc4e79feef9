locals {
  suffix = var.partition == "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com"
  logs   = "arn:${var.partition}:logs:${var.region}:${var.account_id}"

  # Whoever applies needs kms:* of this by IAM, and so do the roles that the services act in: memories, gateway, policy
  # engine and guardrails are encrypted in the name of whoever calls. Those rights stand with the roles, not here.
  account = {
    Sid       = "AccountDecidesByIam"
    Effect    = "Allow"
    Principal = { AWS = "arn:${var.partition}:iam::${var.account_id}:root" }
    Action    = "kms:*"
    Resource  = "*"
  }

  # Tenants call models, so their role decrypts guardrails, without naming a service. A key that they may use must encrypt
  # nothing else: hence two.
  keys = {
    platform = {
      description = "logs, memories, gateway and policies"
      statements = [
        local.account,
        {
          Sid       = "LogGroupsOfThisAccount"
          Effect    = "Allow"
          Principal = { Service = "logs.${var.region}.${local.suffix}" }
          Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
          Resource  = "*"
          Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "${local.logs}:log-group:*" } }
        },
        {
          # Logs and traces that AgentCore's resources vend go through this service.
          Sid       = "VendedLogsOfThisAccount"
          Effect    = "Allow"
          Principal = { Service = "delivery.logs.amazonaws.com" }
          Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource  = "*"
          Condition = {
            StringEquals = { "aws:SourceAccount" = var.account_id }
            StringLike   = { "kms:EncryptionContext:SourceArn" = "${local.logs}:*" }
          }
        },
      ]
    }
    guardrails = {
      description = "guardrails, which tenants' sessions decrypt"
      statements  = [local.account]
    }
  }
}

resource "aws_kms_key" "this" {
  for_each                = local.keys
  description             = "${var.name_prefix}: ${each.value.description}"
  enable_key_rotation     = true
  deletion_window_in_days = var.kms_deletion_window_days
  policy                  = jsonencode({ Version = "2012-10-17", Statement = each.value.statements })
  tags                    = var.tags
}

resource "aws_kms_alias" "this" {
  for_each      = aws_kms_key.this
  name          = "alias/${var.name_prefix}-${each.key}"
  target_key_id = each.value.key_id
}
