resource "aws_iam_policy" "extra" {
  name = "clinic-extra"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "Extra"
      Effect   = "Allow"
      Action   = "cloudwatch:PutMetricData"
      Resource = "*"
    }]
  })
}

resource "aws_iam_user_policy_attachment" "this" {
  user       = "operator"
  policy_arn = aws_iam_policy.extra.arn
}

resource "aws_iam_group_policy_attachment" "this" {
  group      = "operators"
  policy_arn = aws_iam_policy.extra.arn
}

resource "aws_iam_policy_attachment" "this" {
  name       = "extra"
  groups     = ["reviewers"]
  policy_arn = aws_iam_policy.extra.arn
}
