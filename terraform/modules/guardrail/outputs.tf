output "guardrails" {
  description = "Guardrails by tier: id, arn, version (a number, never DRAFT), and the message that stands in place of what was stopped."
  value = { for tier, v in aws_bedrock_guardrail_version.this : tier => {
    id      = aws_bedrock_guardrail.this[tier].guardrail_id
    arn     = aws_bedrock_guardrail.this[tier].guardrail_arn
    version = v.version
    message = var.message
  } }
}
