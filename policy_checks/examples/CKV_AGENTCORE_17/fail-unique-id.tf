variable "account_id" {
  default = "111122223333"
}

resource "aws_iam_role" "tenant" {
  name = "clinic-tenant"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "BrokerAssumes"
      Effect    = "Allow"
      Principal = { AWS = "AROAEXAMPLEEXAMPLE" }
      Action    = "sts:AssumeRole"
      Condition = { Null = { "aws:RequestTag/ClinicId" = "false", "aws:RequestTag/Tier" = "false" } }
      }, {
      Sid       = "BrokerTags"
      Effect    = "Allow"
      Principal = { AWS = "AROAEXAMPLEEXAMPLE" }
      Action    = "sts:TagSession"
      Condition = {
        "ForAllValues:StringEquals" = { "aws:TagKeys" = ["ClinicId", "Tier"] }
        Null                        = { "aws:RequestTag/ClinicId" = "false", "aws:RequestTag/Tier" = "false" }
        StringEquals                = { "aws:RequestTag/Tier" = ["basic", "premium"] }
      }
    }]
  })
}
