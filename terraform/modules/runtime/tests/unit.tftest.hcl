mock_provider "aws" {
  override_during = plan
  mock_resource "aws_bedrockagentcore_agent_runtime" {
    defaults = {
      agent_runtime_id      = "clinic_test_agent-abcdefghij"
      agent_runtime_arn     = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:runtime/clinic_test_agent-abcdefghij"
      agent_runtime_version = "3"
    }
  }
}

variables {
  name          = "clinic_test_agent"
  role_arn      = "arn:aws:iam::111122223333:role/clinic-test-runtime"
  agent_version = "1.2.0"
  bundle = {
    bucket  = "artifacts"
    key     = "agents/clinic-agent/1.2.0/runtime-linux-arm64.zip"
    sha256  = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    runtime = "PYTHON_3_11"
  }
  authorizer = {
    discovery_url   = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc/.well-known/openid-configuration"
    allowed_clients = ["client"]
    tiers           = ["basic", "premium"]
  }
  environment = { AWS_REGION = "eu-west-1" }
  endpoints   = { live = "2", candidate = "3" }
}

run "the_runtime_starts_the_bundle_and_says_which" {
  command = plan
  assert {
    condition     = jsonencode([for c in aws_bedrockagentcore_agent_runtime.this.agent_runtime_artifact[0].code_configuration : [c.runtime, c.entry_point, c.code[0].s3[0].bucket, c.code[0].s3[0].prefix]]) == jsonencode([["PYTHON_3_11", ["main.py"], "artifacts", "agents/clinic-agent/1.2.0/runtime-linux-arm64.zip"]])
    error_message = "The bundle is the one that was named."
  }
  assert {
    condition     = jsonencode(aws_bedrockagentcore_agent_runtime.this.tags) == jsonencode({ AgentVersion = "1.2.0", BundleSha256 = var.bundle.sha256 })
    error_message = "Tags tell version and checksum."
  }
  assert {
    condition     = jsonencode(aws_bedrockagentcore_agent_runtime.this.environment_variables) == jsonencode({ AWS_REGION = "eu-west-1", PLATFORM_CONTRACT = "1" })
    error_message = "The environment is what was given, and the platform's contract."
  }
}

run "the_authorizer_wants_access_tokens_of_known_clients_and_tiers_and_passes_them_on" {
  command = plan
  assert {
    condition = jsonencode({ for c in aws_bedrockagentcore_agent_runtime.this.authorizer_configuration[0].custom_jwt_authorizer[0].custom_claim : c.inbound_token_claim_name => [
      c.inbound_token_claim_value_type, c.authorizing_claim_match_value[0].claim_match_operator,
      c.authorizing_claim_match_value[0].claim_match_value[0].match_value_string,
      c.authorizing_claim_match_value[0].claim_match_value[0].match_value_string_list,
      ] }) == jsonencode({
      tiers     = ["STRING_ARRAY", "CONTAINS_ANY", null, ["basic", "premium"]]
      token_use = ["STRING", "EQUALS", "access", null]
    })
    error_message = "token_use must be access, and tiers must name a known tier."
  }
  assert {
    condition     = jsonencode(aws_bedrockagentcore_agent_runtime.this.request_header_configuration[0].request_header_allowlist) == jsonencode(["Authorization"])
    error_message = "The agent verifies the token again, and sees no other header."
  }
}

run "sessions_are_short" {
  command = plan
  assert {
    condition     = jsonencode(aws_bedrockagentcore_agent_runtime.this.lifecycle_configuration) == jsonencode([{ idle_runtime_session_timeout = 300, max_lifetime = 3600 }])
    error_message = "A session ends after 5 idle minutes, and after an hour in any case."
  }
}

run "endpoints_stay_on_their_versions" {
  command = plan
  assert {
    condition     = jsonencode({ for name, e in aws_bedrockagentcore_agent_runtime_endpoint.this : name => [e.name, e.agent_runtime_version] }) == jsonencode({ candidate = ["candidate", "3"], live = ["live", "2"] })
    error_message = "An endpoint serves the version that it was given, not the newest."
  }
  assert {
    condition     = output.endpoints.live.version == "2" && output.newest_version == "3"
    error_message = "Outputs tell both."
  }
}

