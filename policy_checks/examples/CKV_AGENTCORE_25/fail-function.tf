resource "aws_lambda_function" "this" {
  function_name = "clinic-tools"
  role          = "arn:aws:iam::111122223333:role/clinic-tools"
  runtime       = "python3.11"
  handler       = "clinic.handler"
  s3_bucket     = "clinic-artifacts"
  s3_key        = "lambda.zip"
  environment {
    variables = {
      CLIENT_SECRET = "not-a-real-secret"
    }
  }
}
