# What is possible where no clinic's data is. The rules are the same in all environments.
mock_provider "aws" {}

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

run "awss_keys_log_only_and_silent_alarms_are_possible" {
  command = plan
  variables {
    customer_managed_key = false
    policy_mode          = "LOG_ONLY"
    mfa                  = "OFF"
    alarms               = {}
  }
  assert {
    condition     = output.keys.platform == null && output.keys.guardrails == null && length(module.encryption) == 0
    error_message = "Without customer_managed_key there must be no key."
  }
}

run "without_callback_urls_there_are_no_sign_in_pages" {
  command = plan
  variables {
    callback_urls = []
    logout_urls   = []
  }
  assert {
    condition     = output.sign_in_url == null
    error_message = "No browser sign-in, no pages."
  }
}
