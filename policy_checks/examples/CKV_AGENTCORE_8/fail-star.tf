resource "aws_iam_policy" "this" {
  name = "clinic-tenant-basic"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "Records"
      Effect   = "Allow"
      Action   = "bedrock-agentcore:RetrieveMemoryRecords"
      Resource = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:memory/clinic_basic-a1b2c3d4e5"
      Condition = {
        Null       = { "aws:PrincipalTag/ClinicId" = "false", "aws:PrincipalTag/UserId" = "false" }
        StringLike = { "bedrock-agentcore:namespacePath" = "*" }
      }
    }]
  })
}
