# The clinic is the partition key: IAM can then fence rows by dynamodb:LeadingKeys. No index has another leading key.
resource "aws_dynamodb_table" "patients" {
  name                        = local.table
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "clinic_id"
  range_key                   = "patient_id"
  deletion_protection_enabled = var.protect_data
  tags                        = var.tags

  attribute {
    name = "clinic_id"
    type = "S"
  }
  attribute {
    name = "patient_id"
    type = "S"
  }
  point_in_time_recovery {
    enabled = true
  }
  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.this.arn
  }
}
