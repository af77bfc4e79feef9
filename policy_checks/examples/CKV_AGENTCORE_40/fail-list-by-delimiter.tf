resource "aws_s3_bucket" "documents" {
  bucket = "clinic-documents"
}

resource "aws_iam_role" "this" {
  name = "clinic-tenant"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Trust"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::111122223333:role/clinic-broker" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "data"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "ReadOwnDocuments"
      Effect    = "Allow"
      Action    = "s3:GetObject"
      Resource  = "arn:aws:s3:::clinic-documents/clinics/$${aws:PrincipalTag/ClinicId}/*"
      Condition = { Null = { "aws:PrincipalTag/ClinicId" = "false" } }
      }, {
      Sid      = "ListDocuments"
      Effect   = "Allow"
      Action   = "s3:ListBucket"
      Resource = "arn:aws:s3:::clinic-documents"
      Condition = {
        Null               = { "aws:PrincipalTag/ClinicId" = "false" }
        StringLikeIfExists = { "s3:prefix" = "clinics/$${aws:PrincipalTag/ClinicId}/*" }
      }
    }]
  })
}
