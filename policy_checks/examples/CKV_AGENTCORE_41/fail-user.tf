resource "aws_iam_user_policy_attachment" "this" {
  user       = "operator"
  policy_arn = "arn:aws:iam::aws:policy/AdministratorAccess"
}
