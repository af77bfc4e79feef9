resource "aws_iam_group_policy_attachment" "this" {
  group      = "operators"
  policy_arn = "arn:aws:iam::aws:policy/AdministratorAccess"
}
