# One dashboard: a row per tier, then one of what all tiers share; each begins with its alarms. Widgets are placed by hand,
# since CloudWatch places nothing itself: 24 columns, rows below each other.
locals {
  _by_tier = { for tier in local.tier_names : tier => ["Platform", var.name_prefix, "Tier", tier] }

  _tier_widgets = { for tier, t in var.tiers : tier => [
    {
      title   = "${t.display_name}: how requests end"
      stat    = "Sum"
      metrics = [for name in ["Requests", "Turns", "Errors", "Throttles", "DeniedAttempts", "CrossTenantAttempts"] : concat([local.namespace, name], local._by_tier[tier])]
    },
    {
      title   = "${t.display_name}: latency of turns, ms"
      stat    = "p50"
      metrics = [for stat in ["p50", "p95", "p99"] : concat([local.namespace, "Latency"], local._by_tier[tier], [{ stat = stat, label = stat }])]
    },
    {
      title   = "${t.display_name}: calls and tokens"
      stat    = "Sum"
      metrics = [for name in ["ModelCalls", "ToolCalls", "InputTokens", "OutputTokens"] : concat([local.namespace, name], local._by_tier[tier], contains(["InputTokens", "OutputTokens"], name) ? [{ yAxis = "right" }] : [{ yAxis = "left" }])]
    },
    {
      title = "${t.display_name}: list price of tokens, USD"
      stat  = "Sum"
      # By model too, whatever models the tier has had.
      metrics = concat([concat([local.namespace, "EstimatedCost"], local._by_tier[tier], [{ label = "all" }])], [[{
        expression = "SEARCH('{${local.namespace},Platform,Tier,Model} MetricName=\"EstimatedCost\" Platform=\"${var.name_prefix}\" Tier=\"${tier}\"', 'Sum', 300)"
        id         = "by_model"
        period     = 300
      }]])
    },
  ] }

  _shared_widgets = [
    {
      title   = "Without verified identity"
      stat    = "Sum"
      metrics = [for name in ["Requests", "DeniedAttempts", "GatewayDeniedAttempts", "BrokerDeniedAttempts", "CrossTenantAttempts"] : [local.namespace, name, "Platform", var.name_prefix, "Tier", "unknown"]]
    },
    {
      title   = "Gateway and broker: failures and throttles, all tiers"
      stat    = "Sum"
      metrics = [for name in ["GatewayErrors", "GatewayThrottles", "BrokerErrors", "BrokerThrottles"] : [{ expression = "SELECT SUM(${name}) FROM \"${local.namespace}\" WHERE Platform = '${var.name_prefix}'", label = name, id = lower(name), period = 300 }]]
    },
    {
      title   = "Functions: errors and throttles"
      stat    = "Sum"
      metrics = flatten([for metric in ["Errors", "Throttles"] : [for name in sort(values(var.functions)) : { row = ["AWS/Lambda", metric, "FunctionName", name] }]])[*].row
    },
    {
      title = "Quotas: % used"
      stat  = "Maximum"
      metrics = concat(flatten([for name, m in local.quota_metrics : [
        { row = concat([m.namespace, m.name], flatten([for key, value in m.dimensions : [key, value]]), [{ id = name, visible = false, stat = m.stat, period = 60 }]) },
        { row = [{ expression = "100 * ${name} / ${local.quota_limits[name]}", label = local.quotas[name].title, id = "${name}_used", period = 60 }] },
        ]]), flatten([for name, query in local.quota_queries : [
        { row = [{ expression = query, id = name, visible = false, period = 60 }] },
        { row = [{ expression = "100 * ${name} / ${local.quota_limits[name]}", label = local.quotas[name].title, id = "${name}_used", period = 60 }] },
      ]]))[*].row
    },
  ]

  # The alarms' ARNs are made of names, so that the dashboard does not wait for the alarms.
  _alarms_arn = "arn:${var.partition}:cloudwatch:${var.region}:${var.account_id}:alarm"

  _rows = concat(
    [for tier, t in var.tiers : { title = "${t.display_name}: alarms", alarms = local.alarm_names[tier], widgets = local._tier_widgets[tier] }],
    [{ title = "All tiers: alarms", alarms = local.platform_alarm_names, widgets = local._shared_widgets }],
  )

  dashboard = {
    widgets = flatten([for number, row in local._rows : [
      [{
        type       = "alarm"
        x          = 0
        y          = number * 6
        width      = 4
        height     = 6
        properties = { title = row.title, alarms = [for name in row.alarms : "${local._alarms_arn}:${name}"] }
      }],
      [for column, w in row.widgets : {
        type   = "metric"
        x      = 4 + column * 5
        y      = number * 6
        width  = 5
        height = 6
        properties = {
          title   = w.title
          region  = var.region
          view    = "timeSeries"
          stat    = w.stat
          period  = 300
          metrics = w.metrics
        }
      }],
    ]])
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name_prefix
  dashboard_body = jsonencode(local.dashboard)
}
