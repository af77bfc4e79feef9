locals {
  bucket = "${var.name_prefix}-documents-${var.account_id}-${var.region}"
  table  = "${var.name_prefix}-patients"
}

resource "aws_kms_key" "this" {
  description             = "${var.name_prefix}: clinic documents and patient records"
  enable_key_rotation     = true
  deletion_window_in_days = var.kms_deletion_window_days
  tags                    = var.tags
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # IAM decides, and every grant in this platform is limited to one service by kms:ViaService. No Deny stands here:
        # DynamoDB refreshes table keys by grants, whose calls need not carry that key, and a locked table is an outage.
        Sid       = "AccountDecidesByIam"
        Effect    = "Allow"
        Principal = { AWS = "arn:${var.partition}:iam::${var.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
    ]
  })
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name_prefix}-tenant-data"
  target_key_id = aws_kms_key.this.key_id
}
