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
  name_prefix     = "clinic-test"
  account_id      = "000000000000"
  region          = "us-east-1"
  agent_version   = "1.2.0"
  endpoints       = { live = "1" }
  policy_template = "$${tier} $${gateway_arn} $${jsonencode(wire_names)} $${jsonencode(hours)}"
  bundle = {
    bucket  = "artifacts"
    key     = "agents/clinic-agent/1.2.0/runtime-linux-arm64.zip"
    sha256  = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    runtime = "PYTHON_3_11"
  }
  tiers = {
    basic   = { tools = ["clinic_profile"], access_hours_utc = { from = 6, to = 20 }, memory = { retention_days = 30, strategies = [] } }
    premium = { tools = ["clinic_profile", "web_search"], access_hours_utc = null, memory = { retention_days = 90, strategies = ["preferences"] } }
  }
  tools = {
    clinic_profile = { target = "clinic-data", wire_tool = "clinic_profile", description = "Own clinic.", connector_id = null, properties = {} }
    web_search     = { target = "web-search", wire_tool = "WebSearch", description = "Web.", connector_id = "web-search", properties = { query = { type = "string", description = "What.", required = true } } }
  }
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

run "on_aws_the_agent_calls_the_gateway_itself" {
  command = plan
  assert {
    condition     = output.runtime_environment.GATEWAY_URL == output.gateway.url && !can(output.runtime_environment.AWS_ENDPOINT_URL)
    error_message = "Nothing of a laptop may be in the environment."
  }
  assert {
    condition     = keys(output.memories) == ["basic", "premium"] && keys(output.policies) == ["basic", "premium"]
    error_message = "Each tier has a memory and a policy."
  }
}

run "on_a_laptop_it_calls_the_stand_ins" {
  command = plan
  variables {
    aws_endpoint_url = "http://127.0.0.1:4566"
    gateway_base_url = "http://127.0.0.1:8080"
  }
  assert {
    condition     = output.runtime_environment.GATEWAY_URL == "http://127.0.0.1:8080/mcp" && output.runtime_environment.AWS_ENDPOINT_URL == "http://127.0.0.1:4566"
    error_message = "Both addresses must reach the agent."
  }
}

run "each_tool_is_at_the_target_that_the_catalog_names" {
  command = plan
  assert {
    condition = jsonencode({ for name, t in local.targets : name => { tools = keys(t.tools), connector = t.connector_id } }) == jsonencode({
      clinic-data = { tools = ["clinic_profile"], connector = null }
      web-search  = { tools = ["web_search"], connector = "web-search" }
    })
    error_message = "One target for the function, one for the connector."
  }
}

run "each_module_is_tagged_with_its_name" {
  command = plan
  variables {
    tags = { CostCentre = "4711" }
  }
  assert {
    condition     = local.tags == { for name in ["gateway", "memory", "policy", "runtime"] : name => tomap({ CostCentre = "4711", Module = name }) }
    error_message = "Module must be each module's name."
  }
}

run "without_tags_there_are_none" {
  command = plan
  assert {
    condition     = alltrue([for t in values(local.tags) : length(t) == 0])
    error_message = "Nothing must be tagged."
  }
}

run "log_only_is_possible_outside_production" {
  command = plan
  variables {
    production  = false
    policy_mode = "LOG_ONLY"
  }
  assert {
    condition     = output.policy_mode == "LOG_ONLY"
    error_message = "policy_mode must reach the gateway."
  }
}

run "rejects_a_foundation_of_another_account" {
  command = plan
  variables {
    account_id = "111122223333"
  }
  expect_failures = [var.foundation]
}

run "rejects_a_module_tag_of_the_callers" {
  command = plan
  variables {
    tags = { Module = "mine" }
  }
  expect_failures = [var.tags]
}
