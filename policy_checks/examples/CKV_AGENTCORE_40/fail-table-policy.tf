resource "aws_dynamodb_resource_policy" "patients" {
  resource_arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/clinic-patients"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Reports"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::111122223333:role/clinic-reports" }
      Action    = "dynamodb:Query"
      Resource  = "arn:aws:dynamodb:eu-west-1:111122223333:table/clinic-patients"
    }]
  })
}
