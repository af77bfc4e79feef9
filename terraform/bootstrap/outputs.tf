output "state_bucket" {
  description = "Bucket for the remote state of the environments, once it is closed to the public and encrypted."
  value       = aws_s3_bucket.this["state"].bucket
  depends_on = [
    aws_s3_bucket_versioning.this, aws_s3_bucket_server_side_encryption_configuration.this, aws_s3_bucket_policy.this,
  ]
}

output "artifacts_bucket" {
  description = "Bucket for published agent versions, once it is closed to the public and encrypted."
  value       = aws_s3_bucket.this["artifacts"].bucket
  depends_on = [
    aws_s3_bucket_versioning.this, aws_s3_bucket_server_side_encryption_configuration.this, aws_s3_bucket_policy.this,
  ]
}

output "kms_key_arn" {
  description = "Key of both buckets. Who reads an artifact needs kms:Decrypt on it."
  value       = aws_kms_key.this.arn
}

output "backend_config" {
  description = "Content of backend.hcl by environment, once the state bucket is closed to the public and encrypted."
  value       = local.backend_config
  depends_on = [
    aws_s3_bucket_versioning.this, aws_s3_bucket_server_side_encryption_configuration.this, aws_s3_bucket_policy.this,
  ]
}
