resource "aws_iam_policy" "this" {
  name = "clinic-tenant-basic"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "ReadOwnDocuments"
      Effect    = "Allow"
      Action    = "s3:GetObject"
      Resource  = "arn:aws:s3:::clinic-documents/clinics/$${aws:PrincipalTag/ClinicId}b/*"
      Condition = { Null = { "aws:PrincipalTag/ClinicId" = "false" } }
    }]
  })
}
