output "gateway_role_arn" {
  description = "ARN of the Gateway's role, once its policy is attached: a gateway is refused before."
  value       = aws_iam_role.gateway.arn
  depends_on  = [aws_iam_role_policy.gateway]
}

output "role_arns" {
  description = "ARNs of the roles gateway, interceptor and tools, once their policies are attached."
  value = {
    gateway     = aws_iam_role.gateway.arn
    interceptor = module.interceptor.role_arn
    tools       = module.tools.role_arn
  }
  depends_on = [aws_iam_role_policy.gateway, module.interceptor, module.tools]
}

output "function_arns" {
  description = "ARNs of the functions interceptor and tools, once they work; the tools need the broker besides, for which they do not wait."
  value = {
    interceptor = module.interceptor.arn
    tools       = module.tools.arn
  }
}

output "policies" {
  description = "What the roles gateway, interceptor and tools may do, as JSON, for the isolation proof."
  value = {
    gateway     = aws_iam_role_policy.gateway.policy
    interceptor = module.interceptor.policy
    tools       = module.tools.policy
  }
}
