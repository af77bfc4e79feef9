mock_provider "aws" {
  override_during = plan
  mock_resource "aws_bedrockagentcore_gateway" {
    defaults = {
      gateway_id  = "clinic-test-gateway-abcdefghij"
      gateway_arn = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:gateway/clinic-test-gateway-abcdefghij"
      gateway_url = "https://clinic-test-gateway-abcdefghij.gateway.bedrock-agentcore.eu-west-1.amazonaws.com/mcp"
    }
  }
  mock_resource "aws_bedrockagentcore_gateway_target" {
    defaults = { target_id = "ABCDEFGHIJ" }
  }
}

variables {
  name_prefix = "clinic-test"
  role_arn    = "arn:aws:iam::111122223333:role/clinic-test-gateway"
  authorizer = {
    discovery_url   = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc/.well-known/openid-configuration"
    allowed_clients = ["client"]
    tiers           = ["basic", "premium"]
  }
  interceptor_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:clinic-test-interceptor"
  policy_engine_arn        = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:policy-engine/clinic_test_policies-abcdefghij"
  targets = {
    clinic-data = {
      lambda_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:clinic-test-tools"
      request_headers     = ["X-Clinic-Access-Token"]
      tools = {
        clinic_profile = { description = "Profile." }
        get_patient = {
          description = "One patient."
          properties = {
            patient_id = { type = "string", description = "Id.", required = true }
            limit      = { type = "integer" }
          }
        }
      }
    }
    web-search = {
      connector_id = "web-search"
      tools = {
        web_search = { description = "The web.", wire_tool = "WebSearch", properties = { query = { type = "string", required = true } } }
      }
    }
  }
}

