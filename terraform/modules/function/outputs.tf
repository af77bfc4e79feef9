output "arn" {
  description = "ARN of the function, known at plan time; what uses it at once waits for the function and its permissions."
  value       = local.arn
  depends_on  = [aws_lambda_function.this, aws_iam_role_policy.this]
}

output "function_arn" {
  description = "The same ARN from the function itself: for what needs the function to exist, but not its permissions."
  value       = aws_lambda_function.this.arn
}

output "function_name" {
  description = "Name of the function, once it exists."
  value       = aws_lambda_function.this.function_name
}

output "role_arn" {
  description = "ARN of the function's role, known at plan time, once the role exists."
  value       = local.role_arn
  depends_on  = [aws_iam_role.this]
}

output "policy" {
  description = "What the function may do, as JSON."
  value       = aws_iam_role_policy.this.policy
}

output "environment" {
  description = "Variables of the function's environment."
  value       = local.environment
}
