resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/clinic-broker"
  retention_in_days = 365
  tags = {
    Production = "true"
  }
}
