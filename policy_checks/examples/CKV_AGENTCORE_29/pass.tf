variable "account_id" {
  default = "111122223333"
}

resource "aws_lambda_permission" "this" {
  function_name  = "clinic-claims"
  action         = "lambda:InvokeFunction"
  principal      = "cognito-idp.amazonaws.com"
  source_arn     = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_Abc"
  source_account = "111122223333"
}
