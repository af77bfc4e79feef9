output "platform_key_arn" {
  description = "Key of log groups, memories, gateway and policy engine."
  value       = aws_kms_key.this["platform"].arn
}

output "guardrail_key_arn" {
  description = "Key of guardrails, and of nothing else: tenants' sessions may decrypt with it."
  value       = aws_kms_key.this["guardrails"].arn
}

output "key_policies" {
  description = "Who may use each key, as JSON, by key."
  value       = { for name, key in aws_kms_key.this : name => key.policy }
}
