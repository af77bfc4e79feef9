mock_provider "aws" {
  override_during = plan
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::documents" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:111122223333:key/data" }
  }
}

variables {
  name_prefix = "clinic-test"
  account_id  = "111122223333"
  region      = "eu-west-1"
}

run "data_is_encrypted_recoverable_and_protected_by_default" {
  command = plan
  assert {
    condition     = aws_kms_key.this.enable_key_rotation && one(aws_s3_bucket_server_side_encryption_configuration.documents.rule[*].apply_server_side_encryption_by_default[0].kms_master_key_id) == aws_kms_key.this.arn
    error_message = "The bucket must use the module's key, which rotates."
  }
  assert {
    condition     = aws_dynamodb_table.patients.server_side_encryption[0].kms_key_arn == aws_kms_key.this.arn && aws_dynamodb_table.patients.point_in_time_recovery[0].enabled
    error_message = "The table must use the module's key and be recoverable."
  }
  assert {
    condition     = aws_dynamodb_table.patients.deletion_protection_enabled && !aws_s3_bucket.documents.force_destroy && aws_s3_bucket_versioning.documents.versioning_configuration[0].status == "Enabled"
    error_message = "Data must be protected unless somebody says that it is disposable."
  }
}

run "the_bucket_is_closed" {
  command = plan
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.documents.block_public_acls, aws_s3_bucket_public_access_block.documents.block_public_policy,
      aws_s3_bucket_public_access_block.documents.ignore_public_acls, aws_s3_bucket_public_access_block.documents.restrict_public_buckets,
    ])
    error_message = "All four blocks of public access must be on."
  }
  assert {
    condition     = jsondecode(aws_s3_bucket_policy.documents.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false" && jsondecode(aws_s3_bucket_policy.documents.policy).Statement[0].Effect == "Deny"
    error_message = "The bucket must refuse requests without TLS."
  }
}

run "the_clinic_is_the_only_leading_key" {
  command = plan
  assert {
    condition     = aws_dynamodb_table.patients.hash_key == "clinic_id" && length(aws_dynamodb_table.patients.global_secondary_index) == 0
    error_message = "dynamodb:LeadingKeys fences the table by clinic: no index may lead with another key."
  }
}

run "disposable_data_is_not_protected" {
  command = plan
  variables {
    protect_data = false
  }
  assert {
    condition     = aws_s3_bucket.documents.force_destroy && !aws_dynamodb_table.patients.deletion_protection_enabled
    error_message = "protect_data = false must let destroy through."
  }
}

# Each of these must fail by itself: terraform test misses none of expect_failures.
run "rejects_malformed_names_places_and_periods" {
  command = plan
  variables {
    name_prefix              = "Clinic"
    account_id               = "1234"
    region                   = "europe"
    partition                = "azure"
    kms_deletion_window_days = 6
  }
  expect_failures = [var.name_prefix, var.account_id, var.region, var.partition, var.kms_deletion_window_days]
}
