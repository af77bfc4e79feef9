mock_provider "aws" {
  override_during = plan
  mock_resource "aws_lambda_function" {
    # SHA-256 of nothing, in base64: what lambda_package.sha256 below is in hex.
    defaults = { code_sha256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" }
  }
}

variables {
  name_prefix  = "clinic-test"
  account_id   = "111122223333"
  region       = "eu-west-1"
  runtime_name = "clinic_test_agent"
  lambda_package = {
    bucket       = "artifacts"
    key          = "agents/clinic-agent/1.0.0/lambda-linux-arm64.zip"
    sha256       = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    runtime      = "python3.11"
    architecture = "arm64"
  }
  tiers = {
    basic = {
      model_id                     = "acme.small-1:0"
      memory_id                    = "basic-1"
      memory_arn                   = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:memory/basic-1"
      max_output_tokens            = 1024
      context_window               = 128000
      long_term_memory             = false
      history_turns                = 6
      guardrail                    = { id = "abc123", arn = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/abc123", version = "3", message = "Stopped by the guardrail." }
      price_input_usd_per_million  = 0.15
      price_output_usd_per_million = 0.6
    }
  }
  token = {
    issuer    = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc"
    jwks_url  = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc/.well-known/jwks.json"
    client_id = "client"
  }
  registry = {
    table       = "clinic-test-registry"
    table_arn   = "arn:aws:dynamodb:eu-west-1:111122223333:table/clinic-test-registry"
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/registry"
  }
  data = {
    bucket_arn  = "arn:aws:s3:::documents"
    table_arn   = "arn:aws:dynamodb:eu-west-1:111122223333:table/clinic-test-patients"
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/data"
  }
  runtime_bundle = {
    bucket      = "artifacts"
    prefix      = "agents/clinic-agent/"
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/artifacts"
  }
}

run "every_allow_of_the_tenant_role_has_a_condition" {
  command = plan
  assert {
    condition = [for s in jsondecode(output.tenant_role_policy).Statement : s.Sid
    if s.Effect == "Allow" && !can(s.Condition)] == []
    error_message = "A statement of the tenant role without a condition is open to every tenant."
  }
  assert {
    condition     = toset([for s in jsondecode(output.tenant_role_trust_policy).Statement : s.Principal.AWS]) == toset(["arn:aws:iam::111122223333:role/clinic-test-broker"])
    error_message = "The broker alone may make tenant sessions."
  }
}

run "models_are_called_with_the_tiers_guardrail_or_not_at_all" {
  command = plan
  assert {
    condition = [for s in jsondecode(output.tenant_role_policy).Statement : s.Condition.StringEquals["bedrock:GuardrailIdentifier"]
    if strcontains(jsonencode(s.Action), "bedrock:Invoke") && s.Effect == "Allow"] == ["arn:aws:bedrock:eu-west-1:111122223333:guardrail/abc123:3"]
    error_message = "Every model call must name the guardrail in its version."
  }
  assert {
    condition     = [for s in jsondecode(output.tenant_role_policy).Statement : s.Resource if s.Action == "bedrock:ApplyGuardrail"] == ["arn:aws:bedrock:eu-west-1:111122223333:guardrail/abc123"]
    error_message = "The guardrail must be allowed, and no other."
  }
  assert {
    condition     = [for s in jsondecode(output.tenant_role_policy).Statement : s.Sid if s.Sid == "DecryptGuardrails"] == []
    error_message = "Without a key of our own there is nothing to decrypt."
  }
}

run "a_key_of_the_guardrails_may_be_used_by_tenants" {
  command = plan
  variables {
    guardrail_kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/guardrails"
  }
  assert {
    condition     = [for s in jsondecode(output.tenant_role_policy).Statement : [s.Action, s.Resource] if s.Sid == "DecryptGuardrails"] == [["kms:Decrypt", "arn:aws:kms:eu-west-1:111122223333:key/guardrails"]]
    error_message = "With a key of its own, a guardrail works only for those who may decrypt it."
  }
}

run "the_runtime_makes_log_groups_only_where_it_may" {
  command = plan
  assert {
    condition     = contains(one([for s in jsondecode(output.execution_role_policy).Statement : s.Action if s.Sid == "WriteOwnLogs"]), "logs:CreateLogGroup")
    error_message = "Where nobody else makes the groups, the runtime does."
  }
}

run "the_runtime_makes_no_log_groups_where_observability_does" {
  command = plan
  variables {
    runtime_creates_log_groups = false
  }
  assert {
    condition     = one([for s in jsondecode(output.execution_role_policy).Statement : s.Action if s.Sid == "WriteOwnLogs"]) == ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    error_message = "A group that the runtime makes first has no retention and no key of ours, and Terraform's creation fails."
  }
  assert {
    condition     = !strcontains(output.execution_role_policy, "logs:CreateLogGroup") && !strcontains(output.execution_role_policy, "logs:*")
    error_message = "No other statement may allow it."
  }
}

run "the_broker_is_named_without_waiting" {
  command = plan
  assert {
    condition     = output.broker_name_arn == output.broker_function_arn
    error_message = "Both outputs are the same function."
  }
}

run "the_broker_gets_what_it_needs" {
  command = plan
  assert {
    condition     = keys(module.broker.environment) == tolist(["PLATFORM_CONTRACT", "PLATFORM_NAME", "REGISTRY_TABLE", "SESSION_SECONDS", "TENANT_ROLE_ARN", "TIERS", "TOKEN_CLIENT_ID", "TOKEN_ISSUER", "TOKEN_JWKS_URL"])
    error_message = "The broker's environment is its interface."
  }
  assert {
    condition = merge(jsondecode(module.broker.environment.TIERS).common, zipmap(
      jsondecode(module.broker.environment.TIERS).fields, jsondecode(module.broker.environment.TIERS).tiers.basic
      )) == {
      model_id          = "acme.small-1:0", memory_id = "basic-1", max_output_tokens = 1024, context_window = 128000
      long_term_memory  = false, history_turns = 6, price_input_usd_per_million = 0.15, price_output_usd_per_million = 0.6
      guardrail_id      = "abc123", guardrail_version = "3"
      guardrail_message = "Stopped by the guardrail."
    }
    error_message = "The broker must know of a tier what the agent needs."
  }
}

run "the_endpoint_is_passed_on_where_one_is_given" {
  command = plan
  variables {
    aws_endpoint_url = "http://127.0.0.1:4566"
  }
  assert {
    condition     = module.broker.environment.AWS_ENDPOINT_URL == "http://127.0.0.1:4566"
    error_message = "aws_endpoint_url must reach the broker."
  }
}

# The most that a team can have: ten, with the longest names, the longest message, and figures of the dearest models.
run "ten_tiers_of_longest_names_fit" {
  command = plan
  variables {
    name_prefix = "clinic-platform-prod"
    tiers = { for i in range(10) : format("tierwithlongna%02d", i) => {
      model_id                     = "mistralexample.a-model-of-the-future-405b-instruct-v10:0"
      memory_id                    = "clinic_platform_prod_tierwithlongname${i}-AbCdEfGhIj"
      memory_arn                   = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:memory/clinic_platform_prod_tierwithlongname${i}-AbCdEfGhIj"
      max_output_tokens            = 128000
      context_window               = 1000000
      long_term_memory             = false
      history_turns                = 50
      guardrail                    = { id = "abcdef12345${i}", arn = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/abcdef12345${i}", version = "1234", message = join("", [for n in range(20) : "Ten chars."]) }
      price_input_usd_per_million  = 12.345
      price_output_usd_per_million = 123.45
    } }
  }
  assert {
    condition = alltrue([for i in range(10) : zipmap(
      jsondecode(module.broker.environment.TIERS).fields,
      jsondecode(module.broker.environment.TIERS).tiers[format("tierwithlongna%02d", i)]
    ).guardrail_id == "abcdef12345${i}"])
    error_message = "Every tier must be in the broker's environment."
  }
  assert {
    condition     = length(jsondecode(module.broker.environment.TIERS).common.guardrail_message) == 200
    error_message = "The message of all tiers must be there once."
  }
  assert {
    condition     = length(output.broker_function_arn) > 0 && length(module.broker.environment.TIERS) < 3072
    error_message = "Ten tiers must fit."
  }
}

run "a_message_of_a_tiers_own_stays_with_the_tier" {
  command = plan
  variables {
    tiers = { for name, message in { one = "Stopped.", two = "Not here." } : name => {
      model_id                     = "acme.small-1:0"
      memory_id                    = name
      memory_arn                   = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:memory/${name}"
      max_output_tokens            = 1024
      context_window               = 128000
      long_term_memory             = false
      history_turns                = 6
      guardrail                    = { id = "abc123", arn = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/abc123", version = "3", message = message }
      price_input_usd_per_million  = 0.15
      price_output_usd_per_million = 0.6
    } }
  }
  assert {
    condition     = { for name, row in jsondecode(module.broker.environment.TIERS).tiers : name => zipmap(jsondecode(module.broker.environment.TIERS).fields, row).guardrail_message } == { one = "Stopped.", two = "Not here." }
    error_message = "Messages that differ must not be mixed up."
  }
}

run "rejects_an_eleventh_tier" {
  command = plan
  variables {
    tiers = { for i in range(11) : format("tierwithlongna%02d", i) => {
      model_id                     = "mistralexample.a-model-of-the-future-405b-instruct-v10:0"
      memory_id                    = "clinic_platform_prod_tierwithlongname${i}-AbCdEfGhIj"
      memory_arn                   = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:memory/clinic_platform_prod_tierwithlongname${i}-AbCdEfGhIj"
      max_output_tokens            = 128000
      context_window               = 1000000
      long_term_memory             = false
      history_turns                = 50
      guardrail                    = { id = "abcdef12345${i}", arn = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/abcdef12345${i}", version = "1234", message = join("", [for n in range(20) : "Ten chars."]) }
      price_input_usd_per_million  = 12.345
      price_output_usd_per_million = 123.45
    } }
  }
  expect_failures = [var.tiers]
}

run "rejects_too_long_settings" {
  command = plan
  variables {
    tiers = { for i in range(10) : "tier${i}" => {
      model_id                     = "acme.${join("", [for n in range(80) : "x"])}"
      memory_id                    = join("", [for n in range(200) : "x"])
      memory_arn                   = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:memory/tier-${i}"
      max_output_tokens            = 1024
      context_window               = 128000
      long_term_memory             = false
      history_turns                = 6
      guardrail                    = { id = "abc123", arn = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/abc123", version = "3", message = "Stopped by the guardrail." }
      price_input_usd_per_million  = 0.15
      price_output_usd_per_million = 0.6
    } }
  }
  expect_failures = [output.broker_function_arn]
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
    tiers = {
      "basic-plus" = {
        model_id                     = "acme.small-1:0"
        memory_id                    = "basic-1"
        memory_arn                   = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:memory/basic-1"
        max_output_tokens            = 1024
        context_window               = 128000
        long_term_memory             = false
        history_turns                = 6
        guardrail                    = { id = "abc123", arn = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/abc123", version = "3", message = "Stopped by the guardrail." }
        price_input_usd_per_million  = 0.15
        price_output_usd_per_million = 0.6
      }
    }
  }
  expect_failures = [var.tiers]
}

run "rejects_a_memory_with_a_wildcard" {
  command = plan
  variables {
    tiers = {
      basic = {
        model_id                     = "acme.small-1:0"
        memory_id                    = "basic-1"
        memory_arn                   = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:memory/*"
        max_output_tokens            = 1024
        context_window               = 128000
        long_term_memory             = false
        history_turns                = 6
        guardrail                    = { id = "abc123", arn = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/abc123", version = "3", message = "Stopped by the guardrail." }
        price_input_usd_per_million  = 0.15
        price_output_usd_per_million = 0.6
      }
    }
  }
  expect_failures = [var.tiers]
}

run "rejects_two_tiers_on_one_memory" {
  command = plan
  variables {
    tiers = {
      basic = {
        model_id                     = "acme.small-1:0"
        memory_id                    = "basic-1"
        memory_arn                   = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:memory/basic-1"
        max_output_tokens            = 1024
        context_window               = 128000
        long_term_memory             = false
        history_turns                = 6
        guardrail                    = { id = "abc123", arn = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/abc123", version = "3", message = "Stopped by the guardrail." }
        price_input_usd_per_million  = 0.15
        price_output_usd_per_million = 0.6
      }
      premium = {
        model_id                     = "acme.small-1:0"
        memory_id                    = "basic-1"
        memory_arn                   = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:memory/basic-1"
        max_output_tokens            = 1024
        context_window               = 128000
        long_term_memory             = false
        history_turns                = 6
        guardrail                    = { id = "abc123", arn = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/abc123", version = "3", message = "Stopped by the guardrail." }
        price_input_usd_per_million  = 0.15
        price_output_usd_per_million = 0.6
      }
    }
  }
  expect_failures = [var.tiers]
}

run "rejects_a_model_with_a_wildcard" {
  command = plan
  variables {
    tiers = {
      basic = {
        model_id                     = "acme.*"
        memory_id                    = "basic-1"
        memory_arn                   = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:memory/basic-1"
        max_output_tokens            = 1024
        context_window               = 128000
        long_term_memory             = false
        history_turns                = 6
        guardrail                    = { id = "abc123", arn = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/abc123", version = "3", message = "Stopped by the guardrail." }
        price_input_usd_per_million  = 0.15
        price_output_usd_per_million = 0.6
      }
    }
  }
  expect_failures = [var.tiers]
}

run "rejects_the_draft_of_a_guardrail" {
  command = plan
  variables {
    tiers = {
      basic = {
        model_id                     = "acme.small-1:0"
        memory_id                    = "basic-1"
        memory_arn                   = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:memory/basic-1"
        max_output_tokens            = 1024
        context_window               = 128000
        long_term_memory             = false
        history_turns                = 6
        guardrail                    = { id = "abc123", arn = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/abc123", version = "DRAFT", message = "Stopped by the guardrail." }
        price_input_usd_per_million  = 0.15
        price_output_usd_per_million = 0.6
      }
    }
  }
  expect_failures = [var.tiers]
}

run "rejects_a_guardrail_with_a_wildcard" {
  command = plan
  variables {
    tiers = {
      basic = {
        model_id                     = "acme.small-1:0"
        memory_id                    = "basic-1"
        memory_arn                   = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:memory/basic-1"
        max_output_tokens            = 1024
        context_window               = 128000
        long_term_memory             = false
        history_turns                = 6
        guardrail                    = { id = "abc123", arn = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/*", version = "3", message = "Stopped by the guardrail." }
        price_input_usd_per_million  = 0.15
        price_output_usd_per_million = 0.6
      }
    }
  }
  expect_failures = [var.tiers]
}

# Below, each input of a run must fail by itself: terraform test misses none of expect_failures.
run "rejects_bad_settings_1" {
  command = plan
  variables {
    # a checksum that is no sha256
    lambda_package = {
      bucket       = "artifacts"
      key          = "agents/clinic-agent/1.0.0/lambda-linux-arm64.zip"
      sha256       = "abc"
      runtime      = "python3.11"
      architecture = "arm64"
    }
    # a runtime name with a hyphen
    runtime_name = "clinic-agent"
    # a bundle prefix without a slash
    runtime_bundle = { bucket = "artifacts", prefix = "agents/clinic-agent", kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/artifacts" }
    # sessions below the sts minimum
    session_seconds = 899
    # a switched off broker
    broker_reserved_concurrency = 0
    # a broker slower than its callers
    broker_timeout_seconds = 30
  }
  expect_failures = [var.lambda_package, var.runtime_name, var.runtime_bundle, var.session_seconds, var.broker_reserved_concurrency, var.broker_timeout_seconds]
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
    # sessions above the chaining limit
    session_seconds = 3601
  }
  expect_failures = [var.lambda_package, var.session_seconds]
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

run "rejects_malformed_names_places_and_periods" {
  command = plan
  variables {
    name_prefix        = "Clinic"
    account_id         = "1234"
    region             = "europe"
    partition          = "azure"
    log_retention_days = 0
    log_kms_key_arn    = "alias/logs"

    guardrail_kms_key_arn = "alias/guardrails"
  }
  expect_failures = [var.name_prefix, var.account_id, var.region, var.partition, var.log_retention_days, var.log_kms_key_arn, var.guardrail_kms_key_arn]
}

run "rejects_a_guardrail_key_that_encrypts_something_else" {
  command = plan
  variables {
    guardrail_kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/data"
  }
  expect_failures = [var.guardrail_kms_key_arn]
}

run "rejects_tags_that_say_whose_a_session_is" {
  command = plan
  variables {
    tags = { clinicid = "clinic-a" }
  }
  expect_failures = [var.tags]
}

run "a_key_of_memories_is_used_through_agentcore_only" {
  command = plan
  variables {
    memory_kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/memories"
  }
  assert {
    condition = jsonencode([for s in jsondecode(aws_iam_role_policy.tenant.policy).Statement : [s.Action, s.Condition] if s.Sid == "UseMemoryKeyThroughAgentCore" && s.Resource == "arn:aws:kms:eu-west-1:111122223333:key/memories"]) == jsonencode([[
      ["kms:Decrypt", "kms:GenerateDataKey"],
      { Null = { "aws:PrincipalTag/ClinicId" = "false" }, StringEquals = { "kms:ViaService" = "bedrock-agentcore.eu-west-1.amazonaws.com" } },
    ]])
    error_message = "A tenant must not use that key by itself."
  }
}

run "rejects_one_key_for_memories_and_guardrails" {
  command = plan
  variables {
    guardrail_kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/one"
    memory_kms_key_arn    = "arn:aws:kms:eu-west-1:111122223333:key/one"
  }
  expect_failures = [var.memory_kms_key_arn]
}

run "rejects_a_memory_key_that_is_none" {
  command = plan
  variables {
    memory_kms_key_arn = "alias/memories"
  }
  expect_failures = [var.memory_kms_key_arn]
}
