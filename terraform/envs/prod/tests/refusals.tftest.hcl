# What is refused, each with one change of this environment's own values. All environments have the same rules, so this
# stands here alone.
mock_provider "aws" {} # what a resource gets at an apply stays unknown; refusals come before

variables {
  release = {
    agent_version    = "1.2.0"
    contract_version = 1
    artifacts = {
      runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
      lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
      runtime_name   = "PYTHON_3_11"
      lambda_runtime = "python3.11"
      architecture   = "arm64"
    }
    runtime_versions        = { "1" = "1.1.0", "2" = "1.2.0" }
    endpoints               = { live = "1", candidate = "2" }
    previous                = { candidate = "1" }
    candidate_share_percent = 20
  }
}

run "production_plans_with_all_controls" {
  command = plan
  assert {
    condition     = output.production && output.sign_in_url == "https://${var.name_prefix}-${var.account_id}.auth.us-east-1.amazoncognito.com"
    error_message = "Sign-in pages must be the environment's own."
  }
}

# Each of these must fail by itself: terraform test misses none of expect_failures.
run "production_refuses_what_weakens_it" {
  command = plan
  variables {
    policy_mode          = "LOG_ONLY"
    password_sign_in     = true
    mfa                  = "OPTIONAL"
    customer_managed_key = false
    protect_data         = false
    alarms               = {}
    payload_logs         = ["memory"]

    log_retention_days       = 364
    kms_deletion_window_days = 29
  }
  expect_failures = [
    var.policy_mode, var.password_sign_in, var.mfa, var.customer_managed_key, var.protect_data, var.alarms,
    var.payload_logs, var.log_retention_days, var.kms_deletion_window_days,
  ]
}

run "production_refuses_an_error_rate_that_is_never_met" {
  command = plan
  variables {
    alarms = {
      topic_arns = ["arn:aws:sns:us-east-1:444455556666:clinic-alarms"]
      thresholds = { basic = { error_percent = 21 } }
    }
  }
  expect_failures = [var.alarms]
}

run "production_refuses_a_p95_that_is_never_met" {
  command = plan
  variables {
    alarms = {
      topic_arns = ["arn:aws:sns:us-east-1:444455556666:clinic-alarms"]
      thresholds = { basic = { latency_p95_ms = 60001, latency_p99_ms = 70000 } }
    }
  }
  expect_failures = [var.alarms]
}

run "production_refuses_a_p99_that_is_never_met" {
  command = plan
  variables {
    alarms = {
      topic_arns = ["arn:aws:sns:us-east-1:444455556666:clinic-alarms"]
      thresholds = { basic = { latency_p99_ms = 120001 } }
    }
  }
  expect_failures = [var.alarms]
}

run "production_refuses_throttles_that_are_never_met" {
  command = plan
  variables {
    alarms = {
      topic_arns = ["arn:aws:sns:us-east-1:444455556666:clinic-alarms"]
      thresholds = { basic = { throttles = 101 } }
    }
  }
  expect_failures = [var.alarms]
}

run "production_refuses_attempts_that_nobody_looks_at" {
  command = plan
  variables {
    alarms = {
      topic_arns = ["arn:aws:sns:us-east-1:444455556666:clinic-alarms"]
      thresholds = { basic = { cross_tenant_attempts = 4 } }
    }
  }
  expect_failures = [var.alarms]
}

run "production_takes_thresholds_at_their_bounds" {
  command = plan
  variables {
    log_retention_days = 365
    alarms = {
      topic_arns = ["arn:aws:sns:us-east-1:444455556666:clinic-alarms"]
      thresholds = { basic = { error_percent = 20, latency_p95_ms = 60000, latency_p99_ms = 120000, throttles = 100, cross_tenant_attempts = 3 } }
    }
  }
  assert {
    condition     = output.production
    error_message = "The bounds themselves are allowed."
  }
}

run "rejects_what_is_elsewhere_or_nowhere" {
  command = plan
  variables {
    artifacts_kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/0123abcd"
    catalog_dir           = "/nowhere"
    callback_urls         = [] # with no password sign-in either, nobody could sign in
  }
  expect_failures = [var.artifacts_kms_key_arn, var.catalog_dir, var.callback_urls]
}

run "rejects_topics_of_another_region_and_a_key_that_is_none" {
  command = plan
  variables {
    artifacts_kms_key_arn = "alias/artifacts"
    alarms                = { topic_arns = ["arn:aws:sns:eu-west-1:444455556666:clinic-alarms"] }
  }
  expect_failures = [var.artifacts_kms_key_arn, var.alarms]
}

