resource "aws_iam_policy" "this" {
  name = "clinic-tenant-basic"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "Records"
      Effect   = "Allow"
      Action   = "bedrock-agentcore:RetrieveMemoryRecords"
      Resource = "*"
      Condition = {
        Null       = { "aws:PrincipalTag/ClinicId" = "false" }
        StringLike = { "bedrock-agentcore:namespacePath" = "/actors/$${aws:PrincipalTag/ClinicId}/*" }
      }
    }]
  })
}
