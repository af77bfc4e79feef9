# Alarms of each tier, one resource a kind and keyed by tier: a new tier adds its own and touches no other's.
#
# Missing data: the agent publishes with each request, so no data means no requests. That is no fault of the tier's, at
# night or before its first clinic; so it is "not breaching" wherever a value above a threshold is the fault. Lines
# that CloudWatch cannot read are another matter: alarm unreadable_metrics of alarms_platform.tf.

resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each            = var.tiers
  alarm_name          = "${var.name_prefix}-tier-${each.key}-errors"
  alarm_description   = "${each.value.display_name}: more than ${local.thresholds[each.key].error_percent} % of requests end in an error of ours or of AWS's (at least 10 requests in 5 minutes). Find the commonest error_code in the runtime's log; if it began with a release, roll back. Runbook: ${local.runbook}#errors"
  comparison_operator = "GreaterThanThreshold"
  threshold           = local.thresholds[each.key].error_percent
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  treat_missing_data  = "notBreaching" # no requests, no errors
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = merge(var.tags, { Tier = each.key })

  metric_query {
    id          = "rate"
    label       = "errors, % of requests"
    expression  = "IF(requests >= 10, 100 * errors / requests, 0)" # one of two at night is no rate
    return_data = true
  }
  dynamic "metric_query" {
    for_each = { errors = "Errors", requests = "Requests" }
    content {
      id = metric_query.key
      metric {
        namespace   = local.namespace
        metric_name = metric_query.value
        dimensions  = { Platform = var.name_prefix, Tier = each.key }
        period      = 300
        stat        = "Sum"
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "latency_p95" {
  for_each                              = var.tiers
  alarm_name                            = "${var.name_prefix}-tier-${each.key}-latency-p95"
  alarm_description                     = "${each.value.display_name}: one turn in 20 takes longer than ${local.thresholds[each.key].latency_p95_ms} ms. Compare model calls and tool calls of the slow turns with the usual ones. Runbook: ${local.runbook}#latency"
  namespace                             = local.namespace
  metric_name                           = "Latency"
  dimensions                            = { Platform = var.name_prefix, Tier = each.key }
  extended_statistic                    = "p95"
  period                                = 300
  comparison_operator                   = "GreaterThanThreshold"
  threshold                             = local.thresholds[each.key].latency_p95_ms
  evaluation_periods                    = 3
  datapoints_to_alarm                   = 3
  evaluate_low_sample_count_percentiles = "ignore" # of a handful of turns, the slowest is no percentile
  treat_missing_data                    = "notBreaching"
  alarm_actions                         = local.actions
  ok_actions                            = local.actions
  tags                                  = merge(var.tags, { Tier = each.key })
}

resource "aws_cloudwatch_metric_alarm" "latency_p99" {
  for_each                              = var.tiers
  alarm_name                            = "${var.name_prefix}-tier-${each.key}-latency-p99"
  alarm_description                     = "${each.value.display_name}: one turn in 100 takes longer than ${local.thresholds[each.key].latency_p99_ms} ms. Look for turns at the limit of model calls, and for retries. Runbook: ${local.runbook}#latency"
  namespace                             = local.namespace
  metric_name                           = "Latency"
  dimensions                            = { Platform = var.name_prefix, Tier = each.key }
  extended_statistic                    = "p99"
  period                                = 300
  comparison_operator                   = "GreaterThanThreshold"
  threshold                             = local.thresholds[each.key].latency_p99_ms
  evaluation_periods                    = 3
  datapoints_to_alarm                   = 3
  evaluate_low_sample_count_percentiles = "ignore"
  treat_missing_data                    = "notBreaching"
  alarm_actions                         = local.actions
  ok_actions                            = local.actions
  tags                                  = merge(var.tags, { Tier = each.key })
}

resource "aws_cloudwatch_metric_alarm" "throttles" {
  for_each            = var.tiers
  alarm_name          = "${var.name_prefix}-tier-${each.key}-throttles"
  alarm_description   = "${each.value.display_name}: ${local.thresholds[each.key].throttles} requests or more in 5 minutes met a limit of a model, of AWS or of the broker. See which part is busy, and who asks so much. Runbook: ${local.runbook}#throttles"
  namespace           = local.namespace
  metric_name         = "Throttles"
  dimensions          = { Platform = var.name_prefix, Tier = each.key }
  statistic           = "Sum"
  period              = 300
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = local.thresholds[each.key].throttles
  evaluation_periods  = 2
  datapoints_to_alarm = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = merge(var.tags, { Tier = each.key })
}

resource "aws_cloudwatch_metric_alarm" "cross_tenant" {
  for_each            = var.tiers
  alarm_name          = "${var.name_prefix}-tier-${each.key}-cross-tenant"
  alarm_description   = "${each.value.display_name}: somebody with a valid token asked as another identity, for another's session, or past the Gateway. They were refused. It is an attack or a broken client: find clinic_id and user_hash in the runtime's log. Runbook: ${local.runbook}#cross-tenant"
  namespace           = local.namespace
  metric_name         = "CrossTenantAttempts"
  dimensions          = { Platform = var.name_prefix, Tier = each.key }
  statistic           = "Sum"
  period              = 300
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = local.thresholds[each.key].cross_tenant_attempts
  evaluation_periods  = 1 # each one is worth a look
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = merge(var.tags, { Tier = each.key })
}

# AWS publishes it by operation, memory and strategy. Strategies have ids that AWS gives, so a query has to find them; where
# one is counted under several sets of dimensions, the sum is too high, which an alarm at the first does not mind.
resource "aws_cloudwatch_metric_alarm" "namespace_resolution" {
  for_each            = { for tier, t in var.tiers : tier => t if length(t.memory.strategies) > 0 }
  alarm_name          = "${var.name_prefix}-tier-${each.key}-namespace-resolution"
  alarm_description   = "${each.value.display_name}: memory could not tell where records belong, so nothing was extracted from some turns; AWS tells nobody else. Compare the strategy's namespace template with what CreateEvent gives. Runbook: ${local.runbook}#namespace-resolution"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching" # published only when it happens
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = merge(var.tags, { Tier = each.key })

  metric_query {
    id          = "failures"
    label       = "turns without extraction"
    period      = 300
    expression  = "SELECT SUM(NamespaceResolutionFailure) FROM \"${local.agentcore_namespace}\" WHERE Resource = '${var.memories[each.key].arn}'"
    return_data = true
  }
}
