resource "aws_iam_policy" "this" {
  name = "clinic-tenant-basic"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "ListOwnDocuments"
      Effect   = "Allow"
      Action   = "s3:ListBucket"
      Resource = "arn:aws:s3:::clinic-documents"
      Condition = {
        Null       = { "aws:PrincipalTag/ClinicId" = "false" }
        StringLike = { "s3:prefix" = ["clinics/$${aws:PrincipalTag/ClinicId}*"] }
      }
    }]
  })
}
