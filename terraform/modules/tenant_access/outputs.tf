output "broker_function_arn" {
  description = "ARN of the broker function, once it can make tenant sessions."
  value       = aws_lambda_function.broker.arn
  depends_on  = [aws_iam_role_policy.broker, aws_iam_role_policy.tenant, aws_iam_role_policy_attachment.tier]
}

output "role_arns" {
  description = "ARNs of the roles broker, tenant and execution, once their policies are attached."
  value = {
    broker    = aws_iam_role.broker.arn
    tenant    = aws_iam_role.tenant.arn
    execution = aws_iam_role.execution.arn
  }
  depends_on = [
    aws_iam_role_policy.broker, aws_iam_role_policy.tenant, aws_iam_role_policy_attachment.tier,
    aws_iam_role_policy.execution,
  ]
}

output "tenant_role_policy" {
  description = "The tenant role's permissions as one JSON document (its inline policy and those of the tiers), for the isolation proof."
  value = jsonencode({
    Version = "2012-10-17"
    Statement = flatten([
      [for tier, p in aws_iam_policy.tier : jsondecode(p.policy).Statement],
      jsondecode(aws_iam_role_policy.tenant.policy).Statement,
    ])
  })
}

output "tenant_role_trust_policy" {
  description = "Who may become a tenant and how, as JSON, for the isolation proof."
  value       = aws_iam_role.tenant.assume_role_policy
}

output "execution_role_policy" {
  description = "What code in the microVM may do, as JSON, for the isolation proof."
  value       = aws_iam_role_policy.execution.policy
}
