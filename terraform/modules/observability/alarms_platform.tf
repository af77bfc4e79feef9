# Alarms of what all tiers share. As with tiers, no data means that nothing happened, and is not breaching; where it means
# something else, it says so.

locals {
  # With no verified identity there is no tier: refusals of that kind have this one (`emf.py`).
  unknown_tier = { Platform = var.name_prefix, Tier = "unknown" }

  # By layer, as `metering.py` names them.
  unidentified = {
    agent = {
      alarm     = "denied-unidentified"
      metric    = "DeniedAttempts"
      threshold = 50
      means     = "AgentCore's authorizer lets none through, so its client list and the agent's differ, or keys cannot be read."
    }
    gateway = {
      alarm     = "denied-unidentified-gateway"
      metric    = "GatewayDeniedAttempts"
      threshold = 50
      means     = "The Gateway's authorizer lets none through, so its settings and those of ${var.functions.interceptor} and ${var.functions.tools} differ, or somebody in this account invokes a function directly."
    }
    # Agent and tool function ask it with tokens that they have verified; renewals in a long turn may come too late.
    broker = {
      alarm     = "denied-unidentified-broker"
      metric    = "BrokerDeniedAttempts"
      threshold = 10
      means     = "Agent and tools verify a token before they ask with it, so code in a session tries tokens, or somebody in this account invokes ${var.functions.broker} directly."
    }
  }

  # What writes documents of metrics, by what it is; no endpoint's name has a hyphen.
  metric_sources = merge(
    { for name in var.runtime.endpoints : name => {
      alarm     = "${name}-unreadable-metrics"
      what      = "endpoint ${name}"
      log_group = aws_cloudwatch_log_group.runtime[name].name
    } },
    { for name in ["broker", "interceptor", "tools"] : "function-${name}" => {
      alarm     = "${name}-function-unreadable-metrics"
      what      = "function ${var.functions[name]}"
      log_group = "/aws/lambda/${var.functions[name]}"
    } },
  )
}

# Each layer has a look of its own at the token, after another had one; tokens do expire in between.
resource "aws_cloudwatch_metric_alarm" "denied_unidentified" {
  for_each            = local.unidentified
  alarm_name          = "${var.name_prefix}-${each.value.alarm}"
  alarm_description   = "${each.value.threshold} requests or more in 5 minutes came to the ${each.key} with a token that is none of ours. ${each.value.means} Runbook: ${local.runbook}#denied"
  namespace           = local.namespace
  metric_name         = each.value.metric
  dimensions          = local.unknown_tier
  statistic           = "Sum"
  period              = 300
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "direct_calls" {
  alarm_name          = "${var.name_prefix}-direct-calls"
  alarm_description   = "Somebody in this account invoked the tool function without the Gateway: with none of what the Gateway adds, or with a token that the interceptor would not have let through. It was refused. Find the caller in CloudTrail (Invoke of ${var.functions.tools}) and take its permission. Runbook: ${local.runbook}#cross-tenant"
  namespace           = local.namespace
  metric_name         = "CrossTenantAttempts"
  dimensions          = local.unknown_tier
  statistic           = "Sum"
  period              = 300
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags
}

# Interceptor, tool function and broker answer with a refusal when they fail, so Lambda counts no error.
resource "aws_cloudwatch_metric_alarm" "layer_errors" {
  for_each            = { broker = "BrokerErrors", gateway = "GatewayErrors" }
  alarm_name          = "${var.name_prefix}-${each.key}-errors"
  alarm_description   = "The ${each.key} could not do its work 5 times or more in 5 minutes, whatever the tier. Find the commonest error in the log of ${each.key == "broker" ? var.functions.broker : "${var.functions.interceptor} and ${var.functions.tools}"}. Runbook: ${local.runbook}#errors"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 5
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags

  metric_query {
    id          = "errors"
    label       = each.value
    period      = 300
    expression  = "SELECT SUM(${each.value}) FROM \"${local.namespace}\" WHERE Platform = '${var.name_prefix}'" # all tiers, those to come too
    return_data = true
  }
}

# What is left for Lambda to count: time-outs, and functions that refuse to start. A refused sign-in is an error too, so the
# claims function is left out.
resource "aws_cloudwatch_metric_alarm" "function_errors" {
  for_each            = { for name, function in var.functions : name => function if name != "claims" }
  alarm_name          = "${var.name_prefix}-${each.key}-function-errors"
  alarm_description   = "Function ${each.value} failed or timed out 3 times or more in 5 minutes. Its log says why; after an apply, a contract that does not fit is the likeliest. Runbook: ${local.runbook}#functions"
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = each.value }
  statistic           = "Sum"
  period              = 300
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 3
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching" # no calls, no errors
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "function_throttles" {
  for_each            = var.functions
  alarm_name          = "${var.name_prefix}-${each.key}-function-throttles"
  alarm_description   = "Lambda refused calls of ${each.value} for want of concurrency. Raise its reserved concurrency or the account's quota. Runbook: ${local.runbook}#functions"
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = each.value }
  statistic           = "Sum"
  period              = 300
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags
}

# An agent whose lines CloudWatch cannot read would look like one without requests, and a function like one without refusals.
resource "aws_cloudwatch_metric_alarm" "unreadable_metrics" {
  for_each            = local.metric_sources
  alarm_name          = "${var.name_prefix}-${each.value.alarm}"
  alarm_description   = "CloudWatch could not make metrics of lines of ${each.value.what}, so other alarms may be silent. Compare the lines of this release with those of the last. Runbook: ${local.runbook}#unreadable-metrics"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching" # published only when it happens
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags

  metric_query {
    id          = "unreadable"
    label       = "lines"
    expression  = "FILL(parsing, 0) + FILL(validation, 0)"
    return_data = true
  }
  dynamic "metric_query" {
    for_each = { parsing = "EMFParsingErrors", validation = "EMFValidationErrors" }
    content {
      id = metric_query.key
      metric {
        namespace   = "AWS/Logs"
        metric_name = metric_query.value
        dimensions  = { LogGroupName = each.value.log_group }
        period      = 300
        stat        = "Sum"
      }
    }
  }
}