run "rejects_another_environments_name" {
  command = plan
  variables {
    environment = "other"
  }
  expect_failures = [var.environment]
}

run "rejects_an_environment_outside_the_grammar" {
  command = plan
  variables {
    environment = "my-env"
  }
  expect_failures = [var.environment]
}

run "rejects_a_prefix_without_the_environment" {
  command = plan
  variables {
    name_prefix = "clinic"
  }
  expect_failures = [var.name_prefix]
}

run "rejects_a_prefix_of_another_region" {
  command = plan
  variables {
    name_prefix = "clinic-${var.environment}-euw1"
  }
  expect_failures = [var.name_prefix]
}

run "rejects_a_prefix_that_another_could_start_with" {
  command = plan
  variables {
    name_prefix = "my-clinic-${var.environment}-use1"
  }
  expect_failures = [var.name_prefix]
}

run "rejects_a_prefix_that_is_too_long" {
  command = plan
  variables {
    name_prefix = "clinicassistants-${var.environment}-use1"
  }
  expect_failures = [var.name_prefix]
}

run "rejects_malformed_places_and_names" {
  command = plan
  variables {
    account_id       = "1234"
    region           = "europe"
    partition        = "azure"
    cost_centre      = ""
    artifacts_bucket = "Artifacts"
    policy_mode      = "OFF"
    mfa              = "SMS"
  }
  # What depends on one of these is not looked at any more.
  expect_failures = [var.account_id, var.region, var.partition, var.cost_centre, var.artifacts_bucket, var.policy_mode, var.mfa]
}

run "refuses_prod_that_is_not_production" {
  command = plan
  variables {
    production = false
  }
  expect_failures = [var.production]
}

run "rejects_thresholds_of_a_tier_that_does_not_exist" {
  command = plan
  variables {
    alarms = {
      topic_arns = ["arn:aws:sns:us-east-1:444455556666:clinic-alarms"]
      thresholds = { gold = { error_percent = 1 } }
    }
  }
  expect_failures = [var.alarms]
}

run "rejects_a_version_that_is_none" {
  command = plan
  variables {
    release = {
      agent_version    = "latest"
      contract_version = 1
      artifacts = {
        runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        runtime_name   = "PYTHON_3_11"
        lambda_runtime = "python3.11"
        architecture   = "arm64"
      }
      runtime_versions        = { "1" = "1.1.0", "2" = "1.2.0" }
      endpoints               = { live = "1", candidate = "2" }
      previous                = { candidate = "1" }
      candidate_share_percent = 20
    }
  }
  expect_failures = [var.release]
}

