mock_provider "aws" {
  override_during = plan
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::bucket" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:111122223333:key/bootstrap" }
  }
}

variables {
  name_prefix = "clinic-test"
  account_id  = "111122223333"
  region      = "eu-west-1"
}

run "names_are_unique_per_account_and_region" {
  command = plan
  assert {
    condition     = output.artifacts_bucket == "clinic-test-artifacts-111122223333-eu-west-1" && output.state_bucket == "clinic-test-state-111122223333-eu-west-1"
    error_message = "Bucket names must be <prefix>-<use>-<account>-<region>."
  }
}

run "both_buckets_are_versioned_encrypted_closed_and_tls_only" {
  command = plan
  assert {
    condition     = alltrue([for v in values(aws_s3_bucket_versioning.this) : v.versioning_configuration[0].status == "Enabled"]) && length(aws_s3_bucket_versioning.this) == 2
    error_message = "Both buckets must keep versions."
  }
  assert {
    condition     = alltrue([for e in values(aws_s3_bucket_server_side_encryption_configuration.this) : one(e.rule[*].apply_server_side_encryption_by_default[0].kms_master_key_id) == aws_kms_key.this.arn]) && length(aws_s3_bucket_server_side_encryption_configuration.this) == 2
    error_message = "Both buckets must use the key."
  }
  assert {
    condition     = alltrue([for b in values(aws_s3_bucket_public_access_block.this) : b.block_public_acls && b.block_public_policy && b.ignore_public_acls && b.restrict_public_buckets]) && length(aws_s3_bucket_public_access_block.this) == 2
    error_message = "Both buckets must block public access."
  }
  assert {
    condition     = alltrue([for p in values(aws_s3_bucket_policy.this) : jsondecode(p.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"]) && length(aws_s3_bucket_policy.this) == 2
    error_message = "Both buckets must refuse requests without TLS."
  }
  assert {
    condition     = aws_kms_key.this.enable_key_rotation && !anytrue([for b in values(aws_s3_bucket.this) : b.force_destroy])
    error_message = "The key must rotate, and destroy must refuse buckets with objects."
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
