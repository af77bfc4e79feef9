resource "aws_lambda_function_url" "this" {
  function_name      = "clinic-tools"
  authorization_type = "AWS_IAM"
}
