# How much of AWS's quotas is used. A quota of so many a second is compared with a minute's sum: bursts of seconds are
# averaged out, and are what the throttle alarms are for.

locals {
  # What tells the use: a metric, or a query where AWS publishes by resources that are not ours alone.
  quota_metrics = {
    # The account's.
    runtime_sessions   = { namespace = local.agentcore_namespace, name = "ActiveSessionCount", dimensions = { Service = "AgentCore.Runtime" }, stat = "Maximum" }
    lambda_concurrency = { namespace = "AWS/Lambda", name = "ConcurrentExecutions", dimensions = {}, stat = "Maximum" }
    # The interceptor is called once with each request to the gateway, listings among them: never less than the tool calls.
    tool_calls = { namespace = "AWS/Lambda", name = "Invocations", dimensions = { FunctionName = var.functions.interceptor }, stat = "Sum" }
  }
  quota_queries = {
    invoke_agent_runtime = "SELECT SUM(Invocations) FROM SCHEMA(\"${local.agentcore_namespace}\", Name, Operation, Resource) WHERE Resource = '${var.runtime.arn}'"
    create_event         = "SELECT SUM(Invocations) FROM SCHEMA(\"${local.agentcore_namespace}\", Operation, Resource) WHERE Operation = 'CreateEvent'"
    list_memory_records  = "SELECT SUM(Invocations) FROM SCHEMA(\"${local.agentcore_namespace}\", Operation, Resource) WHERE Operation = 'ListMemoryRecords'"
  }
  # In a minute.
  quota_limits = { for name, q in local.quotas : name => q.unit == "per_second" ? q.limit * 60 : q.limit }

  quota_alarms = merge([for name in keys(local.quotas) : {
    for percent in [60, 80] : "${replace(name, "_", "-")}-${percent}" => { quota = name, percent = percent }
  }]...)
}

resource "aws_cloudwatch_metric_alarm" "quota" {
  for_each            = local.quota_alarms
  alarm_name          = "${var.name_prefix}-quota-${each.key}"
  alarm_description   = "${each.value.percent} % of a quota are used: ${local.quotas[each.value.quota].title}, ${local.quotas[each.value.quota].limit} ${local.quotas[each.value.quota].unit == "per_second" ? "a second" : "at one time"}. ${local.quotas[each.value.quota].adjustable ? "Ask AWS to raise it (days), and write the new number into catalog/quotas.yaml." : "AWS does not raise it: spread the load."} Runbook: ${local.runbook}#quotas"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = local.quota_limits[each.value.quota] * each.value.percent / 100
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  treat_missing_data  = "notBreaching" # nothing is used
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags

  dynamic "metric_query" {
    for_each = { for name, m in local.quota_metrics : name => m if name == each.value.quota }
    content {
      id          = "used"
      label       = metric_query.key
      return_data = true
      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.dimensions
        period      = 60
        stat        = metric_query.value.stat
      }
    }
  }
  dynamic "metric_query" {
    for_each = { for name, query in local.quota_queries : name => query if name == each.value.quota }
    content {
      id          = "used"
      label       = metric_query.key
      period      = 60
      expression  = metric_query.value
      return_data = true
    }
  }
}
