output "memories" {
  description = "Id and ARN of the memory by tier, once its strategies are there."
  value       = { for tier, m in aws_bedrockagentcore_memory.tier : tier => { id = m.id, arn = m.arn } }
  depends_on  = [aws_bedrockagentcore_memory_strategy.tier]
}

output "namespace_templates" {
  description = "Namespace templates by tier and strategy; an empty map for a tier without long-term memory."
  value       = { for tier, t in var.tiers : tier => { for name in t.strategies : name => var.strategies[name].namespace_template } }
}
