variable "account_id" {
  default = "111122223333"
}

resource "aws_iam_role" "this" {
  name = "clinic-runtime"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AgentCore"
      Effect    = "Allow"
      Principal = { Service = "bedrock-agentcore.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = "111122223333" }
        ArnLike      = { "aws:SourceArn" = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:runtime/*" }
      }
    }]
  })
}
