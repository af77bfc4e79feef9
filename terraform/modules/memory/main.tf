locals {
  strategies = merge([for tier, t in var.tiers : {
    for name in t.strategies : "${tier}/${name}" => merge(var.strategies[name], { tier = tier, name = name })
  }]...)
}

resource "aws_bedrockagentcore_memory" "tier" {
  for_each              = var.tiers
  name                  = "${replace(var.name_prefix, "-", "_")}_${each.key}" # hyphens are not allowed here
  description           = "Conversations of tier ${each.key}."
  event_expiry_duration = each.value.retention_days
  encryption_key_arn    = var.kms_key_arn
  tags                  = merge(var.tags, { Tier = each.key })
}

resource "aws_bedrockagentcore_memory_strategy" "tier" {
  for_each            = local.strategies
  memory_id           = aws_bedrockagentcore_memory.tier[each.value.tier].id
  name                = each.value.name
  type                = each.value.type
  namespace_templates = [each.value.namespace_template]
}
