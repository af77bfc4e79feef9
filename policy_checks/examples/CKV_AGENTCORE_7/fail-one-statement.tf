resource "aws_iam_policy" "this" {
  name = "clinic-tenant-basic"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = {
      Sid      = "Events"
      Effect   = "Allow"
      Action   = ["bedrock-agentcore:CreateEvent", "bedrock-agentcore:ListEvents"]
      Resource = "*"
      Condition = {
        Null         = { "aws:PrincipalTag/ClinicId" = "false", "aws:PrincipalTag/UserId" = "false" }
        StringEquals = { "bedrock-agentcore:actorId" = "$${aws:PrincipalTag/ClinicId}/$${aws:PrincipalTag/UserId}" }
      }
    }
  })
}
