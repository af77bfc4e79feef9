# Before 0.2 the claims function's resources stood here themselves; now they are the function module's.
moved {
  from = aws_iam_role.claims
  to   = module.claims.aws_iam_role.this
}

moved {
  from = aws_cloudwatch_log_group.claims
  to   = module.claims.aws_cloudwatch_log_group.this
}

moved {
  from = aws_iam_role_policy.claims
  to   = module.claims.aws_iam_role_policy.this
}

moved {
  from = aws_lambda_function.claims
  to   = module.claims.aws_lambda_function.this
}
