output "broker_function_arn" {
  description = "ARN of the broker function, known at plan time; what uses it waits until the broker can make tenant sessions."
  value       = module.broker.arn
  depends_on  = [aws_iam_role_policy.tenant, aws_iam_role_policy_attachment.tier]
  precondition {
    # Lambda takes 4 KB of environment in all; the other variables and all names stay below 1 KB.
    condition     = length(local.tiers_json) <= 3072
    error_message = "tiers: the settings for the broker have ${length(local.tiers_json)} characters, its environment has room for 3072. Use fewer tiers."
  }
}

output "broker_name_arn" {
  description = "The same ARN for settings and policies that only name the broker: waits for nothing."
  value       = local.broker_arn
}

output "role_arns" {
  description = "ARNs of the roles broker, tenant and execution, once their policies are attached."
  value = {
    broker    = module.broker.role_arn
    tenant    = aws_iam_role.tenant.arn
    execution = aws_iam_role.execution.arn
  }
  depends_on = [
    module.broker, aws_iam_role_policy.tenant, aws_iam_role_policy_attachment.tier, aws_iam_role_policy.execution,
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
