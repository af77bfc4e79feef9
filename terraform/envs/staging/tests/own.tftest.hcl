# The environment as its own terraform.tfvars says. The same file in every environment.
mock_provider "aws" {} # what a resource gets at an apply stays unknown; the plan tests look at the rest

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

run "its_own_values_plan" {
  command = plan
  assert {
    condition     = output.environment == var.environment && startswith(output.buckets.documents, "${var.name_prefix}-documents-${var.account_id}-")
    error_message = "Names must be this environment's."
  }
  assert {
    condition     = output.candidate_share_percent == 20 && output.agent_version == "1.2.0"
    error_message = "What the release says must come out."
  }
  assert {
    condition     = sort(keys(output.runtime_urls)) == tolist(["candidate", "live"])
    error_message = "Each endpoint must have an address."
  }
}

run "a_first_release_has_no_numbers_yet" {
  command = plan
  variables {
    release = {
      agent_version    = "1.2.0-rc.1"
      contract_version = 1
      artifacts = {
        runtime        = { key = "agents/clinic-agent/1.2.0-rc.1/runtime.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        lambda         = { key = "agents/clinic-agent/1.2.0-rc.1/lambda.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        runtime_name   = "PYTHON_3_11"
        lambda_runtime = "python3.11"
        architecture   = "arm64"
      }
      endpoints = { live = "1", candidate = "1" }
    }
  }
  assert {
    condition     = output.candidate_share_percent == 0
    error_message = "No canary before there is a second version."
  }
}