run "the_contract_is_told_without_an_environment_too" {
  command = plan
  variables {
    environment = {}
  }
  assert {
    condition     = aws_bedrockagentcore_agent_runtime.this.environment_variables == tomap({ PLATFORM_CONTRACT = "1" })
    error_message = "{} would be a change in every plan."
  }
}

run "a_network_of_ones_own" {
  command = plan
  variables {
    network = { mode = "VPC", subnets = ["subnet-0123456789abcdef0"], security_groups = ["sg-0123456789abcdef0"] }
  }
  assert {
    condition     = jsonencode([for n in aws_bedrockagentcore_agent_runtime.this.network_configuration : [n.network_mode, n.network_mode_config[0].subnets, n.network_mode_config[0].security_groups]]) == jsonencode([["VPC", ["subnet-0123456789abcdef0"], ["sg-0123456789abcdef0"]]])
    error_message = "Subnets and security groups must reach the runtime."
  }
}

run "rejects_an_endpoint_on_a_version_to_come" {
  command = plan
  variables {
    endpoints = { live = "4" }
  }
  expect_failures = [aws_bedrockagentcore_agent_runtime_endpoint.this]
}

run "rejects_a_name_with_a_hyphen" {
  command = plan
  variables {
    name = "clinic-test"
  }
  expect_failures = [var.name]
}

run "rejects_a_role_that_is_no_arn" {
  command = plan
  variables {
    role_arn = "runtime"
  }
  expect_failures = [var.role_arn]
}

run "rejects_a_version_that_is_none" {
  command = plan
  variables {
    agent_version = "latest"
  }
  expect_failures = [var.agent_version]
}

run "rejects_a_bucket_with_capitals" {
  command = plan
  variables {
    bundle = {
      bucket  = "Artifacts"
      key     = "agents/clinic-agent/1.2.0/runtime-linux-arm64.zip"
      sha256  = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
      runtime = "PYTHON_3_11"
    }
  }
  expect_failures = [var.bundle]
}

run "rejects_a_bundle_that_is_no_zip" {
  command = plan
  variables {
    bundle = {
      bucket  = "artifacts"
      key     = "agents/clinic-agent/1.2.0/runtime.tar"
      sha256  = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
      runtime = "PYTHON_3_11"
    }
  }
  expect_failures = [var.bundle]
}

run "rejects_a_bundle_of_another_version" {
  command = plan
  variables {
    bundle = {
      bucket  = "artifacts"
      key     = "agents/clinic-agent/1.1.0/runtime.zip"
      sha256  = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
      runtime = "PYTHON_3_11"
    }
  }
  expect_failures = [var.bundle]
}

run "rejects_a_checksum_that_is_no_sha256" {
  command = plan
  variables {
    bundle = {
      bucket  = "artifacts"
      key     = "agents/clinic-agent/1.2.0/runtime-linux-arm64.zip"
      sha256  = "abc"
      runtime = "PYTHON_3_11"
    }
  }
  expect_failures = [var.bundle]
}

run "rejects_a_python_that_agentcore_lacks" {
  command = plan
  variables {
    bundle = {
      bucket  = "artifacts"
      key     = "agents/clinic-agent/1.2.0/runtime-linux-arm64.zip"
      sha256  = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
      runtime = "PYTHON_2_7"
    }
  }
  expect_failures = [var.bundle]
}

run "rejects_no_entry_point" {
  command = plan
  variables {
    bundle = {
      bucket      = "artifacts"
      key         = "agents/clinic-agent/1.2.0/runtime-linux-arm64.zip"
      sha256      = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
      runtime     = "PYTHON_3_11"
      entry_point = []
    }
  }
  expect_failures = [var.bundle]
}

run "rejects_plain_http_elsewhere" {
  command = plan
  variables {
    authorizer = { discovery_url = "http://issuer.example/.well-known/openid-configuration", allowed_clients = ["c"], tiers = ["basic"] }
  }
  expect_failures = [var.authorizer]
}

run "rejects_no_clients" {
  command = plan
  variables {
    authorizer = { discovery_url = "https://issuer.example/.well-known/openid-configuration", allowed_clients = [], tiers = ["basic"] }
  }
  expect_failures = [var.authorizer]
}

