# Tenants and memberships, one row each. Who writes here decides who is whose: only operators do, no role of this module.
resource "aws_kms_key" "registry" {
  description             = "${var.name_prefix}: tenant registry"
  enable_key_rotation     = true
  deletion_window_in_days = var.kms_deletion_window_days
  tags                    = var.tags
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AccountDecidesByIam"
      Effect    = "Allow"
      Principal = { AWS = "arn:${var.partition}:iam::${var.account_id}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_kms_alias" "registry" {
  name          = "alias/${var.name_prefix}-registry"
  target_key_id = aws_kms_key.registry.key_id
}

resource "aws_dynamodb_table" "registry" {
  name                        = local.registry_name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = var.protect_data
  tags                        = var.tags

  attribute {
    name = "pk"
    type = "S"
  }
  attribute {
    name = "sk"
    type = "S"
  }
  point_in_time_recovery {
    enabled = true
  }
  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.registry.arn
  }
}
