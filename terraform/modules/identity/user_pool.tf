locals {
  pool_name   = "${var.name_prefix}-users"
  claims_name = "${var.name_prefix}-claims"
  # A name, not the table: it is known at plan time, and the functions need not wait for the table and its key.
  registry_name = "${var.name_prefix}-registry"
}

resource "aws_cognito_user_pool" "this" {
  name                = local.pool_name
  user_pool_tier      = "ESSENTIALS" # claims in access tokens (pre-token-generation V2_0) start at this tier
  deletion_protection = var.protect_data ? "ACTIVE" : "INACTIVE"
  mfa_configuration   = var.mfa
  tags                = var.tags

  # Nobody signs himself up: a user without a membership has no clinic.
  admin_create_user_config {
    allow_admin_create_user_only = true
  }

  username_configuration {
    case_sensitive = false
  }

  password_policy {
    minimum_length                   = 12
    require_lowercase                = true
    require_uppercase                = true
    require_numbers                  = true
    require_symbols                  = true
    temporary_password_validity_days = 3
  }

  account_recovery_setting {
    recovery_mechanism {
      name     = var.account_recovery
      priority = 1
    }
  }

  auto_verified_attributes = ["email"]

  # A changed address counts only after the new one is verified: it is where a new password would be sent.
  user_attribute_update_settings {
    attributes_require_verification_before_update = ["email"]
  }

  dynamic "software_token_mfa_configuration" {
    for_each = var.mfa == "OFF" ? [] : [1]
    content {
      enabled = true
    }
  }

  lambda_config {
    pre_token_generation_config {
      # The function is enough: nobody signs in before user_pool_id is out, and that output waits for its permissions, which
      # stand behind table and key.
      lambda_arn     = module.claims.function_arn
      lambda_version = "V2_0"
    }
  }
}

resource "aws_cognito_user_pool_client" "this" {
  name         = "${var.name_prefix}-app"
  user_pool_id = aws_cognito_user_pool.this.id

  # Public client: code flow with PKCE. A secret in a browser or a command line is none.
  generate_secret                      = false
  allowed_oauth_flows_user_pool_client = length(var.callback_urls) > 0
  allowed_oauth_flows                  = length(var.callback_urls) > 0 ? ["code"] : null
  allowed_oauth_scopes                 = length(var.callback_urls) > 0 ? ["openid"] : null
  supported_identity_providers         = ["COGNITO"]
  callback_urls                        = length(var.callback_urls) > 0 ? var.callback_urls : null
  logout_urls                          = length(var.logout_urls) > 0 ? var.logout_urls : null
  explicit_auth_flows                  = concat(["ALLOW_REFRESH_TOKEN_AUTH"], var.password_sign_in ? ["ALLOW_USER_PASSWORD_AUTH"] : [])

  # Tenancy is no attribute, it lives in the registry. Still: unset lists mean "all standard attributes" at best, and an
  # empty write list cannot be sent, so the most harmless attribute is the one that users may change.
  read_attributes  = ["email", "email_verified", "name"]
  write_attributes = ["name"]

  prevent_user_existence_errors = "ENABLED"
  enable_token_revocation       = true
  access_token_validity         = var.access_token_minutes
  id_token_validity             = var.access_token_minutes
  refresh_token_validity        = var.refresh_token_hours
  token_validity_units {
    access_token  = "minutes"
    id_token      = "minutes"
    refresh_token = "hours"
  }
}

resource "aws_cognito_user_pool_domain" "this" {
  count        = var.domain == null ? 0 : 1
  domain       = var.domain
  user_pool_id = aws_cognito_user_pool.this.id
}
