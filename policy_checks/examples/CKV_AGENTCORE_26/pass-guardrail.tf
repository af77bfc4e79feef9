resource "aws_bedrock_guardrail" "this" {
  name                      = "clinic-basic"
  blocked_input_messaging   = "Not answered."
  blocked_outputs_messaging = "Not answered."
  kms_key_arn               = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-55555555abcd"
  tags = {
    Production = "true"
  }
  word_policy_config {
    words_config {
      text = "opening hours"
    }
  }
}
