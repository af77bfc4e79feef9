resource "aws_lambda_function" "tools" {
  function_name = "clinic-tools"
  role          = "arn:aws:iam::111122223333:role/Admin"
  runtime       = "python3.11"
  handler       = "clinic_agent.lambdas.tools.handler"
  s3_bucket     = "clinic-artifacts"
  s3_key        = "agents/clinic-agent/1.0.0/lambda.zip"
}
