resource "aws_iam_policy" "this" {
  name = "clinic-tenant-basic"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Model"
      Effect    = "Allow"
      Action    = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "bedrock-mantle:CreateInference"]
      Resource  = "arn:aws:bedrock:eu-west-1::foundation-model/mistral.ministral-3-8b-instruct"
      Condition = { StringEquals = { "bedrock:GuardrailIdentifier" = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/abcdefghijkl:1" } }
    }]
  })
}
