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

resource "aws_iam_role_policy" "this" {
  name = "execution"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "AskBroker"
      Effect   = "Allow"
      Action   = "lambda:InvokeFunction"
      Resource = "arn:aws:lambda:eu-west-1:111122223333:function:clinic-tools"
    }]
  })
}

resource "aws_lambda_function" "tools" {
  function_name = "clinic-tools"
  role          = "arn:aws:iam::111122223333:role/clinic-tools"
  runtime       = "python3.11"
  handler       = "clinic_agent.lambdas.tools.handler"
  s3_bucket     = "clinic-artifacts"
  s3_key        = "agents/clinic-agent/1.0.0/lambda.zip"
}

resource "aws_iam_role" "tenant" {
  name = "clinic-tenant"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "BrokerAssumes"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::111122223333:role/clinic-broker" }
      Action    = "sts:AssumeRole"
      Condition = { Null = { "aws:RequestTag/ClinicId" = "false", "aws:RequestTag/Tier" = "false" } }
      }, {
      Sid       = "BrokerTags"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::111122223333:role/clinic-broker" }
      Action    = "sts:TagSession"
      Condition = {
        "ForAllValues:StringEquals" = { "aws:TagKeys" = ["ClinicId", "Tier"] }
        Null                        = { "aws:RequestTag/ClinicId" = "false", "aws:RequestTag/Tier" = "false" }
        StringEquals                = { "aws:RequestTag/Tier" = ["basic", "premium"] }
      }
    }]
  })
}
