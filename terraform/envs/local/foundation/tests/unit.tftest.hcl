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
    runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
    lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
    lambda_runtime = "python3.11"
    runtime_name   = "PYTHON_3_11"
    architecture   = "arm64"
  }
  memories = {
    basic   = { id = "basic-1", arn = "arn:aws:bedrock-agentcore:us-east-1:000000000000:memory/basic-1" }
    premium = { id = "premium-1", arn = "arn:aws:bedrock-agentcore:us-east-1:000000000000:memory/premium-1" }
  }
  oidc_base_url    = "http://127.0.0.1:4566"
  aws_endpoint_url = "http://127.0.0.1:4566"
}

run "the_runtime_has_what_the_agent_reads_and_trusts_access_tokens_of_the_pool" {
  command = plan
  assert {
    condition     = toset(keys(output.runtime.environment_variables)) == toset(["AWS_ENDPOINT_URL", "AWS_REGION", "BROKER_FUNCTION", "DOCUMENTS_BUCKET", "PATIENTS_TABLE", "TOKEN_CLIENT_ID", "TOKEN_ISSUER", "TOKEN_JWKS_URL"])
    error_message = "The runtime's environment is its interface: no tenant, no secret, no memory id."
  }
  assert {
    condition     = output.runtime.authorizer_configuration.custom_jwt_authorizer.discovery_url == "http://127.0.0.1:4566/us-east-1_abc/.well-known/openid-configuration"
    error_message = "The authorizer must read the pool's discovery document."
  }
  assert {
    condition     = output.runtime.agent_runtime_artifact.code_configuration.code.s3.prefix == "agents/clinic-agent/1.2.0/runtime-linux-arm64.zip"
    error_message = "The runtime must start the named version's bundle."
  }
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

run "rejects_a_checksum_that_is_no_sha256" {
  command = plan
  variables {
    artifacts = {
      bucket         = "artifacts"
      runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64.zip", sha256 = "abc" }
      lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
      lambda_runtime = "python3.11"
      runtime_name   = "PYTHON_3_11"
      architecture   = "arm64"
    }
  }
  expect_failures = [var.artifacts]
}

run "rejects_a_runtime_that_agentcore_lacks" {
  command = plan
  variables {
    artifacts = {
      bucket         = "artifacts"
      runtime        = { key = "agents/clinic-agent/1.2.0/runtime-linux-arm64.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
      lambda         = { key = "agents/clinic-agent/1.2.0/lambda-linux-arm64.zip", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
      lambda_runtime = "python3.11"
      runtime_name   = "PYTHON_2_7"
      architecture   = "arm64"
    }
  }
  expect_failures = [var.artifacts]
}
