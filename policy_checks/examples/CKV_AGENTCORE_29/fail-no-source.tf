resource "aws_lambda_permission" "this" {
  function_name  = "clinic-claims"
  action         = "lambda:InvokeFunction"
  principal      = "cognito-idp.amazonaws.com"
  source_account = "111122223333"
}
