mock_provider "aws" {
  override_during = plan
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:111122223333:key/0123abcd-0000-4000-8000-000000000000" }
  }
}

variables {
  name_prefix = "clinic-dev-euw1"
  account_id  = "111122223333"
  region      = "eu-west-1"
}

run "both_keys_rotate_and_have_an_alias" {
  command = plan
  assert {
    condition     = keys(aws_kms_key.this) == ["guardrails", "platform"] && alltrue([for k in values(aws_kms_key.this) : k.enable_key_rotation && k.deletion_window_in_days == 30])
    error_message = "Two keys, both rotating, both with the longest way back."
  }
  assert {
    condition     = sort([for a in values(aws_kms_alias.this) : a.name]) == tolist(["alias/clinic-dev-euw1-guardrails", "alias/clinic-dev-euw1-platform"])
    error_message = "Each key must be found by name."
  }
}

run "cloudwatch_logs_uses_the_platform_key_for_this_accounts_groups_only" {
  command = plan
  assert {
    condition = jsonencode([for s in jsondecode(output.key_policies.platform).Statement : [s.Principal.Service, s.Condition] if can(s.Principal.Service)]) == jsonencode([
      ["logs.eu-west-1.amazonaws.com", { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:aws:logs:eu-west-1:111122223333:log-group:*" } }],
      ["delivery.logs.amazonaws.com", {
        StringEquals = { "aws:SourceAccount" = "111122223333" }
        StringLike   = { "kms:EncryptionContext:SourceArn" = "arn:aws:logs:eu-west-1:111122223333:*" }
      }],
    ])
    error_message = "Log services of other accounts and Regions must not use the key."
  }
}

run "no_service_and_nobody_from_elsewhere_uses_the_guardrails_key" {
  command = plan
  assert {
    condition     = [for s in jsondecode(output.key_policies.guardrails).Statement : s.Principal.AWS] == ["arn:aws:iam::111122223333:root"]
    error_message = "IAM of this account decides alone."
  }
}

run "china_has_its_own_service_names" {
  command = plan
  variables {
    partition = "aws-cn"
    region    = "cn-north-1"
  }
  assert {
    condition     = strcontains(output.key_policies.platform, "logs.cn-north-1.amazonaws.com.cn") && strcontains(output.key_policies.platform, "arn:aws-cn:logs:cn-north-1:")
    error_message = "Partition and suffix must be China's."
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
    kms_deletion_window_days = 31
  }
  expect_failures = [var.name_prefix, var.account_id, var.region, var.partition, var.kms_deletion_window_days]
}
