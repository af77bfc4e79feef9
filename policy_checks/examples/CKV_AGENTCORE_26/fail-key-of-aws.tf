resource "aws_bedrock_guardrail" "this" {
  name                      = "clinic-basic"
  blocked_input_messaging   = "Not answered."
  blocked_outputs_messaging = "Not answered."
  kms_key_arn               = "arn:aws:kms:eu-west-1:111122223333:alias/aws/bedrock"
  tags = {
    Production = "true"
  }
  word_policy_config {
    words_config {
      text = "opening hours"
    }
  }
}
