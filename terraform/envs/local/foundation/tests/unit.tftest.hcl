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
  mock_data "aws_kms_alias" {
    defaults = { target_key_arn = "arn:aws:kms:us-east-1:000000000000:key/artifacts" }
  }
}

variables {
  region        = "us-east-1"
  account_id    = "000000000000"
  name_prefix   = "clinic-test"
  agent_version = "1.2.0"
  artifacts = {
    bucket         = "artifacts"
    runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64.zip" }
    lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
    lambda_runtime = "python3.11"
    architecture   = "arm64"
  }
  memories = {
    basic   = { id = "basic-1", arn = "arn:aws:bedrock-agentcore:us-east-1:000000000000:memory/basic-1" }
    premium = { id = "premium-1", arn = "arn:aws:bedrock-agentcore:us-east-1:000000000000:memory/premium-1" }
  }
  oidc_base_url    = "http://127.0.0.1:4566"
  aws_endpoint_url = "http://127.0.0.1:4566"
}

run "what_the_stack_and_agentcore_need_comes_out" {
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
    condition = output.guardrails == { for tier in ["basic", "premium"] : tier => {
      id = "abc123def456", arn = "arn:aws:bedrock:us-east-1:000000000000:guardrail/abc123def456", version = "1"
    } }
    error_message = "Every tier must have a guardrail in a version."
  }
}

run "the_interceptor_knows_the_arguments_of_the_catalogs_tools" {
  command = plan
  assert {
    condition = { for name, t in module.catalog.tools : t.wire_name => t.connector_id } == {
      "clinic-data___clinic_profile"   = null, "clinic-data___get_patient" = null, "clinic-data___list_patients" = null
      "clinic-data___search_documents" = null, "web-search___WebSearch" = "web-search"
    }
    error_message = "Names on the Gateway are in policies, in the interceptor and in the agent."
  }
}

run "rejects_a_folder_without_catalog" {
  command = plan
  variables {
    catalog_dir = "tests"
  }
  expect_failures = [var.catalog_dir]
}

run "rejects_a_tier_without_memory" {
  command = plan
  variables {
    memories = { basic = { id = "basic-1", arn = "arn:aws:bedrock-agentcore:us-east-1:000000000000:memory/basic-1" } }
  }
  expect_failures = [var.memories]
}

run "rejects_a_version_that_is_none" {
  command = plan
  variables {
    agent_version = "latest"
  }
  expect_failures = [var.agent_version]
}

run "rejects_bundles_of_another_version" {
  command = plan
  variables {
    agent_version = "1.3.0"
  }
  expect_failures = [var.artifacts]
}
