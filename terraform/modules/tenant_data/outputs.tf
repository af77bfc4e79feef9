output "documents_bucket" {
  description = "Name of the bucket with the clinics' documents, once it is closed to the public and encrypted."
  value       = aws_s3_bucket.documents.bucket
  depends_on = [
    aws_s3_bucket_versioning.documents, aws_s3_bucket_server_side_encryption_configuration.documents,
    aws_s3_bucket_ownership_controls.documents, aws_s3_bucket_policy.documents,
  ]
}

output "documents_bucket_arn" {
  description = "ARN of that bucket."
  value       = aws_s3_bucket.documents.arn
}

output "patients_table" {
  description = "Name of the patients table."
  value       = aws_dynamodb_table.patients.name
}

output "patients_table_arn" {
  description = "ARN of that table."
  value       = aws_dynamodb_table.patients.arn
}

output "kms_key_arn" {
  description = "Key of bucket and table. Who reads either needs kms:Decrypt on it, through S3 or DynamoDB."
  value       = aws_kms_key.this.arn
}
