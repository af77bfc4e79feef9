# What the other files of this module share: names, thresholds, and where runbooks stand.
locals {
  tier_names = keys(var.tiers)
  actions    = sort(var.alarm_topic_arns)

  # The agent's own metrics: `emf.py` and `metering.py` of the package. A test compares.
  namespace = "ClinicAgent"
  # AWS's metrics of runtime, gateway and memories.
  agentcore_namespace = "AWS/Bedrock-AgentCore"

  _defaults  = { error_percent = 5, latency_p95_ms = 20000, latency_p99_ms = 45000, throttles = 10, cross_tenant_attempts = 1 }
  thresholds = { for name in local.tier_names : name => lookup(var.thresholds, name, local._defaults) }

  quotas = { for name, q in var.quotas : name => merge(q, { limit = lookup(q.limit_regions, var.region, q.limit) }) }

  runbook = "docs/runbooks/alarms.md"
}
