mock_provider "aws" {
  override_during = plan
  mock_resource "aws_bedrockagentcore_memory" {
    defaults = {
      id  = "clinic_test_tier-abcdefghij"
      arn = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:memory/clinic_test_tier-abcdefghij"
    }
  }
}

variables {
  name_prefix = "clinic-test"
  tiers = {
    basic   = { retention_days = 90 }
    premium = { retention_days = 180, strategies = ["preferences", "summaries"] }
  }
}

run "one_memory_per_tier_with_the_strategies_of_the_tier" {
  command = plan
  assert {
    condition     = { for tier, m in aws_bedrockagentcore_memory.tier : tier => [m.name, m.event_expiry_duration, m.tags.Tier] } == { basic = ["clinic_test_basic", 90, "basic"], premium = ["clinic_test_premium", 180, "premium"] }
    error_message = "A memory is named for its tier, keeps its days and is tagged with it."
  }
  assert {
    condition     = { for key, s in aws_bedrockagentcore_memory_strategy.tier : key => [s.type, one(s.namespace_templates)] } == { "premium/preferences" = ["USER_PREFERENCE", "/actors/{actorId}/preferences/"], "premium/summaries" = ["SUMMARIZATION", "/actors/{actorId}/summaries/{sessionId}/"] }
    error_message = "Records of a strategy go below the actor's own namespace."
  }
  assert {
    condition     = output.namespace_templates == { basic = {}, premium = { preferences = "/actors/{actorId}/preferences/", summaries = "/actors/{actorId}/summaries/{sessionId}/" } }
    error_message = "namespace_templates must be what the strategies have."
  }
  assert {
    condition     = jsonencode(keys(output.memories)) == jsonencode(["basic", "premium"]) && output.memories.basic.id == "clinic_test_tier-abcdefghij"
    error_message = "memories must have one entry per tier."
  }
}

run "the_key_is_passed_on_where_one_is_given" {
  command = plan
  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  }
  assert {
    condition     = alltrue([for m in aws_bedrockagentcore_memory.tier : m.encryption_key_arn == var.kms_key_arn])
    error_message = "kms_key_arn must reach every memory."
  }
}

run "rejects_a_name_prefix_with_capitals" {
  command = plan
  variables {
    name_prefix = "Clinic"
  }
  expect_failures = [var.name_prefix]
}

run "rejects_no_tiers" {
  command = plan
  variables {
    tiers = {}
  }
  expect_failures = [var.tiers]
}

run "rejects_a_tier_name_with_a_hyphen" {
  command = plan
  variables {
    tiers = { basic-plus = { retention_days = 90 } }
  }
  expect_failures = [var.tiers]
}

run "rejects_retention_below_a_week" {
  command = plan
  variables {
    tiers = { basic = { retention_days = 6 } }
  }
  expect_failures = [var.tiers]
}

run "rejects_retention_above_a_year" {
  command = plan
  variables {
    tiers = { basic = { retention_days = 366 } }
  }
  expect_failures = [var.tiers]
}

run "rejects_half_days" {
  command = plan
  variables {
    tiers = { basic = { retention_days = 7.5 } }
  }
  expect_failures = [var.tiers]
}

run "rejects_an_unknown_strategy" {
  command = plan
  variables {
    tiers = { basic = { retention_days = 90, strategies = ["gossip"] } }
  }
  expect_failures = [var.tiers]
}

run "rejects_a_strategy_name_with_a_hyphen" {
  command = plan
  variables {
    strategies = {
      long-term   = { type = "SEMANTIC", namespace_template = "/actors/{actorId}/facts/" }
      preferences = { type = "USER_PREFERENCE", namespace_template = "/actors/{actorId}/preferences/" }
      summaries   = { type = "SUMMARIZATION", namespace_template = "/actors/{actorId}/summaries/" }
    }
  }
  expect_failures = [var.strategies]
}

run "rejects_a_type_that_needs_more_than_a_namespace" {
  command = plan
  variables {
    strategies = { episodes = { type = "EPISODIC", namespace_template = "/actors/{actorId}/episodes/" } }
    tiers      = { basic = { retention_days = 90 } }
  }
  expect_failures = [var.strategies]
}

run "rejects_two_strategies_of_one_type" {
  command = plan
  variables {
    strategies = {
      facts = { type = "SEMANTIC", namespace_template = "/actors/{actorId}/facts/" }
      news  = { type = "SEMANTIC", namespace_template = "/actors/{actorId}/news/" }
    }
    tiers = { basic = { retention_days = 90 } }
  }
  expect_failures = [var.strategies]
}

run "rejects_a_namespace_that_all_actors_share" {
  command = plan
  variables {
    strategies = { facts = { type = "SEMANTIC", namespace_template = "/facts/{actorId}/" } }
    tiers      = { basic = { retention_days = 90 } }
  }
  expect_failures = [var.strategies]
}

run "rejects_a_namespace_without_the_last_slash" {
  command = plan
  variables {
    strategies = { facts = { type = "SEMANTIC", namespace_template = "/actors/{actorId}/facts" } }
    tiers      = { basic = { retention_days = 90 } }
  }
  expect_failures = [var.strategies]
}

run "rejects_a_key_that_is_no_arn" {
  command = plan
  variables {
    kms_key_arn = "alias/memory"
  }
  expect_failures = [var.kms_key_arn]
}

run "rejects_a_tag_that_hides_the_tier" {
  command = plan
  variables {
    tags = { Tier = "all" }
  }
  expect_failures = [var.tags]
}
