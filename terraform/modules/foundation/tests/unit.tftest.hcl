mock_provider "aws" {
  override_during = plan
  mock_resource "aws_lambda_function" {
    # SHA-256 of nothing, in base64: what artifacts.lambda.sha256 below is in hex.
    defaults = {
      arn         = "arn:aws:lambda:us-east-1:000000000000:function:clinic-test"
      code_sha256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    }
  }
  mock_resource "aws_cognito_user_pool" {
    defaults = { id = "us-east-1_abc", arn = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_abc" }
  }
  mock_resource "aws_bedrock_guardrail" {
    defaults = { guardrail_id = "abc123def456", guardrail_arn = "arn:aws:bedrock:us-east-1:000000000000:guardrail/abc123def456" }
  }
  mock_resource "aws_bedrock_guardrail_version" {
    defaults = { version = "1" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::documents" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::000000000000:role/clinic-test" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::000000000000:policy/clinic-test" }
  }
}

variables {
  name_prefix = "clinic-test"
  account_id  = "000000000000"
  region      = "us-east-1"
  tiers = {
    basic = {
      model_id          = "openai.gpt-oss-20b-1:0"
      max_output_tokens = 1024
      history_turns     = 10
      memory            = { strategies = [] }
      model             = { context_window_tokens = 131072, price_input_usd_per_million = 0.1, price_output_usd_per_million = 0.3 }
      guardrail = {
        prompt_attack       = "HIGH"
        filters             = { for s in ["sexual", "violence", "hate", "insults", "misconduct"] : s => { input = "LOW", output = "LOW" } }
        profanity           = false
        denied_words        = []
        blocked_information = ["PASSWORD"]
        masked_information  = []
      }
    }
    premium = {
      model_id          = "openai.gpt-oss-120b-1:0"
      max_output_tokens = 1024
      history_turns     = 10
      memory            = { strategies = ["preferences"] }
      model             = { context_window_tokens = 131072, price_input_usd_per_million = 0.1, price_output_usd_per_million = 0.3 }
      guardrail = {
        prompt_attack       = "HIGH"
        filters             = { for s in ["sexual", "violence", "hate", "insults", "misconduct"] : s => { input = "LOW", output = "LOW" } }
        profanity           = false
        denied_words        = []
        blocked_information = ["PASSWORD"]
        masked_information  = []
      }
    }
  }
  tools = {
    clinic_profile = { wire_name = "clinic-data___clinic_profile", connector_id = null, properties = {} }
    web_search     = { wire_name = "web-search___WebSearch", connector_id = "web-search", properties = { query = { type = "string", description = "What.", required = true } } }
  }
  memories = {
    basic   = { id = "basic-1", arn = "arn:aws:bedrock-agentcore:us-east-1:000000000000:memory/basic-1" }
    premium = { id = "premium-1", arn = "arn:aws:bedrock-agentcore:us-east-1:000000000000:memory/premium-1" }
  }
  lambda_package = {
    bucket       = "artifacts"
    key          = "agents/clinic-agent/1.2.0/lambda-linux-arm64.zip"
    sha256       = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    runtime      = "python3.11"
    architecture = "arm64"
  }
  runtime_bundle = { bucket = "artifacts", prefix = "agents/clinic-agent/", kms_key_arn = "arn:aws:kms:us-east-1:000000000000:key/artifacts" }
}

run "what_clients_and_agentcore_need_comes_out" {
  command = plan
  assert {
    condition     = toset(keys(output.roles)) == toset(["broker", "claims", "execution", "gateway", "interceptor", "tenant", "tools"])
    error_message = "Every role must be in the outputs."
  }
  assert {
    condition     = output.functions == { for f in ["broker", "interceptor", "tools"] : f => "arn:aws:lambda:us-east-1:000000000000:function:clinic-test-${f}" }
    error_message = "Functions must be known by name at plan time."
  }
  assert {
    condition     = output.function_names == { for f in ["broker", "claims", "interceptor", "tools"] : f => "clinic-test-${f}" }
    error_message = "Metrics go by the functions' names."
  }
  assert {
    condition = output.agentcore.tools_function_arn == output.functions.tools && output.agentcore.interceptor_function_arn == output.functions.interceptor && (
    output.agentcore.broker_function_arn == output.functions.broker && output.agentcore.issuer == output.issuer)
    error_message = "AgentCore gets the functions and the issuer of this foundation."
  }
  assert {
    condition     = keys(output.guardrails) == ["basic", "premium"]
    error_message = "Every tier must have a guardrail."
  }
}

run "each_module_is_tagged_with_its_name_and_so_are_its_resources" {
  command = plan
  variables {
    tags = { CostCentre = "4711" }
  }
  assert {
    condition = { for name, t in local.tags : name => t } == { for name in ["gateway_access", "guardrail", "identity", "tenant_access", "tenant_data"] :
    name => tomap({ CostCentre = "4711", Module = name }) }
    error_message = "Module must be each module's name."
  }
}

run "without_tags_there_are_none" {
  command = plan
  assert {
    condition     = alltrue([for t in values(local.tags) : length(t) == 0])
    error_message = "A laptop's keys must not wait for tags."
  }
}

run "rejects_a_tier_without_memory" {
  command = plan
  variables {
    memories = { basic = { id = "basic-1", arn = "arn:aws:bedrock-agentcore:us-east-1:000000000000:memory/basic-1" } }
  }
  expect_failures = [var.memories]
}

run "rejects_a_module_tag_of_the_callers" {
  command = plan
  variables {
    tags = { Module = "mine" }
  }
  expect_failures = [var.tags]
}
