locals {
  # By tier, then by kind; names, not resources, since the dashboard must not wait.
  alarm_names = { for tier, t in var.tiers : tier => sort(concat(
    [for kind in ["errors", "latency-p95", "latency-p99", "throttles", "cross-tenant"] : "${var.name_prefix}-tier-${tier}-${kind}"],
    length(t.memory.strategies) > 0 ? ["${var.name_prefix}-tier-${tier}-namespace-resolution"] : [],
  )) }
  platform_alarm_names = sort(concat(
    [for layer in values(local.unidentified) : "${var.name_prefix}-${layer.alarm}"],
    [for kind in ["direct-calls", "broker-errors", "gateway-errors"] : "${var.name_prefix}-${kind}"],
    [for name in keys(var.functions) : "${var.name_prefix}-${name}-function-errors" if name != "claims"],
    [for name in keys(var.functions) : "${var.name_prefix}-${name}-function-throttles"],
    [for source in values(local.metric_sources) : "${var.name_prefix}-${source.alarm}"],
    [for name in keys(local.quota_alarms) : "${var.name_prefix}-quota-${name}"],
  ))
}

output "alarm_names" {
  description = "Names of the alarms of each tier, by tier."
  value       = local.alarm_names
}

output "platform_alarm_names" {
  description = "Names of the alarms of what all tiers share: functions, quotas, requests without identity."
  value       = local.platform_alarm_names
}

output "dashboard_name" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "dashboard_url" {
  description = "Where the dashboard is shown, in the commercial partition."
  value       = "https://${var.region}.console.aws.amazon.com/cloudwatch/home?region=${var.region}#dashboards/dashboard/${aws_cloudwatch_dashboard.this.dashboard_name}"
}

output "runtime_log_group_names" {
  description = "Log group of each endpoint of the runtime, by endpoint; DEFAULT is one of them."
  value       = { for name, group in aws_cloudwatch_log_group.runtime : name => group.name }
}

output "vended_log_group_names" {
  description = "Log groups of what AgentCore delivers, by source and kind."
  value       = { for name, group in aws_cloudwatch_log_group.vended : name => group.name }
}
