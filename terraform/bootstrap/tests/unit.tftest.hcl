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

run "a_release_is_never_deleted_or_overwritten" {
  command = plan
  assert {
    condition = jsonencode({ for s in jsondecode(aws_s3_bucket_policy.this["artifacts"].policy).Statement : s.Sid => [s.Effect, s.Principal, s.Resource, try(s.Condition, null)] if s.Sid != "TlsOnly" }) == jsonencode({
      NobodyDeletesReleases = ["Deny", "*", "arn:aws:s3:::bucket/agents/*", null]
      NobodyOverwritesReleases = ["Deny", "*", "arn:aws:s3:::bucket/agents/*", {
        Bool = { "s3:ObjectCreationOperation" = "true" }
        Null = { "s3:if-none-match" = "true" }
      }]
    })
    error_message = "Nobody may delete a published version or write over it."
  }
  assert {
    condition     = toset([for s in jsondecode(aws_s3_bucket_policy.this["state"].policy).Statement : s.Sid]) == toset(["TlsOnly"])
    error_message = "States are written over all the time."
  }
  assert {
    condition     = aws_s3_bucket.this["artifacts"].object_lock_enabled != true && length(aws_s3_bucket_object_lock_configuration.artifacts) == 0
    error_message = "Object lock is asked for, or it is not there."
  }
}

run "a_break_glass_role_may_delete_and_not_overwrite" {
  command = plan
  variables {
    break_glass_role_arn = "arn:aws:iam::111122223333:role/break-glass"
  }
  assert {
    condition = jsonencode({ for s in jsondecode(aws_s3_bucket_policy.this["artifacts"].policy).Statement : s.Sid => s.Condition if s.Sid != "TlsOnly" }) == jsonencode({
      NobodyDeletesReleases    = { ArnNotEquals = { "aws:PrincipalArn" = ["arn:aws:iam::111122223333:role/break-glass"] } }
      NobodyOverwritesReleases = { Bool = { "s3:ObjectCreationOperation" = "true" }, Null = { "s3:if-none-match" = "true" } }
    })
    error_message = "The exception is that role and deletion."
  }
}

run "it_can_be_left_to_iam" {
  command = plan
  variables {
    immutable_releases = false
  }
  assert {
    condition     = length(jsondecode(aws_s3_bucket_policy.this["artifacts"].policy).Statement) == 1
    error_message = "Only TLS is asked for."
  }
}

run "object_lock_is_for_artifacts_alone" {
  command = plan
  variables {
    object_lock = { mode = "GOVERNANCE", days = 365 }
  }
  assert {
    condition     = aws_s3_bucket.this["artifacts"].object_lock_enabled && aws_s3_bucket.this["state"].object_lock_enabled != true
    error_message = "A locked state bucket could not release its lock file."
  }
  assert {
    condition     = aws_s3_bucket_object_lock_configuration.artifacts[0].rule[0].default_retention[0].mode == "GOVERNANCE"
    error_message = "The retention must be as asked for."
  }
}

run "old_states_expire_and_releases_do_not" {
  command = plan
  assert {
    condition     = [for r in aws_s3_bucket_lifecycle_configuration.this["state"].rule : r.noncurrent_version_expiration[0].noncurrent_days if r.id == "old-states"] == [365]
    error_message = "Old states must expire."
  }
  assert {
    condition     = alltrue([for r in aws_s3_bucket_lifecycle_configuration.this["artifacts"].rule : length(r.noncurrent_version_expiration) == 0 && length(r.expiration) == 0])
    error_message = "Nothing published may expire."
  }
}

run "where_data_is_disposable_there_are_no_rules_to_wait_for" {
  command = plan
  variables {
    protect_data = false
  }
  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.this) == 0
    error_message = "A laptop must not wait for them."
  }
}

run "each_environment_gets_its_backend_settings" {
  command = plan
  variables {
    environments = ["dev"]
  }
  assert {
    condition     = keys(output.backend_config) == ["dev"] && strcontains(output.backend_config.dev, "key          = \"environments/dev/terraform.tfstate\"\n") && strcontains(output.backend_config.dev, "use_lockfile = true\n")
    error_message = "The text must be a backend.hcl."
  }
}

run "rejects_malformed_choices" {
  command = plan
  variables {
    environments         = ["my-env"]
    releases_prefix      = "agents*"
    break_glass_role_arn = "arn:aws:iam::111122223333:role/*"
    state_version_days   = 0
  }
  expect_failures = [var.environments, var.releases_prefix, var.break_glass_role_arn, var.state_version_days]
}

run "rejects_an_unknown_lock" {
  command = plan
  variables {
    object_lock = { mode = "FOREVER", days = 1 }
  }
  expect_failures = [var.object_lock]
}

run "rejects_a_lock_of_no_days" {
  command = plan
  variables {
    object_lock = { mode = "GOVERNANCE", days = 0 }
  }
  expect_failures = [var.object_lock]
}

run "rejects_a_lock_on_disposable_data" {
  command = plan
  variables {
    protect_data = false
    object_lock  = { mode = "GOVERNANCE", days = 1 }
  }
  expect_failures = [var.object_lock]
}
