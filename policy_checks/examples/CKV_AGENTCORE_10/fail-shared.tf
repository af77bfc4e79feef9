resource "aws_bedrockagentcore_memory_strategy" "this" {
  memory_id           = "clinic_basic-a1b2c3d4e5"
  name                = "preferences"
  type                = "USER_PREFERENCE"
  namespace_templates = ["/all/preferences/"]
}
