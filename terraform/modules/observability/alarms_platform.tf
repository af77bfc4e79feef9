# Alarms of what all tiers share. As with tiers, no data means that nothing happened, and is not breaching; where it means
# something else, it says so.

locals {
  # With no verified identity there is no tier: refusals of that kind have this one (`emf.py`).
  unknown_tier = { Platform = var.name_prefix, Tier = "unknown" }
}

resource "aws_cloudwatch_metric_alarm" "denied_unidentified" {
  alarm_name          = "${var.name_prefix}-denied-unidentified"
  alarm_description   = "50 requests or more in 5 minutes came to the agent with a token that is none of ours. AgentCore's authorizer lets none through, so its client list and the agent's differ, or keys cannot be read. Runbook: ${local.runbook}#denied"
  namespace           = local.namespace
  metric_name         = "DeniedAttempts"
  dimensions          = local.unknown_tier
  statistic           = "Sum"
  period              = 300
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 50 # tokens do expire between the authorizer's look and ours
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "direct_calls" {
  alarm_name          = "${var.name_prefix}-direct-calls"
  alarm_description   = "Somebody in this account invoked the tool function without the Gateway. It was refused. Find the caller in CloudTrail (Invoke of ${var.functions.tools}) and take its permission. Runbook: ${local.runbook}#cross-tenant"
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

# An agent whose lines CloudWatch cannot read would look like one without requests.
resource "aws_cloudwatch_metric_alarm" "unreadable_metrics" {
  for_each            = var.runtime.endpoints
  alarm_name          = "${var.name_prefix}-${each.key}-unreadable-metrics"
  alarm_description   = "CloudWatch could not make metrics of lines of endpoint ${each.key}, so other alarms may be silent. Compare the lines of this release with those of the last. Runbook: ${local.runbook}#unreadable-metrics"
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
        dimensions  = { LogGroupName = aws_cloudwatch_log_group.runtime[each.key].name }
        period      = 300
        stat        = "Sum"
      }
    }
  }
}
