mock_provider "aws" {
  override_during = plan
  mock_resource "aws_lambda_function" {
    # SHA-256 of nothing, in base64: what package.sha256 below is in hex.
    defaults = { code_sha256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" }
  }
}

variables {
  name            = "clinic-test-broker"
  account_id      = "111122223333"
  region          = "eu-west-1"
  handler         = "clinic_agent.lambdas.broker.handler"
  timeout_seconds = 10
  environment     = { REGISTRY_TABLE = "registry" }
  statements = [
    { Sid = "Read", Effect = "Allow", Action = "dynamodb:GetItem", Resource = "arn:aws:dynamodb:eu-west-1:111122223333:table/registry" },
    { Sid = "Deny", Effect = "Deny", Action = ["sts:AssumeRole*"], Resource = "*", Condition = { Null = { "aws:PrincipalTag/Tier" = "true" } } },
  ]
  package = {
    bucket       = "artifacts"
    key          = "agents/clinic-agent/1.0.0/lambda-linux-arm64.zip"
    sha256       = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    runtime      = "python3.11"
    architecture = "arm64"
  }
}

run "the_role_may_do_what_is_stated_and_write_its_own_logs" {
  command = plan
  assert {
    condition     = [for s in jsondecode(output.policy).Statement : s.Sid] == ["Read", "Deny", "WriteOwnLogs"]
    error_message = "The policy must hold the statements as given, and the logs."
  }
  assert {
    condition     = jsondecode(output.policy).Statement[1].Condition.Null == { "aws:PrincipalTag/Tier" = "true" }
    error_message = "A statement's condition must survive."
  }
  assert {
    condition     = jsondecode(output.policy).Statement[2].Resource == "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/clinic-test-broker:*"
    error_message = "The logs must be the function's own."
  }
  assert {
    condition     = [for s in jsondecode(aws_iam_role.this.assume_role_policy).Statement : s.Principal] == [{ Service = "lambda.amazonaws.com" }]
    error_message = "Only Lambda may take the role."
  }
  assert {
    condition     = output.arn == "arn:aws:lambda:eu-west-1:111122223333:function:clinic-test-broker" && output.role_arn == "arn:aws:iam::111122223333:role/clinic-test-broker"
    error_message = "ARNs must be known at plan time."
  }
}

run "the_checksum_is_base64" {
  command = plan
  assert {
    condition     = aws_lambda_function.this.source_code_hash == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    error_message = "source_code_hash must be the base64 form of package.sha256."
  }
}

run "the_endpoint_is_passed_on_where_one_is_given" {
  command = plan
  variables {
    aws_endpoint_url = "http://127.0.0.1:4566"
  }
  assert {
    condition     = aws_lambda_function.this.environment[0].variables == tomap({ AWS_ENDPOINT_URL = "http://127.0.0.1:4566", PLATFORM_CONTRACT = "1", REGISTRY_TABLE = "registry" })
    error_message = "aws_endpoint_url and the platform's contract must reach the function."
  }
}

run "rejects_a_replaced_bundle" {
  command = plan
  variables {
    package = {
      bucket       = "artifacts"
      key          = "agents/clinic-agent/1.0.0/lambda-linux-arm64.zip"
      sha256       = "0000000000000000000000000000000000000000000000000000000000000000"
      runtime      = "python3.11"
      architecture = "arm64"
    }
  }
  expect_failures = [aws_lambda_function.this]
}

run "rejects_an_environment_that_lambda_would_not_take" {
  command = plan
  variables {
    environment = { TEXT = join("", [for n in range(1024) : "text"]) }
  }
  expect_failures = [aws_lambda_function.this]
}

run "rejects_a_contract_of_the_callers_own" {
  command = plan
  variables {
    environment = { PLATFORM_CONTRACT = "1" }
  }
  expect_failures = [var.environment]
}

# Below, each input of a run must fail by itself: terraform test misses none of expect_failures.
run "rejects_bad_settings_1" {
  command = plan
  variables {
    name       = "clinic_broker"
    account_id = "1234"
    region     = "europe"
    partition  = "azure"
    # a checksum that is no sha256
    package = {
      bucket       = "artifacts"
      key          = "agents/clinic-agent/1.0.0/lambda-linux-arm64.zip"
      sha256       = "abc"
      runtime      = "python3.11"
      architecture = "arm64"
    }
    handler = "broker"
    # a statement without resource
    statements      = [{ Sid = "Read", Effect = "Allow", Action = "dynamodb:GetItem" }]
    timeout_seconds = 30
    memory_mb       = 64
    # a switched off function
    reserved_concurrency = 0
    log_retention_days   = 0
    log_kms_key_arn      = "alias/logs"
  }
  expect_failures = [
    var.name, var.account_id, var.region, var.partition, var.package, var.handler, var.statements, var.timeout_seconds,
    var.memory_mb, var.reserved_concurrency, var.log_retention_days, var.log_kms_key_arn,
  ]
}

run "rejects_bad_settings_2" {
  command = plan
  variables {
    # an unknown architecture
    package = {
      bucket       = "artifacts"
      key          = "agents/clinic-agent/1.0.0/lambda-linux-arm64.zip"
      sha256       = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
      runtime      = "python3.11"
      architecture = "mips"
    }
    timeout_seconds = 0
  }
  expect_failures = [var.package, var.timeout_seconds]
}

run "rejects_bad_settings_3" {
  command = plan
  variables {
    # a runtime that is no python
    package = {
      bucket       = "artifacts"
      key          = "agents/clinic-agent/1.0.0/lambda-linux-arm64.zip"
      sha256       = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
      runtime      = "nodejs22.x"
      architecture = "arm64"
    }
  }
  expect_failures = [var.package]
}
