# A client has no tags: the pool says what this environment is.
resource "aws_cognito_user_pool" "this" {
  name = "clinic-users"
  admin_create_user_config {
    allow_admin_create_user_only = true
  }
  tags = {
    Production = "false"
  }
}

resource "aws_cognito_user_pool_client" "this" {
  name                = "clinic-app"
  user_pool_id        = "eu-west-1_Abc"
  explicit_auth_flows = ["ALLOW_USER_PASSWORD_AUTH"]
  allowed_oauth_flows = ["code"]
}
