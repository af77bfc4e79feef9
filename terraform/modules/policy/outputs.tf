output "engine_id" {
  description = "Id of the policy engine."
  value       = aws_bedrockagentcore_policy_engine.this.policy_engine_id
}

output "engine_arn" {
  description = "ARN of the policy engine. Does not wait for the policies, since the gateway needs it before they can be made."
  value       = aws_bedrockagentcore_policy_engine.this.policy_engine_arn
}

output "policies" {
  description = "Cedar text by tier, as the service has it."
  value       = { for tier, p in aws_bedrockagentcore_policy.tier : tier => p.definition[0].cedar[0].statement }
}
