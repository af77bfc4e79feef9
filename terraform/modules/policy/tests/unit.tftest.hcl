mock_provider "aws" {
  override_during = plan
  mock_resource "aws_bedrockagentcore_policy_engine" {
    defaults = {
      policy_engine_id  = "clinic_test_policies-abcdefghij"
      policy_engine_arn = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:policy-engine/clinic_test_policies-abcdefghij"
    }
  }
}

variables {
  name_prefix = "clinic-test"
  gateway_arn = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:gateway/clinic-test-gateway-abcdefghij"
  target_ids  = { clinic-data = "ABCDEFGHIJ", web-search = "KLMNOPQRST" }
  template    = file("../../catalog/policies/tier.cedar.tftpl")
  tiers = {
    basic   = { wire_names = ["clinic-data___list_patients", "clinic-data___get_patient"], access_hours_utc = { from = 6, to = 20 } }
    premium = { wire_names = ["clinic-data___get_patient", "web-search___WebSearch"] }
  }
}

run "each_tier_has_one_permit_for_its_tools_on_this_gateway" {
  command = plan
  assert {
    condition     = { for tier, p in aws_bedrockagentcore_policy.tier : tier => [p.name, p.validation_mode, p.policy_engine_id] } == { for tier in ["basic", "premium"] : tier => ["clinic_test_${tier}_tools", "FAIL_ON_ANY_FINDINGS", "clinic_test_policies-abcdefghij"] }
    error_message = "A policy is named for its tier, belongs to the engine and is analysed by the service."
  }
  assert {
    condition     = alltrue([for text in values(output.policies) : length(regexall("permit", text)) == 1 && length(regexall("forbid", text)) == 0 && strcontains(text, "resource == AgentCore::Gateway::\"${var.gateway_arn}\"")])
    error_message = "A policy is one permit on this gateway."
  }
  assert {
    condition     = jsonencode({ for tier, text in output.policies : tier => flatten(regexall("AgentCore::Action::\"([^\"]*)\"", text)) }) == jsonencode({ for tier, t in var.tiers : tier => sort(t.wire_names) })
    error_message = "A policy names the tools of its tier and no others."
  }
  assert {
    condition     = jsonencode({ for tier, text in output.policies : tier => flatten(regexall("getTag\\(\"tier\"\\) == \"([a-z]*)\"", text)) }) == jsonencode({ basic = ["basic"], premium = ["premium"] })
    error_message = "A policy applies to tokens of its own tier."
  }
  assert {
    condition     = strcontains(output.policies.basic, "duration(\"6h\")") && strcontains(output.policies.basic, "duration(\"20h\")") && !strcontains(output.policies.premium, "context.system.now")
    error_message = "A tier with hours is held to them, one without is not."
  }
}

run "the_key_is_passed_on_where_one_is_given" {
  command = plan
  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  }
  assert {
    condition     = aws_bedrockagentcore_policy_engine.this.encryption_key_arn == var.kms_key_arn
    error_message = "kms_key_arn must reach the engine."
  }
}

run "rejects_a_policy_that_is_too_long" {
  command = plan
  variables {
    tiers = { basic = { wire_names = [for i in range(200) : "clinic-data___tool_with_a_rather_long_name_${i}"] } }
  }
  expect_failures = [aws_bedrockagentcore_policy.tier]
}

run "rejects_a_name_prefix_with_capitals" {
  command = plan
  variables {
    name_prefix = "Clinic"
  }
  expect_failures = [var.name_prefix]
}

run "rejects_a_wildcard_for_the_gateway" {
  command = plan
  variables {
    gateway_arn = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:gateway/*"
  }
  expect_failures = [var.gateway_arn]
}

run "rejects_a_gateway_that_ends_the_string" {
  command = plan
  variables {
    gateway_arn = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:gateway/a\" || true"
  }
  expect_failures = [var.gateway_arn]
}

run "rejects_no_targets" {
  command = plan
  variables {
    target_ids = {}
  }
  expect_failures = [var.target_ids]
}

run "rejects_no_tiers" {
  command = plan
  variables {
    tiers = {}
  }
  expect_failures = [var.tiers]
}

run "rejects_a_tier_name_that_ends_the_string" {
  command = plan
  variables {
    tiers = { "basic\"" = { wire_names = ["clinic-data___get_patient"] } }
  }
  expect_failures = [var.tiers]
}

run "rejects_a_tier_without_tools" {
  command = plan
  variables {
    tiers = { basic = { wire_names = [] } }
  }
  expect_failures = [var.tiers]
}

run "rejects_a_bare_tool_name" {
  command = plan
  variables {
    tiers = { basic = { wire_names = ["get_patient"] } }
  }
  expect_failures = [var.tiers]
}

run "rejects_a_tool_of_an_unknown_target" {
  command = plan
  variables {
    tiers = { basic = { wire_names = ["billing___refund"] } }
  }
  expect_failures = [var.tiers]
}

run "rejects_hours_that_end_before_they_begin" {
  command = plan
  variables {
    tiers = { basic = { wire_names = ["clinic-data___get_patient"], access_hours_utc = { from = 20, to = 6 } } }
  }
  expect_failures = [var.tiers]
}

run "rejects_hours_that_no_day_has" {
  command = plan
  variables {
    tiers = { basic = { wire_names = ["clinic-data___get_patient"], access_hours_utc = { from = 6, to = 25 } } }
  }
  expect_failures = [var.tiers]
}

run "rejects_half_hours" {
  command = plan
  variables {
    tiers = { basic = { wire_names = ["clinic-data___get_patient"], access_hours_utc = { from = 6.5, to = 20 } } }
  }
  expect_failures = [var.tiers]
}

run "rejects_a_template_that_forgets_the_tier" {
  command = plan
  variables {
    template = "permit (principal, action in $${wire_names}, resource == \"$${gateway_arn}\") when { $${hours} };"
  }
  expect_failures = [var.template]
}

run "rejects_a_key_that_is_no_arn" {
  command = plan
  variables {
    kms_key_arn = "alias/policies"
  }
  expect_failures = [var.kms_key_arn]
}