run "rejects_bundles_of_another_version" {
  command = plan
  variables {
    release = {
      agent_version    = "1.2.0"
      contract_version = 1
      artifacts = {
        runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        lambda         = { key = "agents/clinic-agent/1.1.0/lambda-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        runtime_name   = "PYTHON_3_11"
        lambda_runtime = "python3.11"
        architecture   = "arm64"
      }
      runtime_versions        = { "1" = "1.1.0", "2" = "1.2.0" }
      endpoints               = { live = "1", candidate = "2" }
      previous                = { candidate = "1" }
      candidate_share_percent = 20
    }
  }
  expect_failures = [var.release]
}

run "rejects_bundles_of_two_publications" {
  command = plan
  variables {
    release = {
      agent_version    = "1.2.0"
      contract_version = 1
      artifacts = {
        runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        lambda         = { key = "agents/other-agent/1.2.0/lambda-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        runtime_name   = "PYTHON_3_11"
        lambda_runtime = "python3.11"
        architecture   = "arm64"
      }
      runtime_versions        = { "1" = "1.1.0", "2" = "1.2.0" }
      endpoints               = { live = "1", candidate = "2" }
      previous                = { candidate = "1" }
      candidate_share_percent = 20
    }
  }
  expect_failures = [var.release]
}

run "rejects_a_checksum_that_is_none" {
  command = plan
  variables {
    release = {
      agent_version    = "1.2.0"
      contract_version = 1
      artifacts = {
        runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64-py311.zip", sha256 = "sha256:e3b0" }
        lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        runtime_name   = "PYTHON_3_11"
        lambda_runtime = "python3.11"
        architecture   = "arm64"
      }
      runtime_versions        = { "1" = "1.1.0", "2" = "1.2.0" }
      endpoints               = { live = "1", candidate = "2" }
      previous                = { candidate = "1" }
      candidate_share_percent = 20
    }
  }
  expect_failures = [var.release]
}

run "rejects_a_bundle_for_another_processor" {
  command = plan
  variables {
    release = {
      agent_version    = "1.2.0"
      contract_version = 1
      artifacts = {
        runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        runtime_name   = "PYTHON_3_11"
        lambda_runtime = "python3.11"
        architecture   = "x86_64"
      }
      runtime_versions        = { "1" = "1.1.0", "2" = "1.2.0" }
      endpoints               = { live = "1", candidate = "2" }
      previous                = { candidate = "1" }
      candidate_share_percent = 20
    }
  }
  expect_failures = [var.release]
}

run "rejects_numbers_that_are_none" {
  command = plan
  variables {
    release = {
      agent_version    = "1.2.0"
      contract_version = 1
      artifacts = {
        runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        runtime_name   = "PYTHON_3_11"
        lambda_runtime = "python3.11"
        architecture   = "arm64"
      }
      runtime_versions        = { "one" = "1.1.0", "1" = "1.1.0", "2" = "1.2.0" }
      endpoints               = { live = "1", candidate = "2" }
      previous                = { candidate = "1" }
      candidate_share_percent = 20
    }
  }
  expect_failures = [var.release]
}

run "rejects_a_release_without_live" {
  command = plan
  variables {
    release = {
      agent_version    = "1.2.0"
      contract_version = 1
      artifacts = {
        runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        runtime_name   = "PYTHON_3_11"
        lambda_runtime = "python3.11"
        architecture   = "arm64"
      }
      runtime_versions        = { "1" = "1.1.0", "2" = "1.2.0" }
      endpoints               = { candidate = "2" }
      previous                = { candidate = "1" }
      candidate_share_percent = 20
    }
  }
  expect_failures = [var.release]
}

run "rejects_an_endpoint_on_a_version_that_was_never_applied" {
  command = plan
  variables {
    release = {
      agent_version    = "1.2.0"
      contract_version = 1
      artifacts = {
        runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        runtime_name   = "PYTHON_3_11"
        lambda_runtime = "python3.11"
        architecture   = "arm64"
      }
      runtime_versions        = { "1" = "1.1.0", "2" = "1.2.0" }
      endpoints               = { live = "1", candidate = "3" }
      previous                = { candidate = "1" }
      candidate_share_percent = 20
    }
  }
  expect_failures = [var.release]
}

run "rejects_a_way_back_to_a_version_that_was_never_applied" {
  command = plan
  variables {
    release = {
      agent_version    = "1.2.0"
      contract_version = 1
      artifacts = {
        runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        runtime_name   = "PYTHON_3_11"
        lambda_runtime = "python3.11"
        architecture   = "arm64"
      }
      runtime_versions        = { "1" = "1.1.0", "2" = "1.2.0" }
      endpoints               = { live = "1", candidate = "2" }
      previous                = { candidate = "3" }
      candidate_share_percent = 20
    }
  }
  expect_failures = [var.release]
}

run "rejects_a_way_back_of_no_endpoint" {
  command = plan
  variables {
    release = {
      agent_version    = "1.2.0"
      contract_version = 1
      artifacts = {
        runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        runtime_name   = "PYTHON_3_11"
        lambda_runtime = "python3.11"
        architecture   = "arm64"
      }
      runtime_versions        = { "1" = "1.1.0", "2" = "1.2.0" }
      endpoints               = { live = "1", candidate = "2" }
      previous                = { other = "1" }
      candidate_share_percent = 20
    }
  }
  expect_failures = [var.release]
}

run "rejects_more_than_all_sessions" {
  command = plan
  variables {
    release = {
      agent_version    = "1.2.0"
      contract_version = 1
      artifacts = {
        runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        runtime_name   = "PYTHON_3_11"
        lambda_runtime = "python3.11"
        architecture   = "arm64"
      }
      runtime_versions        = { "1" = "1.1.0", "2" = "1.2.0" }
      endpoints               = { live = "1", candidate = "2" }
      previous                = { candidate = "1" }
      candidate_share_percent = 101
    }
  }
  expect_failures = [var.release]
}

run "a_release_that_changes_the_contract_moves_all_endpoints_to_what_it_makes" {
  command = plan
  variables {
    release = {
      agent_version    = "1.2.0"
      contract_version = 1
      artifacts = {
        runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        runtime_name   = "PYTHON_3_11"
        lambda_runtime = "python3.11"
        architecture   = "arm64"
      }
      runtime_versions        = { "1" = "1.0.0", "2" = "1.1.0" }
      runtime_contracts       = { "1" = 9999, "2" = 9999 }
      endpoints               = { live = "3", candidate = "3" }
      previous                = { candidate = "1" }
      candidate_share_percent = 0
    }
  }
  assert {
    condition     = toset([for e in output.runtime.endpoints : e.version]) == toset(["3"])
    error_message = "Endpoints go with the functions."
  }
}

run "refuses_an_endpoint_that_stays_on_another_contract" {
  command = plan
  variables {
    release = {
      agent_version    = "1.2.0"
      contract_version = 1
      artifacts = {
        runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        runtime_name   = "PYTHON_3_11"
        lambda_runtime = "python3.11"
        architecture   = "arm64"
      }
      runtime_versions        = { "1" = "1.0.0", "2" = "1.1.0" }
      runtime_contracts       = { "1" = 9999, "2" = 9999 }
      endpoints               = { live = "3", candidate = "2" }
      previous                = { candidate = "1" }
      candidate_share_percent = 0
    }
  }
  expect_failures = [var.release]
}

run "refuses_a_number_beyond_the_next" {
  command = plan
  variables {
    release = {
      agent_version    = "1.2.0"
      contract_version = 1
      artifacts = {
        runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        runtime_name   = "PYTHON_3_11"
        lambda_runtime = "python3.11"
        architecture   = "arm64"
      }
      runtime_versions        = { "1" = "1.0.0", "2" = "1.1.0" }
      runtime_contracts       = { "1" = 9999, "2" = 9999 }
      endpoints               = { live = "4", candidate = "4" }
      previous                = { candidate = "1" }
      candidate_share_percent = 0
    }
  }
  expect_failures = [var.release]
}

run "refuses_the_next_number_where_the_contract_stays" {
  command = plan
  variables {
    release = {
      agent_version    = "1.2.0"
      contract_version = 1
      artifacts = {
        runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        runtime_name   = "PYTHON_3_11"
        lambda_runtime = "python3.11"
        architecture   = "arm64"
      }
      runtime_versions        = { "1" = "1.0.0", "2" = "1.1.0" }
      runtime_contracts       = { "1" = 1, "2" = 1 }
      endpoints               = { live = "3", candidate = "2" }
      previous                = { candidate = "1" }
      candidate_share_percent = 0
    }
  }
  expect_failures = [var.release]
}

run "rejects_contracts_of_no_version" {
  command = plan
  variables {
    release = {
      agent_version    = "1.2.0"
      contract_version = 1
      artifacts = {
        runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        runtime_name   = "PYTHON_3_11"
        lambda_runtime = "python3.11"
        architecture   = "arm64"
      }
      runtime_versions        = { "1" = "1.0.0", "2" = "1.1.0" }
      runtime_contracts       = { "7" = 1 }
      endpoints               = { live = "1", candidate = "2" }
      previous                = { candidate = "1" }
      candidate_share_percent = 0
    }
  }
  expect_failures = [var.release]
}

run "refuses_to_go_back_over_a_contract" {
  command = plan
  variables {
    release = {
      agent_version    = "1.2.0"
      contract_version = 1
      artifacts = {
        runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        runtime_name   = "PYTHON_3_11"
        lambda_runtime = "python3.11"
        architecture   = "arm64"
      }
      runtime_versions        = { "1" = "1.0.0", "2" = "1.1.0" }
      runtime_contracts       = { "1" = 9999, "2" = 1 }
      endpoints               = { live = "1", candidate = "2" }
      previous                = { candidate = "1" }
      candidate_share_percent = 0
    }
  }
  expect_failures = [var.release]
}

run "rejects_an_agent_of_another_contract" {
  command = plan
  variables {
    release = {
      agent_version    = "1.2.0"
      contract_version = 2
      artifacts = {
        runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64-py311.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        runtime_name   = "PYTHON_3_11"
        lambda_runtime = "python3.11"
        architecture   = "arm64"
      }
      runtime_versions        = { "1" = "1.1.0", "2" = "1.2.0" }
      endpoints               = { live = "1", candidate = "2" }
      previous                = { candidate = "1" }
      candidate_share_percent = 20
    }
  }
  expect_failures = [output.contract_version]
}
