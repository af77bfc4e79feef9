resource "aws_bedrockagentcore_memory" "this" {
  name                  = "clinic_basic"
  event_expiry_duration = 30
  encryption_key_arn    = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-55555555abcd"
  tags = {
    Production = "true"
  }
}
