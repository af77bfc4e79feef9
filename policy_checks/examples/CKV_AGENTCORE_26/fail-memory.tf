resource "aws_bedrockagentcore_memory" "this" {
  name                  = "clinic_basic"
  event_expiry_duration = 30
  tags = {
    Production = "true"
  }
}
