mock_provider "aws" {
  override_during = plan
  mock_resource "aws_cloudwatch_log_group" {
    defaults = {
      arn = "arn:aws:logs:eu-west-1:111122223333:log-group:mock"
    }
  }
  mock_resource "aws_cloudwatch_log_delivery_destination" {
    defaults = {
      arn = "arn:aws:logs:eu-west-1:111122223333:delivery-destination:mock"
    }
  }
}

variables {
  name_prefix = "clinic-test"
  account_id  = "111122223333"
  region      = "eu-west-1"
  runtime = {
    id        = "clinic_test_agent-abcdefghij"
    arn       = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:runtime/clinic_test_agent-abcdefghij"
    name      = "clinic_test_agent"
    endpoints = ["candidate", "live"]
  }
  gateway = {
    id  = "clinic-test-abcdefghij"
    arn = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:gateway/clinic-test-abcdefghij"
  }
  memories = {
    basic   = { id = "clinic_test_basic-abcdefghij", arn = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:memory/clinic_test_basic-abcdefghij" }
    premium = { id = "clinic_test_premium-abcdefghij", arn = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:memory/clinic_test_premium-abcdefghij" }
  }
  tiers = {
    basic   = { display_name = "Basic", limits = { requests_per_second = 2, burst = 5, requests_per_day = 50 }, memory = {} }
    premium = { display_name = "Premium", limits = { requests_per_second = 10, burst = 20, requests_per_day = 500 }, memory = { strategies = ["preferences"] } }
  }
  functions = {
    broker      = "clinic-test-broker"
    interceptor = "clinic-test-interceptor"
    tools       = "clinic-test-tools"
    claims      = "clinic-test-claims"
  }
  quotas = {
    create_event         = { title = "events", limit = 200, unit = "per_second", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
    invoke_agent_runtime = { title = "invocations", limit = 200, unit = "per_second", scope = "runtime", adjustable = true, source = "s", checked_on = "2026-11" }
    lambda_concurrency   = { title = "executions", limit = 1000, unit = "at_once", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
    list_memory_records  = { title = "listings", limit = 30, unit = "per_second", scope = "account", adjustable = false, source = "s", checked_on = "2026-11" }
    runtime_sessions     = { title = "sessions", limit = 2500, limit_regions = { us-east-1 = 5000 }, unit = "at_once", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
    tool_calls           = { title = "calls", limit = 200, unit = "per_second", scope = "gateway", adjustable = true, source = "s", checked_on = "2026-11" }
  }
}

run "every_endpoint_has_a_log_group_with_an_end" {
  command = plan
  assert {
    condition = jsonencode({ for name, g in aws_cloudwatch_log_group.runtime : name => g.name }) == jsonencode({
      DEFAULT   = "/aws/bedrock-agentcore/runtimes/clinic_test_agent-abcdefghij-DEFAULT"
      candidate = "/aws/bedrock-agentcore/runtimes/clinic_test_agent-abcdefghij-candidate"
      live      = "/aws/bedrock-agentcore/runtimes/clinic_test_agent-abcdefghij-live"
    })
    error_message = "AgentCore names the groups; DEFAULT is an endpoint too."
  }
  assert {
    condition     = alltrue([for g in concat(values(aws_cloudwatch_log_group.runtime), values(aws_cloudwatch_log_group.vended)) : g.retention_in_days == 90 && g.kms_key_id == null])
    error_message = "Log events are kept for 90 days, with AWS's own encryption where no key is given."
  }
}

run "the_key_and_the_retention_reach_every_log_group" {
  command = plan
  variables {
    log_retention_days = 365
    log_kms_key_arn    = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  }
  assert {
    condition     = alltrue([for g in concat(values(aws_cloudwatch_log_group.runtime), values(aws_cloudwatch_log_group.vended)) : g.retention_in_days == 365 && g.kms_key_id == var.log_kms_key_arn])
    error_message = "Retention and key are for all log groups."
  }
}

run "nothing_that_holds_requests_is_delivered" {
  command = plan
  assert {
    condition = jsonencode({ for name, s in aws_cloudwatch_log_delivery_source.this : name => s.log_type }) == jsonencode({
      gateway-traces        = "TRACES"
      memory-basic-traces   = "TRACES"
      memory-premium-traces = "TRACES"
      runtime-traces        = "TRACES"
      runtime-usage         = "USAGE_LOGS"
    })
    error_message = "Spans and usage records are delivered; application logs hold requests and answers."
  }
  assert {
    condition     = jsonencode({ for name, s in aws_cloudwatch_log_delivery_source.this : name => s.resource_arn if s.log_type == "TRACES" }) == jsonencode({ gateway-traces = var.gateway.arn, memory-basic-traces = var.memories.basic.arn, memory-premium-traces = var.memories.premium.arn, runtime-traces = var.runtime.arn })
    error_message = "Each source is what its name says."
  }
  assert {
    condition     = aws_cloudwatch_log_delivery_destination.traces[0].delivery_destination_type == "XRAY" && jsonencode(sort(keys(aws_cloudwatch_log_delivery.traces))) == jsonencode(["gateway-traces", "memory-basic-traces", "memory-premium-traces", "runtime-traces"])
    error_message = "Spans go to X-Ray."
  }
  assert {
    condition     = jsonencode(output.vended_log_group_names) == jsonencode({ runtime-usage = "/aws/vendedlogs/bedrock-agentcore/clinic-test/runtime-usage" })
    error_message = "Usage records have a group of their own."
  }
}

run "application_logs_are_delivered_where_they_are_named" {
  command = plan
  variables {
    payload_logs    = ["memory"]
    log_kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  }
  assert {
    condition     = jsonencode([for name, s in aws_cloudwatch_log_delivery_source.this : name if s.log_type == "APPLICATION_LOGS"]) == jsonencode(["memory-basic-application", "memory-premium-application"])
    error_message = "Only what payload_logs names is delivered."
  }
  assert {
    condition     = jsonencode(sort(keys(aws_cloudwatch_log_delivery.logs))) == jsonencode(["memory-basic-application", "memory-premium-application", "runtime-usage"])
    error_message = "Each source of logs has a delivery."
  }
}

run "traces_can_be_left_out" {
  command = plan
  variables {
    traces = false
  }
  assert {
    condition     = jsonencode(keys(aws_cloudwatch_log_delivery_source.this)) == jsonencode(["runtime-usage"]) && length(aws_xray_resource_policy.traces) + length(aws_cloudwatch_log_delivery_destination.traces) == 0
    error_message = "Without traces nothing of X-Ray is made."
  }
}

run "deliveries_may_write_only_what_is_this_platforms" {
  command = plan
  assert {
    condition     = jsondecode(aws_cloudwatch_log_resource_policy.vended.policy_document).Statement[0].Resource == "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/vendedlogs/bedrock-agentcore/clinic-test/*:log-stream:*"
    error_message = "The slash keeps out the groups of a platform whose name begins with ours."
  }
  assert {
    condition = alltrue([for document in [aws_cloudwatch_log_resource_policy.vended.policy_document, aws_xray_resource_policy.traces[0].policy_document] :
      alltrue([for s in jsondecode(document).Statement : s.Principal.Service == "delivery.logs.amazonaws.com" && s.Condition.StringEquals["aws:SourceAccount"] == "111122223333" && can(s.Condition.ArnLike["aws:SourceArn"]) && can(s.Sid)])
    ])
    error_message = "Only log deliveries of this account may write."
  }
}

run "each_tier_has_its_alarms" {
  command = plan
  assert {
    condition = jsonencode(output.alarm_names) == jsonencode({
      basic   = ["clinic-test-tier-basic-cross-tenant", "clinic-test-tier-basic-errors", "clinic-test-tier-basic-latency-p95", "clinic-test-tier-basic-latency-p99", "clinic-test-tier-basic-throttles"]
      premium = ["clinic-test-tier-premium-cross-tenant", "clinic-test-tier-premium-errors", "clinic-test-tier-premium-latency-p95", "clinic-test-tier-premium-latency-p99", "clinic-test-tier-premium-namespace-resolution", "clinic-test-tier-premium-throttles"]
    })
    error_message = "A tier has an alarm of each kind; one without strategies extracts nothing."
  }
  assert {
    condition = sort(flatten([values(output.alarm_names), output.platform_alarm_names])) == sort([for a in concat(
      values(aws_cloudwatch_metric_alarm.errors), values(aws_cloudwatch_metric_alarm.latency_p95), values(aws_cloudwatch_metric_alarm.latency_p99),
      values(aws_cloudwatch_metric_alarm.throttles), values(aws_cloudwatch_metric_alarm.cross_tenant), values(aws_cloudwatch_metric_alarm.namespace_resolution),
      values(aws_cloudwatch_metric_alarm.denied_unidentified), [aws_cloudwatch_metric_alarm.direct_calls], values(aws_cloudwatch_metric_alarm.layer_errors),
      values(aws_cloudwatch_metric_alarm.function_errors), values(aws_cloudwatch_metric_alarm.function_throttles),
      values(aws_cloudwatch_metric_alarm.unreadable_metrics), values(aws_cloudwatch_metric_alarm.quota),
    ) : a.alarm_name])
    error_message = "Outputs and dashboard name every alarm, and none that is not made."
  }
  assert {
    condition = alltrue([for a in [aws_cloudwatch_metric_alarm.cross_tenant, aws_cloudwatch_metric_alarm.throttles, aws_cloudwatch_metric_alarm.latency_p95, aws_cloudwatch_metric_alarm.latency_p99] :
      alltrue([for tier, one in a : one.dimensions == tomap({ Platform = "clinic-test", Tier = tier })])
    ])
    error_message = "An alarm of a tier reads that tier's metrics."
  }
  assert {
    condition     = strcontains(one([for q in aws_cloudwatch_metric_alarm.namespace_resolution["premium"].metric_query : q.expression]), "Resource = '${var.memories.premium.arn}'")
    error_message = "Namespace resolution is that of the tier's memory."
  }
}

run "each_layer_has_an_alarm_for_tokens_that_are_none_of_ours" {
  command = plan
  assert {
    condition = jsonencode({ for layer, a in aws_cloudwatch_metric_alarm.denied_unidentified : a.metric_name => [a.alarm_name, a.dimensions] }) == jsonencode({
      BrokerDeniedAttempts  = ["clinic-test-denied-unidentified-broker", { Platform = "clinic-test", Tier = "unknown" }]
      DeniedAttempts        = ["clinic-test-denied-unidentified", { Platform = "clinic-test", Tier = "unknown" }]
      GatewayDeniedAttempts = ["clinic-test-denied-unidentified-gateway", { Platform = "clinic-test", Tier = "unknown" }]
    })
    error_message = "Agent, gateway and broker each have a metric of their own."
  }
}

run "lines_that_cannot_be_read_are_noticed_wherever_metrics_are_written" {
  command = plan
  assert {
    condition = sort(distinct(flatten([for a in aws_cloudwatch_metric_alarm.unreadable_metrics : [for q in a.metric_query : [for m in q.metric : m.dimensions.LogGroupName]]]))) == tolist([
      "/aws/bedrock-agentcore/runtimes/clinic_test_agent-abcdefghij-candidate",
      "/aws/bedrock-agentcore/runtimes/clinic_test_agent-abcdefghij-live",
      "/aws/lambda/clinic-test-broker",
      "/aws/lambda/clinic-test-interceptor",
      "/aws/lambda/clinic-test-tools",
    ])
    error_message = "Endpoints, broker, interceptor and tools write metrics into their logs."
  }
}

run "alarms_tell_nobody_without_topics" {
  command = plan
  assert {
    condition     = alltrue([for a in concat(values(aws_cloudwatch_metric_alarm.errors), values(aws_cloudwatch_metric_alarm.quota), [aws_cloudwatch_metric_alarm.direct_calls]) : length(coalesce(a.alarm_actions, [])) + length(coalesce(a.ok_actions, [])) == 0])
    error_message = "Without topics there are no actions."
  }
}

run "alarms_tell_every_topic_and_what_to_do" {
  command = plan
  variables {
    alarm_topic_arns = ["arn:aws:sns:eu-west-1:111122223333:on-call", "arn:aws:sns:eu-west-1:111122223333:security"]
  }
  assert {
    condition = alltrue([for a in concat(
      values(aws_cloudwatch_metric_alarm.errors), values(aws_cloudwatch_metric_alarm.latency_p95), values(aws_cloudwatch_metric_alarm.latency_p99),
      values(aws_cloudwatch_metric_alarm.throttles), values(aws_cloudwatch_metric_alarm.cross_tenant), values(aws_cloudwatch_metric_alarm.namespace_resolution),
      values(aws_cloudwatch_metric_alarm.denied_unidentified), [aws_cloudwatch_metric_alarm.direct_calls], values(aws_cloudwatch_metric_alarm.layer_errors),
      values(aws_cloudwatch_metric_alarm.function_errors), values(aws_cloudwatch_metric_alarm.function_throttles),
      values(aws_cloudwatch_metric_alarm.unreadable_metrics), values(aws_cloudwatch_metric_alarm.quota),
    ) : a.alarm_actions == var.alarm_topic_arns && a.ok_actions == var.alarm_topic_arns && can(regex("Runbook: docs/runbooks/alarms[.]md#[a-z-]+$", a.alarm_description)) && a.treat_missing_data == "notBreaching"])
    error_message = "Each alarm tells all topics when it begins and ends, names its runbook, and does not ring for want of requests."
  }
}

run "thresholds_of_a_tier_are_its_own" {
  command = plan
  variables {
    thresholds = { premium = { error_percent = 1, latency_p95_ms = 8000, latency_p99_ms = 9000, cross_tenant_attempts = 3 } }
  }
  assert {
    condition     = jsonencode({ for tier, a in aws_cloudwatch_metric_alarm.errors : tier => a.threshold }) == jsonencode({ basic = 5, premium = 1 }) && jsonencode({ for tier, a in aws_cloudwatch_metric_alarm.cross_tenant : tier => a.threshold }) == jsonencode({ basic = 1, premium = 3 })
    error_message = "What is not given is the default."
  }
  assert {
    condition     = jsonencode({ for tier, a in aws_cloudwatch_metric_alarm.latency_p95 : tier => a.threshold }) == jsonencode({ basic = 20000, premium = 8000 }) && jsonencode({ for tier, a in aws_cloudwatch_metric_alarm.latency_p99 : tier => a.threshold }) == jsonencode({ basic = 45000, premium = 9000 })
    error_message = "Latencies are thresholds too."
  }
}

run "defaults_of_a_tier_with_and_without_an_entry_agree" {
  command = plan
  variables {
    thresholds = { premium = {} }
  }
  assert {
    condition = alltrue([for a in [aws_cloudwatch_metric_alarm.errors, aws_cloudwatch_metric_alarm.latency_p95, aws_cloudwatch_metric_alarm.latency_p99, aws_cloudwatch_metric_alarm.throttles, aws_cloudwatch_metric_alarm.cross_tenant] :
      a["basic"].threshold == a["premium"].threshold
    ])
    error_message = "The defaults of variable thresholds and those of main.tf are the same."
  }
}

run "quotas_ring_at_60_and_80_percent" {
  command = plan
  assert {
    condition = jsonencode({ for name, a in aws_cloudwatch_metric_alarm.quota : name => a.threshold }) == jsonencode({
      create-event-60         = 7200
      create-event-80         = 9600
      invoke-agent-runtime-60 = 7200
      invoke-agent-runtime-80 = 9600
      lambda-concurrency-60   = 600
      lambda-concurrency-80   = 800
      list-memory-records-60  = 1080
      list-memory-records-80  = 1440
      runtime-sessions-60     = 1500
      runtime-sessions-80     = 2000
      tool-calls-60           = 7200
      tool-calls-80           = 9600
    })
    error_message = "So many a second are 60 times as many in the minute that is looked at."
  }
  assert {
    condition     = alltrue([for a in aws_cloudwatch_metric_alarm.quota : length(a.metric_query) == 1])
    error_message = "Each quota has one metric or query that tells its use."
  }
  assert {
    condition     = strcontains(aws_cloudwatch_metric_alarm.quota["list-memory-records-60"].alarm_description, "AWS does not raise it") && strcontains(aws_cloudwatch_metric_alarm.quota["tool-calls-60"].alarm_description, "Ask AWS to raise it")
    error_message = "The description says whether asking helps."
  }
}

run "a_quota_can_differ_by_region" {
  command = plan
  variables {
    region = "us-east-1"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.quota["runtime-sessions-80"].threshold == 4000
    error_message = "us-east-1 has 5000 sessions."
  }
}

run "the_dashboard_has_a_row_a_tier" {
  command = plan
  assert {
    condition     = jsonencode([for w in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : w.properties.title if w.type == "alarm"]) == jsonencode(["Basic: alarms", "Premium: alarms", "All tiers: alarms"])
    error_message = "A row for each tier, and one for all."
  }
  assert {
    condition     = alltrue([for w in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : w.x >= 0 && w.x + w.width <= 24 && (w.type == "metric" || length(try(w.properties.alarms, [])) <= 100)])
    error_message = "A dashboard has 24 columns, and shows 100 alarms in one widget."
  }
  assert {
    condition     = length(distinct([for w in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : "${w.x}/${w.y}"])) == length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets)
    error_message = "Widgets must not lie on each other."
  }
  assert {
    condition     = output.dashboard_url == "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#dashboards/dashboard/clinic-test"
    error_message = "dashboard_url must lead to the dashboard."
  }
}

# Below, each input of a run must fail by itself: terraform test misses none of expect_failures.
run "rejects_bad_places" {
  command = plan
  variables {
    name_prefix = "Clinic"
    account_id  = "1234"
    region      = "Ireland"
    partition   = "azure"
  }
  expect_failures = [var.name_prefix, var.account_id, var.region, var.partition]
}

run "rejects_no_tiers" {
  command = plan
  variables {
    tiers    = {}
    memories = {}
  }
  expect_failures = [var.tiers]
}

run "rejects_a_tier_called_unknown" {
  command = plan
  variables {
    tiers    = { unknown = { display_name = "B", limits = { requests_per_second = 2, burst = 5, requests_per_day = 50 }, memory = {} } }
    memories = { unknown = { id = "i", arn = "a" } }
  }
  expect_failures = [var.tiers]
}

run "rejects_a_tier_name_with_a_hyphen" {
  command = plan
  variables {
    tiers    = { a-b = { display_name = "B", limits = { requests_per_second = 2, burst = 5, requests_per_day = 50 }, memory = {} } }
    memories = { a-b = { id = "i", arn = "a" } }
  }
  expect_failures = [var.tiers]
}

run "rejects_a_runtime_without_endpoints" {
  command = plan
  variables {
    runtime = { id = "i", arn = "a", name = "n", endpoints = [] }
  }
  expect_failures = [var.runtime]
}

run "rejects_DEFAULT_as_endpoint" {
  command = plan
  variables {
    runtime = { id = "i", arn = "a", name = "n", endpoints = ["live", "Default"] }
  }
  expect_failures = [var.runtime]
}

run "rejects_an_endpoint_name_with_a_hyphen" {
  command = plan
  variables {
    runtime = { id = "i", arn = "a", name = "n", endpoints = ["a-b"] }
  }
  expect_failures = [var.runtime]
}

run "rejects_a_tier_without_memory" {
  command = plan
  variables {
    memories = { basic = { id = "i", arn = "a" } }
  }
  expect_failures = [var.memories]
}

run "rejects_a_memory_of_no_tier" {
  command = plan
  variables {
    memories = { basic = { id = "i", arn = "a" }, premium = { id = "i", arn = "a" }, gold = { id = "i", arn = "a" } }
  }
  expect_failures = [var.memories]
}

run "rejects_payload_logs_of_something_else" {
  command = plan
  variables {
    payload_logs    = ["browser"]
    log_kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  }
  expect_failures = [var.payload_logs]
}

run "rejects_payload_logs_without_a_key" {
  command = plan
  variables {
    payload_logs = ["gateway"]
  }
  expect_failures = [var.payload_logs]
}

run "rejects_a_retention_that_cloudwatch_does_not_offer" {
  command = plan
  variables {
    log_retention_days = 10
  }
  expect_failures = [var.log_retention_days]
}

run "rejects_logs_for_ever" {
  command = plan
  variables {
    log_retention_days = 0
  }
  expect_failures = [var.log_retention_days]
}

run "rejects_a_key_that_is_none" {
  command = plan
  variables {
    log_kms_key_arn = "alias/aws/logs"
  }
  expect_failures = [var.log_kms_key_arn]
}

run "rejects_a_topic_that_is_none" {
  command = plan
  variables {
    alarm_topic_arns = ["ops@example.com"]
  }
  expect_failures = [var.alarm_topic_arns]
}

run "rejects_more_topics_than_an_alarm_takes" {
  command = plan
  variables {
    alarm_topic_arns = [for n in range(6) : "arn:aws:sns:eu-west-1:111122223333:t${n}"]
  }
  expect_failures = [var.alarm_topic_arns]
}

run "rejects_a_quota_that_is_missing" {
  command = plan
  variables {
    quotas = {
      create_event         = { title = "t", limit = 200, unit = "per_second", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
      invoke_agent_runtime = { title = "t", limit = 200, unit = "per_second", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
      lambda_concurrency   = { title = "t", limit = 200, unit = "at_once", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
      list_memory_records  = { title = "t", limit = 200, unit = "per_second", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
      runtime_sessions     = { title = "t", limit = 200, unit = "at_once", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
    }
  }
  expect_failures = [var.quotas]
}

run "rejects_a_quota_that_nothing_measures" {
  command = plan
  variables {
    quotas = {
      create_event         = { title = "t", limit = 200, unit = "per_second", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
      invoke_agent_runtime = { title = "t", limit = 200, unit = "per_second", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
      lambda_concurrency   = { title = "t", limit = 200, unit = "at_once", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
      list_memory_records  = { title = "t", limit = 200, unit = "per_second", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
      runtime_sessions     = { title = "t", limit = 200, unit = "at_once", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
      tool_calls           = { title = "t", limit = 200, unit = "per_second", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
      browsers             = { title = "t", limit = 1, unit = "at_once", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
    }
  }
  expect_failures = [var.quotas]
}

run "rejects_a_quota_of_nothing" {
  command = plan
  variables {
    quotas = {
      create_event         = { title = "t", limit = 200, unit = "per_second", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
      invoke_agent_runtime = { title = "t", limit = 200, unit = "per_second", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
      lambda_concurrency   = { title = "t", limit = 200, unit = "at_once", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
      list_memory_records  = { title = "t", limit = 200, unit = "per_second", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
      runtime_sessions     = { title = "t", limit = 200, unit = "at_once", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
      tool_calls           = { title = "t", limit = 0, unit = "per_second", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
    }
  }
  expect_failures = [var.quotas]
}

run "rejects_a_quota_in_another_unit" {
  command = plan
  variables {
    quotas = {
      create_event         = { title = "t", limit = 200, unit = "per_second", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
      invoke_agent_runtime = { title = "t", limit = 200, unit = "per_second", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
      lambda_concurrency   = { title = "t", limit = 200, unit = "at_once", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
      list_memory_records  = { title = "t", limit = 200, unit = "per_second", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
      runtime_sessions     = { title = "t", limit = 200, unit = "at_once", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
      tool_calls           = { title = "t", limit = 200, unit = "at_once", scope = "account", adjustable = true, source = "s", checked_on = "2026-11" }
    }
  }
  expect_failures = [var.quotas]
}

run "rejects_thresholds_of_an_unknown_tier" {
  command = plan
  variables {
    thresholds = { gold = {} }
  }
  expect_failures = [var.thresholds]
}

run "rejects_an_error_rate_of_zero" {
  command = plan
  variables {
    thresholds = { basic = { error_percent = 0 } }
  }
  expect_failures = [var.thresholds]
}

run "rejects_an_error_rate_that_is_never_exceeded" {
  command = plan
  variables {
    thresholds = { basic = { error_percent = 100 } }
  }
  expect_failures = [var.thresholds]
}

run "rejects_a_p99_below_the_p95" {
  command = plan
  variables {
    thresholds = { basic = { latency_p95_ms = 9000, latency_p99_ms = 8000 } }
  }
  expect_failures = [var.thresholds]
}

run "rejects_a_threshold_that_always_rings" {
  command = plan
  variables {
    thresholds = { basic = { cross_tenant_attempts = 0 } }
  }
  expect_failures = [var.thresholds]
}

run "rejects_a_latency_that_no_turn_has" {
  command = plan
  variables {
    thresholds = { basic = { latency_p99_ms = 1000000000 } }
  }
  expect_failures = [var.thresholds]
}

run "rejects_more_throttles_than_ever_are" {
  command = plan
  variables {
    thresholds = { basic = { throttles = 1000000000 } }
  }
  expect_failures = [var.thresholds]
}

run "rejects_more_cross_tenant_attempts_than_anybody_may_overlook" {
  command = plan
  variables {
    thresholds = { basic = { cross_tenant_attempts = 11 } }
  }
  expect_failures = [var.thresholds]
}
