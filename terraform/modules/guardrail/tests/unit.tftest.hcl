mock_provider "aws" {
  override_during = plan
  mock_resource "aws_bedrock_guardrail" {
    defaults = { guardrail_id = "abc123def456", guardrail_arn = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/abc123def456" }
  }
  mock_resource "aws_bedrock_guardrail_version" {
    defaults = { version = "3" }
  }
}

variables {
  name_prefix = "clinic-test"
  tiers = {
    basic = {
      prompt_attack = "HIGH"
      filters = {
        sexual     = { input = "NONE", output = "LOW" }
        violence   = { input = "NONE", output = "LOW" }
        misconduct = { input = "NONE", output = "LOW" }
        hate       = { input = "LOW", output = "MEDIUM" }
        insults    = { input = "LOW", output = "MEDIUM" }
      }
      profanity           = true
      denied_words        = ["enable developer mode", "do anything now"]
      blocked_information = ["PASSWORD"]
      masked_information  = ["CREDIT_DEBIT_CARD_NUMBER"]
    }
  }
}

run "the_guardrail_says_what_the_tier_says" {
  command = plan
  assert {
    condition = { for f in aws_bedrock_guardrail.this["basic"].content_policy_config[0].filters_config : f.type => "${f.input_strength} ${f.output_strength}" } == {
      SEXUAL = "NONE LOW", VIOLENCE = "NONE LOW", MISCONDUCT = "NONE LOW", HATE = "LOW MEDIUM", INSULTS = "LOW MEDIUM", PROMPT_ATTACK = "HIGH NONE"
    }
    error_message = "Every filter must have the strengths of the tier; PROMPT_ATTACK looks at questions only."
  }
  assert {
    condition     = [for w in aws_bedrock_guardrail.this["basic"].word_policy_config[0].words_config : w.text] == ["do anything now", "enable developer mode"]
    error_message = "Denied words must be there, in an order that does not change."
  }
  assert {
    condition     = aws_bedrock_guardrail.this["basic"].word_policy_config[0].managed_word_lists_config[0].type == "PROFANITY"
    error_message = "profanity must switch AWS's list on."
  }
  assert {
    condition = { for p in aws_bedrock_guardrail.this["basic"].sensitive_information_policy_config[0].pii_entities_config : p.type => p.action } == {
      PASSWORD = "BLOCK", CREDIT_DEBIT_CARD_NUMBER = "ANONYMIZE"
    }
    error_message = "Sensitive information must be blocked or masked as the tier says."
  }
  assert {
    condition     = aws_bedrock_guardrail.this["basic"].blocked_input_messaging == var.message && aws_bedrock_guardrail.this["basic"].blocked_outputs_messaging == var.message
    error_message = "Blocked questions and answers must read alike."
  }
}

run "outputs_name_a_version_that_stays" {
  command = plan
  assert {
    condition = output.guardrails == { basic = {
      id      = "abc123def456"
      arn     = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/abc123def456"
      version = "3"
      message = "The guardrail of the clinic assistant stopped this message."
    } }
    error_message = "Each tier must have id, arn, version and message."
  }
  assert {
    condition     = aws_bedrock_guardrail_version.this["basic"].skip_destroy
    error_message = "An old version must outlive the new one: calls under way name it."
  }
  assert {
    condition     = aws_bedrock_guardrail_version.this["basic"].description == "Content ${sha256(jsonencode(local.content["basic"]))}"
    error_message = "The description must follow the content: it is what makes a new version."
  }
}

run "empty_lists_leave_their_policies_out" {
  command = plan
  variables {
    tiers = {
      basic = {
        prompt_attack = "LOW"
        filters = {
          sexual     = { input = "NONE", output = "NONE" }
          violence   = { input = "NONE", output = "NONE" }
          misconduct = { input = "NONE", output = "NONE" }
          hate       = { input = "NONE", output = "NONE" }
          insults    = { input = "NONE", output = "NONE" }
        }
        profanity           = false
        denied_words        = []
        blocked_information = []
        masked_information  = []
      }
    }
  }
  assert {
    condition     = length(aws_bedrock_guardrail.this["basic"].word_policy_config) == 0 && length(aws_bedrock_guardrail.this["basic"].sensitive_information_policy_config) == 0
    error_message = "A policy without entries is refused by the service."
  }
}

run "rejects_no_tiers" {
  command = plan
  variables {
    tiers = {}
  }
  expect_failures = [var.tiers]
}

run "rejects_a_switched_off_prompt_attack_filter" {
  command = plan
  variables {
    tiers = {
      basic = {
        prompt_attack = "NONE"
        filters = {
          sexual     = { input = "NONE", output = "LOW" }
          violence   = { input = "NONE", output = "LOW" }
          misconduct = { input = "NONE", output = "LOW" }
          hate       = { input = "LOW", output = "MEDIUM" }
          insults    = { input = "LOW", output = "MEDIUM" }
        }
        profanity           = true
        denied_words        = []
        blocked_information = []
        masked_information  = []
      }
    }
  }
  expect_failures = [var.tiers]
}

run "rejects_a_missing_filter" {
  command = plan
  variables {
    tiers = {
      basic = {
        prompt_attack       = "HIGH"
        filters             = { sexual = { input = "NONE", output = "LOW" } }
        profanity           = true
        denied_words        = []
        blocked_information = []
        masked_information  = []
      }
    }
  }
  expect_failures = [var.tiers]
}

run "rejects_an_unknown_strength" {
  command = plan
  variables {
    tiers = {
      basic = {
        prompt_attack = "HIGH"
        filters = {
          sexual     = { input = "NONE", output = "STRICT" }
          violence   = { input = "NONE", output = "LOW" }
          misconduct = { input = "NONE", output = "LOW" }
          hate       = { input = "LOW", output = "MEDIUM" }
          insults    = { input = "LOW", output = "MEDIUM" }
        }
        profanity           = true
        denied_words        = []
        blocked_information = []
        masked_information  = []
      }
    }
  }
  expect_failures = [var.tiers]
}

run "rejects_information_that_is_blocked_and_masked" {
  command = plan
  variables {
    tiers = {
      basic = {
        prompt_attack = "HIGH"
        filters = {
          sexual     = { input = "NONE", output = "LOW" }
          violence   = { input = "NONE", output = "LOW" }
          misconduct = { input = "NONE", output = "LOW" }
          hate       = { input = "LOW", output = "MEDIUM" }
          insults    = { input = "LOW", output = "MEDIUM" }
        }
        profanity           = true
        denied_words        = []
        blocked_information = ["PASSWORD"]
        masked_information  = ["PASSWORD"]
      }
    }
  }
  expect_failures = [var.tiers]
}

# Each input of this run must fail by itself: terraform test misses none of expect_failures.
run "rejects_bad_settings" {
  command = plan
  variables {
    name_prefix = "Clinic"
    message     = "No."
    kms_key_arn = "alias/guardrails"
  }
  expect_failures = [var.name_prefix, var.message, var.kms_key_arn]
}
