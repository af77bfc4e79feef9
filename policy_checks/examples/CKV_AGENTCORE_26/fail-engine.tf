resource "aws_bedrockagentcore_policy_engine" "this" {
  name = "clinic_policies"
  tags = {
    Production = "true"
  }
}
