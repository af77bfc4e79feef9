resource "aws_iam_role" "this" {
  name = "clinic-deployer"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Pipeline"
      Effect    = "Allow"
      Principal = { Federated = "arn:aws:iam::111122223333:saml-provider/Clinics" }
      Action    = "sts:AssumeRoleWithSAML"
    }]
  })
}
