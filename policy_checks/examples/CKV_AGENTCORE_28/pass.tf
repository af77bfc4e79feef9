resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/clinic-broker"
  retention_in_days = 365
  kms_key_id        = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-55555555abcd"
  tags = {
    Production = "true"
  }
}
