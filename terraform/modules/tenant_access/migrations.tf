# Before 0.2 the broker's resources stood here themselves; now they are the function module's.
moved {
  from = aws_iam_role.broker
  to   = module.broker.aws_iam_role.this
}

moved {
  from = aws_cloudwatch_log_group.broker
  to   = module.broker.aws_cloudwatch_log_group.this
}

moved {
  from = aws_iam_role_policy.broker
  to   = module.broker.aws_iam_role_policy.this
}

moved {
  from = aws_lambda_function.broker
  to   = module.broker.aws_lambda_function.this
}
