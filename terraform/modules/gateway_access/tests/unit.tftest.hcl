mock_provider "aws" {
  override_during = plan
  mock_resource "aws_lambda_function" {
    # SHA-256 of nothing, in base64: what lambda_package.sha256 below is in hex.
    defaults = { code_sha256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" }
  }
}

variables {
  name_prefix         = "clinic-test"
  account_id          = "111122223333"
  region              = "eu-west-1"
  broker_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:clinic-test-broker"
  tool_arguments = {
    "clinic-data___list_patients" = ["limit", "cursor"]
    "web-search___WebSearch"      = ["query", "maxResults"]
  }
  connectors = ["web-search"]
  token = {
    issuer    = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc"
    jwks_url  = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc/.well-known/jwks.json"
    client_id = "client"
  }
  data = {
    documents_bucket = "clinic-test-documents"
    patients_table   = "clinic-test-patients"
    kms_key_arns     = ["arn:aws:kms:eu-west-1:111122223333:key/data"]
  }
  lambda_package = {
    bucket       = "artifacts"
    key          = "agents/clinic-agent/1.0.0/lambda-linux-arm64.zip"
    sha256       = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    runtime      = "python3.11"
    architecture = "arm64"
  }
}

run "the_gateway_calls_these_functions_and_no_others" {
  command = plan
  assert {
    condition = [for s in jsondecode(output.policies.gateway).Statement : s.Resource if s.Action == "lambda:InvokeFunction"] == [[
      "arn:aws:lambda:eu-west-1:111122223333:function:clinic-test-interceptor", "arn:aws:lambda:eu-west-1:111122223333:function:clinic-test-tools",
    ]]
    error_message = "The gateway's role must name exactly the interceptor and the tools."
  }
  assert {
    condition     = jsondecode(aws_iam_role.gateway.assume_role_policy).Statement[0].Condition.ArnLike["aws:SourceArn"] == "arn:aws:bedrock-agentcore:eu-west-1:111122223333:gateway/clinic-test-gateway-*"
    error_message = "Only this environment's gateway may take the role."
  }
}

run "only_the_tools_may_ask_the_broker" {
  command = plan
  assert {
    condition     = [for s in jsondecode(output.policies.tools).Statement : s.Sid if s.Effect == "Allow"] == ["AskBroker", "WriteOwnLogs"]
    error_message = "The tools ask the broker and write logs, nothing else."
  }
  assert {
    condition     = [for s in jsondecode(output.policies.interceptor).Statement : s.Sid if s.Effect == "Allow"] == ["WriteOwnLogs"]
    error_message = "The interceptor writes logs, nothing else."
  }
  assert {
    condition = alltrue([for p in values(output.policies) :
      [for s in jsondecode(p).Statement : s.Sid if s.Effect == "Deny"] == ["DenyOtherIdentities", "DenyModelsMemoryAndTables", "DenyDocuments", "DenyTenantKeys"]
    ])
    error_message = "Every role must be denied what is a tenant's."
  }
}

run "environments_are_the_functions_interfaces" {
  command = plan
  variables {
    aws_endpoint_url = "http://127.0.0.1:4566"
  }
  assert {
    condition     = keys(module.interceptor.environment) == tolist(["AWS_ENDPOINT_URL", "PLATFORM_CONTRACT", "PLATFORM_NAME", "TOKEN_CLIENT_ID", "TOKEN_ISSUER", "TOKEN_JWKS_URL", "TOOL_ARGUMENTS"])
    error_message = "The interceptor's environment is its interface."
  }
  assert {
    condition     = jsondecode(module.interceptor.environment.TOOL_ARGUMENTS) == { "clinic-data___list_patients" = ["cursor", "limit"], "web-search___WebSearch" = ["maxResults", "query"] }
    error_message = "The interceptor must know the arguments of every tool."
  }
  assert {
    condition     = keys(module.tools.environment) == tolist(["AWS_ENDPOINT_URL", "BROKER_FUNCTION", "DOCUMENTS_BUCKET", "PATIENTS_TABLE", "PLATFORM_CONTRACT", "PLATFORM_NAME", "TOKEN_CLIENT_ID", "TOKEN_ISSUER", "TOKEN_JWKS_URL"])
    error_message = "The tools' environment is their interface."
  }
}

run "web_search_is_allowed_only_where_a_tool_has_it" {
  command = plan
  variables {
    connectors = []
  }
  assert {
    condition     = [for s in jsondecode(output.policies.gateway).Statement : s.Sid if contains(["SearchWeb", "CallOwnConnectors"], s.Sid)] == []
    error_message = "Without the connector there is nothing to search."
  }
}

# Below, each input of a run must fail by itself: terraform test misses none of expect_failures.
run "rejects_bad_settings_1" {
  command = plan
  variables {
    name_prefix = "Clinic"
    account_id  = "1234"
    region      = "europe"
    partition   = "azure"
    # a checksum that is no sha256
    lambda_package = {
      bucket       = "artifacts"
      key          = "agents/clinic-agent/1.0.0/lambda-linux-arm64.zip"
      sha256       = "abc"
      runtime      = "python3.11"
      architecture = "arm64"
    }
    log_retention_days  = 0
    log_kms_key_arn     = "alias/logs"
    broker_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:*"
    # a bucket for all buckets
    data           = { documents_bucket = "*", patients_table = "patients", kms_key_arns = ["arn:aws:kms:eu-west-1:111122223333:key/data"] }
    tool_arguments = { get_patient = ["patient_id"] }
    connectors     = ["bedrock-knowledge-bases"]
    interceptor    = { timeout_seconds = 11 }
    tools          = { timeout_seconds = 26 }
  }
  expect_failures = [
    var.name_prefix, var.account_id, var.region, var.partition, var.lambda_package, var.log_retention_days, var.log_kms_key_arn,
    var.broker_function_arn, var.data, var.tool_arguments, var.connectors, var.interceptor, var.tools,
  ]
}

run "rejects_bad_settings_2" {
  command = plan
  variables {
    # an unknown architecture
    lambda_package = {
      bucket       = "artifacts"
      key          = "agents/clinic-agent/1.0.0/lambda-linux-arm64.zip"
      sha256       = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
      runtime      = "python3.11"
      architecture = "mips"
    }
    # a Deny on no key
    data           = { documents_bucket = "documents", patients_table = "patients", kms_key_arns = [] }
    tool_arguments = {}
  }
  expect_failures = [var.lambda_package, var.data, var.tool_arguments]
}

run "rejects_bad_settings_3" {
  command = plan
  variables {
    # a runtime that is no python
    lambda_package = {
      bucket       = "artifacts"
      key          = "agents/clinic-agent/1.0.0/lambda-linux-arm64.zip"
      sha256       = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
      runtime      = "nodejs22.x"
      architecture = "arm64"
    }
  }
  expect_failures = [var.lambda_package]
}

run "the_role_uses_the_gateways_key_and_lends_it_to_the_service_only" {
  command = plan
  variables {
    gateway_kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/gateway"
  }
  assert {
    condition = jsonencode({ for s in jsondecode(output.policies.gateway).Statement : s.Sid => [s.Action, try(s.Condition, null)] if try(s.Resource, "") == "arn:aws:kms:eu-west-1:111122223333:key/gateway" && s.Effect == "Allow" }) == jsonencode({
      LetAgentCoreUseGatewayKey = ["kms:CreateGrant", {
        "ForAllValues:StringEquals" = { "kms:GrantOperations" = ["Decrypt", "GenerateDataKey"] }
        Null                        = { "kms:GrantOperations" = "false" }
        StringEquals                = { "kms:GrantConstraintType" = "EncryptionContextSubset" }
      }]
      UseGatewayKey = [["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"], null]
    })
    error_message = "Nothing but that key, and grants for these two operations."
  }
}

run "without_a_key_of_its_own_the_role_uses_none" {
  command = plan
  assert {
    condition     = length([for s in jsondecode(output.policies.gateway).Statement : s if s.Effect == "Allow" && strcontains(jsonencode(s.Action), "kms:")]) == 0
    error_message = "No key, no right."
  }
}

run "rejects_a_gateway_key_that_is_none" {
  command = plan
  variables {
    gateway_kms_key_arn = "alias/gateway"
  }
  expect_failures = [var.gateway_kms_key_arn]
}

run "rejects_a_key_of_tenants_data_for_the_gateway" {
  command = plan
  variables {
    gateway_kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/data"
    data = {
      documents_bucket = "documents"
      patients_table   = "patients"
      kms_key_arns     = ["arn:aws:kms:eu-west-1:111122223333:key/data"]
    }
  }
  expect_failures = [var.gateway_kms_key_arn]
}
