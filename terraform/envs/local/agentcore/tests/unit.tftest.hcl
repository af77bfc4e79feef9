mock_provider "aws" {
  override_during = plan
  mock_resource "aws_bedrockagentcore_memory" {
    defaults = { id = "clinic_test_tier-abcdefghij", arn = "arn:aws:bedrock-agentcore:us-east-1:000000000000:memory/clinic_test_tier-abcdefghij" }
  }
  mock_resource "aws_bedrockagentcore_policy_engine" {
    defaults = {
      policy_engine_id  = "clinic_test_policies-abcdefghij"
      policy_engine_arn = "arn:aws:bedrock-agentcore:us-east-1:000000000000:policy-engine/clinic_test_policies-abcdefghij"
    }
  }
  mock_resource "aws_bedrockagentcore_gateway" {
    defaults = {
      gateway_id  = "clinic-test-gateway-abcdefghij"
      gateway_arn = "arn:aws:bedrock-agentcore:us-east-1:000000000000:gateway/clinic-test-gateway-abcdefghij"
      gateway_url = "https://clinic-test-gateway-abcdefghij.gateway.bedrock-agentcore.us-east-1.amazonaws.com/mcp"
    }
  }
  mock_resource "aws_bedrockagentcore_gateway_target" {
    defaults = { target_id = "ABCDEFGHIJ" }
  }
  mock_resource "aws_bedrockagentcore_agent_runtime" {
    defaults = { agent_runtime_id = "clinic_test_agent-abcdefghij", agent_runtime_version = "1" }
  }
}

variables {
  region        = "us-east-1"
  account_id    = "000000000000"
  name_prefix   = "clinic-test"
  agent_version = "1.2.0"
  artifacts = {
    bucket       = "artifacts"
    runtime      = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
    runtime_name = "PYTHON_3_11"
  }
  aws_endpoint_url = "http://127.0.0.1:4566"
  gateway_base_url = "http://127.0.0.1:8080"
  foundation = {
    issuer                   = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_abc"
    discovery_url            = "http://127.0.0.1:4566/us-east-1_abc/.well-known/openid-configuration"
    jwks_url                 = "http://127.0.0.1:4566/us-east-1_abc/.well-known/jwks.json"
    client_id                = "client"
    execution_role_arn       = "arn:aws:iam::000000000000:role/clinic-test-runtime"
    gateway_role_arn         = "arn:aws:iam::000000000000:role/clinic-test-gateway"
    broker_function_arn      = "arn:aws:lambda:us-east-1:000000000000:function:clinic-test-broker"
    interceptor_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:clinic-test-interceptor"
    tools_function_arn       = "arn:aws:lambda:us-east-1:000000000000:function:clinic-test-tools"
  }
}

run "the_memories_come_first_and_need_no_foundation" {
  command = plan
  plan_options {
    target = [module.agentcore.module.memory]
  }
  variables {
    foundation = null
  }
  assert {
    condition     = length(output.memories) >= 2
    error_message = "Every tier of the catalog needs its memory."
  }
}

run "the_runtime_has_what_the_agent_reads_and_finds_the_gateway_on_the_laptop" {
  command = plan
  assert {
    condition = jsonencode(module.agentcore.runtime_environment) == jsonencode({
      AWS_ENDPOINT_URL  = "http://127.0.0.1:4566"
      AWS_REGION        = "us-east-1"
      BROKER_FUNCTION   = "arn:aws:lambda:us-east-1:000000000000:function:clinic-test-broker"
      GATEWAY_URL       = "http://127.0.0.1:8080/mcp"
      PLATFORM_CONTRACT = "1"
      PLATFORM_NAME     = "clinic-test"
      TOKEN_CLIENT_ID   = "client"
      TOKEN_ISSUER      = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_abc"
      TOKEN_JWKS_URL    = "http://127.0.0.1:4566/us-east-1_abc/.well-known/jwks.json"
    })
    error_message = "The runtime's environment is its interface: no tenant, no secret, no memory id."
  }
  assert {
    condition     = jsonencode({ for name, e in output.runtime.endpoints : name => e.version }) == jsonencode({ candidate = "1", live = "1" })
    error_message = "Both endpoints stay on the version that they were given."
  }
}

run "on_aws_the_agent_calls_the_gateway_itself" {
  command = plan
  variables {
    aws_endpoint_url = null
    gateway_base_url = null
  }
  assert {
    condition     = module.agentcore.runtime_environment.GATEWAY_URL == output.gateway.url && !can(module.agentcore.runtime_environment.AWS_ENDPOINT_URL)
    error_message = "Without the laptop's addresses nothing of the laptop may be left."
  }
}

run "every_tier_may_call_what_the_catalog_grants_it" {
  command = plan
  assert {
    condition = jsonencode({ for tier, text in output.policies : tier => flatten(regexall("AgentCore::Action::\"([^\"]*)\"", text)) }) == jsonencode({
      for tier, t in yamldecode(file("../../../catalog/tiers.yaml")) : tier => sort([for tool in t.tools : output.tools[tool].wire_name])
    })
    error_message = "A policy names the tier's tools and no others."
  }
}

run "log_only_is_possible_here" {
  command = plan
  variables {
    policy_mode = "LOG_ONLY"
  }
  assert {
    condition     = module.agentcore.policy_mode == "LOG_ONLY"
    error_message = "policy_mode must reach the gateway."
  }
}

run "rejects_all_of_it_without_the_foundation" {
  command = plan
  variables {
    foundation = null
  }
  expect_failures = [var.foundation]
}

run "rejects_a_foundation_of_another_account" {
  command = plan
  variables {
    account_id = "111122223333"
  }
  expect_failures = [var.foundation]
}

run "rejects_a_folder_without_catalog" {
  command = plan
  variables {
    catalog_dir = "/nowhere"
  }
  expect_failures = [var.catalog_dir]
}

run "rejects_a_gateway_in_the_clear_elsewhere" {
  command = plan
  variables {
    gateway_base_url = "http://gateway.example"
  }
  expect_failures = [var.gateway_base_url]
}

run "rejects_a_gateway_with_a_path" {
  command = plan
  variables {
    gateway_base_url = "http://127.0.0.1:8080/mcp"
  }
  expect_failures = [var.gateway_base_url]
}
