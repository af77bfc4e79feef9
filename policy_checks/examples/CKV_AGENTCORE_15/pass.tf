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
      Sid      = "ReadOwnBundle"
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = "arn:aws:s3:::clinic-artifacts/agents/clinic-agent/*"
      }, {
      Sid    = "DenyTenants"
      Effect = "Deny"
      Action = [
        "sts:AssumeRole*", "sts:TagSession", "bedrock:Invoke*", "bedrock:Retrieve*", "bedrock-mantle:*", "dynamodb:*",
        "bedrock-agentcore:*Event",
        "bedrock-agentcore:*Events", "bedrock-agentcore:*MemoryRecord*", "bedrock-agentcore:*MemoryExtractionJob*",
        "bedrock-agentcore:IngestData", "bedrock-agentcore:ListActors", "bedrock-agentcore:ListSessions",
      ]
      Resource = "*"
      }, {
      Sid      = "DenyDocuments"
      Effect   = "Deny"
      Action   = "s3:*"
      Resource = ["arn:aws:s3:::clinic-documents", "arn:aws:s3:::clinic-documents/*"]
    }]
  })
}
