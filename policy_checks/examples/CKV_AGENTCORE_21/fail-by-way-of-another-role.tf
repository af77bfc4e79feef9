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

resource "aws_iam_role" "broker" {
  name = "clinic-broker"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Debugging"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::111122223333:role/clinic-runtime" }
      Action    = "sts:AssumeRole"
    }]
  })
}
