resource "aws_cognito_user_pool" "this" {
  name = "clinic-users"
  admin_create_user_config {
    allow_admin_create_user_only = false
  }
}
