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
      Sid      = "ReadPatients"
      Effect   = "Allow"
      Action   = "dynamodb:PartiQLSelect"
      Resource = "arn:aws:dynamodb:eu-west-1:111122223333:table/clinic-patients"
      Condition = {
        "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["$${aws:PrincipalTag/ClinicId}"] }
        Null                        = { "aws:PrincipalTag/ClinicId" = "false", "dynamodb:LeadingKeys" = "false" }
      }
    }]
  })
}