run "the_authorizer_wants_access_tokens_of_known_clients_and_tiers" {
  command = plan
  assert {
    condition     = aws_bedrockagentcore_gateway.this.name == "clinic-test-gateway" && aws_bedrockagentcore_gateway.this.authorizer_type == "CUSTOM_JWT"
    error_message = "The gateway is named for the prefix and checks tokens."
  }
  assert {
    condition = jsonencode({ for c in aws_bedrockagentcore_gateway.this.authorizer_configuration[0].custom_jwt_authorizer[0].custom_claim : c.inbound_token_claim_name => [
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
    condition     = jsonencode(aws_bedrockagentcore_gateway.this.authorizer_configuration[0].custom_jwt_authorizer[0].allowed_clients) == jsonencode(["client"])
    error_message = "Tokens of other clients are refused."
  }
}

run "every_request_goes_through_interceptor_and_policies_and_errors_tell_nothing" {
  command = plan
  assert {
    condition     = jsonencode([for i in aws_bedrockagentcore_gateway.this.interceptor_configuration : [i.interception_points, i.interceptor[0].lambda[0].arn, i.input_configuration[0].pass_request_headers]]) == jsonencode([[["REQUEST"], var.interceptor_function_arn, true]])
    error_message = "One interceptor, for requests, which sees the headers."
  }
  assert {
    condition     = jsonencode([for p in aws_bedrockagentcore_gateway.this.policy_engine_configuration : [p.arn, p.mode]]) == jsonencode([[var.policy_engine_arn, "ENFORCE"]])
    error_message = "The policy engine decides every call."
  }
  assert {
    condition     = aws_bedrockagentcore_gateway.this.exception_level == null && aws_bedrockagentcore_gateway.this.protocol_configuration[0].mcp[0].search_type == null
    error_message = "No debug messages, and no tool that is not in the catalog."
  }
  assert {
    condition     = aws_bedrockagentcore_gateway.this.protocol_configuration[0].mcp[0].session_configuration[0].session_timeout_in_seconds == 3600
    error_message = "MCP sessions end."
  }
}

run "a_function_target_has_its_tools_schemas_and_headers" {
  command = plan
  assert {
    condition = jsonencode({ for t in aws_bedrockagentcore_gateway_target.function["clinic-data"].target_configuration[0].mcp[0].lambda[0].tool_schema[0].inline_payload :
      t.name => { for p in t.input_schema[0].property : p.name => [p.type, p.required, p.description] } }) == jsonencode({
      clinic_profile = {}
      get_patient    = { patient_id = ["string", true, "Id."], limit = ["integer", false, null] }
    })
    error_message = "Tools are as they were given."
  }
  assert {
    condition     = jsonencode(aws_bedrockagentcore_gateway_target.function["clinic-data"].metadata_configuration[0].allowed_request_headers) == jsonencode(["X-Clinic-Access-Token"])
    error_message = "The function sees the headers that it was given and no others."
  }
}

run "a_connector_target_has_only_the_named_tool_and_no_headers" {
  command = plan
  assert {
    condition = jsonencode([for c in aws_bedrockagentcore_gateway_target.connector["web-search"].target_configuration[0].mcp[0].connector : [
      c.source[0].connector_id, c.enabled, [for x in c.configuration : [x.name, x.description, x.parameter_values]],
    ]]) == jsonencode([["web-search", ["WebSearch"], [["WebSearch", "The web.", "{}"]]]])
    error_message = "The connector offers the named tool and nothing that a later version adds."
  }
  assert {
    condition     = length(aws_bedrockagentcore_gateway_target.connector["web-search"].metadata_configuration) == 0
    error_message = "A connector sees no header of ours."
  }
}

run "outputs_tell_what_policies_need" {
  command = plan
  assert {
    condition = jsonencode(output.wire_names) == jsonencode({
      clinic_profile = "clinic-data___clinic_profile", get_patient = "clinic-data___get_patient", web_search = "web-search___WebSearch"
    })
    error_message = "wire_names are <target>___<tool>, by the tool's own name."
  }
  assert {
    condition     = jsonencode(keys(output.target_ids)) == jsonencode(["clinic-data", "web-search"])
    error_message = "target_ids must have every target."
  }
}

run "log_only_is_possible_outside_production" {
  command = plan
  variables {
    production  = false
    policy_mode = "LOG_ONLY"
  }
  assert {
    condition     = aws_bedrockagentcore_gateway.this.policy_engine_configuration[0].mode == "LOG_ONLY"
    error_message = "policy_mode must reach the gateway."
  }
}

run "plain_http_is_possible_on_the_loopback" {
  command = plan
  variables {
    authorizer = { discovery_url = "http://127.0.0.1:4566/eu-west-1_abc/.well-known/openid-configuration", allowed_clients = ["client"], tiers = ["basic"] }
  }
  assert {
    condition     = aws_bedrockagentcore_gateway.this.authorizer_configuration[0].custom_jwt_authorizer[0].discovery_url == var.authorizer.discovery_url
    error_message = "discovery_url must reach the gateway."
  }
}

run "the_key_is_passed_on_where_one_is_given" {
  command = plan
  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  }
  assert {
    condition     = aws_bedrockagentcore_gateway.this.kms_key_arn == var.kms_key_arn
    error_message = "kms_key_arn must reach the gateway."
  }
}

run "rejects_a_name_prefix_with_capitals" {
  command = plan
  variables {
    name_prefix = "Clinic"
  }
  expect_failures = [var.name_prefix]
}

run "rejects_two_hyphens_in_a_row" {
  command = plan
  variables {
    name_prefix = "clinic--test"
  }
  expect_failures = [var.name_prefix]
}

run "rejects_a_role_that_is_no_arn" {
  command = plan
  variables {
    role_arn = "gateway"
  }
  expect_failures = [var.role_arn]
}

run "rejects_plain_http_elsewhere" {
  command = plan
  variables {
    authorizer = { discovery_url = "http://issuer.example/.well-known/openid-configuration", allowed_clients = ["c"], tiers = ["basic"] }
  }
  expect_failures = [var.authorizer]
}

run "rejects_a_host_that_only_begins_like_the_loopback" {
  command = plan
  variables {
    authorizer = { discovery_url = "http://localhost.example/.well-known/openid-configuration", allowed_clients = ["c"], tiers = ["basic"] }
  }
  expect_failures = [var.authorizer]
}

run "rejects_a_url_that_is_no_discovery_document" {
  command = plan
  variables {
    authorizer = { discovery_url = "https://issuer.example/jwks.json", allowed_clients = ["c"], tiers = ["basic"] }
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

run "rejects_a_tier_name_with_a_hyphen" {
  command = plan
  variables {
    authorizer = { discovery_url = "https://issuer.example/.well-known/openid-configuration", allowed_clients = ["c"], tiers = ["basic-plus"] }
  }
  expect_failures = [var.authorizer]
}

run "rejects_an_interceptor_that_is_no_function" {
  command = plan
  variables {
    interceptor_function_arn = "arn:aws:iam::111122223333:role/x"
  }
  expect_failures = [var.interceptor_function_arn]
}

run "rejects_an_engine_that_is_none" {
  command = plan
  variables {
    policy_engine_arn = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:gateway/x-abcdefghij"
  }
  expect_failures = [var.policy_engine_arn]
}

run "rejects_a_mode_that_is_none" {
  command = plan
  variables {
    policy_mode = "OFF"
  }
  expect_failures = [var.policy_mode]
}

run "rejects_log_only_in_production" {
  command = plan
  variables {
    policy_mode = "LOG_ONLY"
  }
  expect_failures = [var.policy_mode]
}

run "rejects_a_session_of_ten_minutes" {
  command = plan
  variables {
    session_timeout_seconds = 600
  }
  expect_failures = [var.session_timeout_seconds]
}

run "rejects_no_targets" {
  command = plan
  variables {
    targets = {}
  }
  expect_failures = [var.targets]
}

run "rejects_a_target_name_with_an_underscore" {
  command = plan
  variables {
    targets = { clinic_data = { lambda_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:f", tools = { a = { description = "A." } } } }
  }
  expect_failures = [var.targets]
}

run "rejects_an_empty_description_of_a_target" {
  command = plan
  variables {
    targets = { t = { description = "", lambda_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:f", tools = { a = { description = "A." } } } }
  }
  expect_failures = [var.targets]
}

run "rejects_a_target_that_is_nowhere" {
  command = plan
  variables {
    targets = { t = { tools = { a = { description = "A." } } } }
  }
  expect_failures = [var.targets]
}

run "rejects_a_target_in_two_places" {
  command = plan
  variables {
    targets = { t = { lambda_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:f", connector_id = "web-search", tools = { a = { description = "A." } } } }
  }
  expect_failures = [var.targets]
}

run "rejects_a_target_that_is_no_function" {
  command = plan
  variables {
    targets = { t = { lambda_function_arn = "arn:aws:s3:::x", tools = { a = { description = "A." } } } }
  }
  expect_failures = [var.targets]
}

run "rejects_a_version_that_is_none" {
  command = plan
  variables {
    targets = { t = { connector_id = "web-search", connector_version = "latest", tools = { a = { description = "A." } } } }
  }
  expect_failures = [var.targets]
}

run "rejects_a_target_without_tools" {
  command = plan
  variables {
    targets = { t = { lambda_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:f", tools = {} } }
  }
  expect_failures = [var.targets]
}

run "rejects_a_tool_name_with_capitals" {
  command = plan
  variables {
    targets = { t = { lambda_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:f", tools = { GetPatient = { description = "A." } } } }
  }
  expect_failures = [var.targets]
}

run "rejects_two_tools_of_one_name" {
  command = plan
  variables {
    targets = {
      one = { lambda_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:f", tools = { a = { description = "A." } } }
      two = { lambda_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:f", tools = { a = { description = "A." } } }
    }
  }
  expect_failures = [var.targets]
}

run "rejects_another_wire_name_for_a_function" {
  command = plan
  variables {
    targets = { t = { lambda_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:f", tools = { a = { description = "A.", wire_tool = "B" } } } }
  }
  expect_failures = [var.targets]
}

run "rejects_a_wire_name_with_underscores" {
  command = plan
  variables {
    targets = { t = { connector_id = "web-search", tools = { a = { description = "A.", wire_tool = "Web___Search" } } } }
  }
  expect_failures = [var.targets]
}

run "rejects_a_tool_without_description" {
  command = plan
  variables {
    targets = { t = { lambda_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:f", tools = { a = { description = "" } } } }
  }
  expect_failures = [var.targets]
}

run "rejects_a_property_of_objects" {
  command = plan
  variables {
    targets = { t = { lambda_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:f", tools = { a = { description = "A.", properties = { p = { type = "object" } } } } } }
  }
  expect_failures = [var.targets]
}

run "rejects_headers_for_a_connector" {
  command = plan
  variables {
    targets = { t = { connector_id = "web-search", request_headers = ["X-Clinic-Access-Token"], tools = { a = { description = "A." } } } }
  }
  expect_failures = [var.targets]
}

run "rejects_more_than_ten_headers" {
  command = plan
  variables {
    targets = { t = { lambda_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:f", request_headers = [for i in range(11) : "X-H${i}"], tools = { a = { description = "A." } } } }
  }
  expect_failures = [var.targets]
}

run "rejects_a_header_in_two_cases" {
  command = plan
  variables {
    targets = { t = { lambda_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:f", request_headers = ["X-A", "x-a"], tools = { a = { description = "A." } } } }
  }
  expect_failures = [var.targets]
}

run "rejects_the_authorization_header" {
  command = plan
  variables {
    targets = { t = { lambda_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:f", request_headers = ["authorization"], tools = { a = { description = "A." } } } }
  }
  expect_failures = [var.targets]
}

run "rejects_a_header_of_aws" {
  command = plan
  variables {
    targets = { t = { lambda_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:f", request_headers = ["X-Amz-Security-Token"], tools = { a = { description = "A." } } } }
  }
  expect_failures = [var.targets]
}

run "rejects_a_header_with_a_space" {
  command = plan
  variables {
    targets = { t = { lambda_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:f", request_headers = ["X Clinic"], tools = { a = { description = "A." } } } }
  }
  expect_failures = [var.targets]
}

run "rejects_a_key_that_is_no_arn" {
  command = plan
  variables {
    kms_key_arn = "alias/gateway"
  }
  expect_failures = [var.kms_key_arn]
}