run "rejects_no_tiers" {
  command = plan
  variables {
    authorizer = { discovery_url = "https://issuer.example/.well-known/openid-configuration", allowed_clients = ["c"], tiers = [] }
  }
  expect_failures = [var.authorizer]
}

run "rejects_a_runtime_that_sees_no_token" {
  command = plan
  variables {
    request_headers = ["X-Clinic-Request-Id"]
  }
  expect_failures = [var.request_headers]
}

run "rejects_a_header_in_two_cases" {
  command = plan
  variables {
    request_headers = ["Authorization", "authorization"]
  }
  expect_failures = [var.request_headers]
}

run "rejects_a_header_of_aws" {
  command = plan
  variables {
    request_headers = ["Authorization", "X-Amz-Date"]
  }
  expect_failures = [var.request_headers]
}

run "rejects_a_variable_name_with_a_hyphen" {
  command = plan
  variables {
    environment = { AWS-REGION = "eu-west-1" }
  }
  expect_failures = [var.environment]
}

run "rejects_a_contract_of_the_callers_own" {
  command = plan
  variables {
    environment = { PLATFORM_CONTRACT = "1" }
  }
  expect_failures = [var.environment]
}

run "rejects_more_environment_than_a_snapshot_has" {
  command = plan
  variables {
    environment = { LONG = join("", [for i in range(749) : "xx"]) }
  }
  expect_failures = [var.environment]
}

run "rejects_an_idle_time_below_a_minute" {
  command = plan
  variables {
    idle_timeout_seconds = 59
  }
  expect_failures = [var.idle_timeout_seconds]
}

run "rejects_a_lifetime_above_a_working_day" {
  command = plan
  variables {
    max_lifetime_seconds = 28801
  }
  expect_failures = [var.max_lifetime_seconds]
}

run "rejects_a_lifetime_below_the_idle_time" {
  command = plan
  variables {
    max_lifetime_seconds = 299
  }
  expect_failures = [var.max_lifetime_seconds]
}

run "rejects_a_network_that_is_none" {
  command = plan
  variables {
    network = { mode = "PRIVATE" }
  }
  expect_failures = [var.network]
}

run "rejects_a_vpc_without_subnets" {
  command = plan
  variables {
    network = { mode = "VPC" }
  }
  expect_failures = [var.network]
}

run "endpoints_move_to_the_version_that_this_apply_makes" {
  command = plan
  variables {
    endpoints      = { live = "3", candidate = "3" }
    coming_version = "3"
  }
  assert {
    condition     = output.endpoints.live.version == "3" && output.newest_version == "3"
    error_message = "The foretold number is the newest."
  }
}

run "refuses_to_move_to_a_version_that_is_not_the_one_foretold" {
  command = plan
  variables {
    endpoints      = { live = "2" }
    coming_version = "2"
  }
  expect_failures = [aws_bedrockagentcore_agent_runtime_endpoint.this]
}

run "rejects_a_coming_version_that_nobody_serves" {
  command = plan
  variables {
    coming_version = "9"
  }
  expect_failures = [var.coming_version]
}

run "rejects_no_endpoints" {
  command = plan
  variables {
    endpoints = {}
  }
  expect_failures = [var.endpoints]
}

run "rejects_an_endpoint_name_with_a_hyphen" {
  command = plan
  variables {
    endpoints = { live-eu = "1" }
  }
  expect_failures = [var.endpoints]
}

run "rejects_the_endpoint_default" {
  command = plan
  variables {
    endpoints = { DEFAULT = "1" }
  }
  expect_failures = [var.endpoints]
}

run "rejects_a_version_zero" {
  command = plan
  variables {
    endpoints = { live = "0" }
  }
  expect_failures = [var.endpoints]
}

run "rejects_a_version_that_follows_the_newest" {
  command = plan
  variables {
    endpoints = { live = "latest" }
  }
  expect_failures = [var.endpoints]
}

run "rejects_a_tag_that_hides_the_version" {
  command = plan
  variables {
    tags = { AgentVersion = "9.9.9" }
  }
  expect_failures = [var.tags]
}
