resource "aws_bedrock_guardrail" "this" {
  name                      = "clinic-basic"
  blocked_input_messaging   = "Not answered."
  blocked_outputs_messaging = "Not answered."
  tags = {
    Production = "true"
  }
  word_policy_config {
    words_config {
      text = "opening hours"
    }
  }
}
