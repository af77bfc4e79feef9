mock_provider "aws" {
  override_during = plan
  mock_resource "aws_lambda_function" {
    # SHA-256 of nothing, in base64: what lambda_package.sha256 below is in hex.
    defaults = {
      arn         = "arn:aws:lambda:eu-west-1:111122223333:function:clinic-test-claims"
      code_sha256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    }
  }
  mock_resource "aws_cognito_user_pool" {
    defaults = { id = "eu-west-1_abc", arn = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_abc" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/clinic-test-registry" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:111122223333:key/registry" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/clinic-test-claims" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/clinic-test-claims" }
  }
}

variables {
  name_prefix = "clinic-test"
  account_id  = "111122223333"
  region      = "eu-west-1"
  lambda_package = {
    bucket       = "artifacts"
    key          = "agents/clinic-agent/1.0.0/lambda-linux-arm64.zip"
    sha256       = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    runtime      = "python3.11"
    architecture = "arm64"
  }
}

run "the_pool_is_closed_and_protected_by_default" {
  command = plan
  assert {
    condition     = aws_cognito_user_pool.this.admin_create_user_config[0].allow_admin_create_user_only
    error_message = "Nobody may sign himself up."
  }
  assert {
    condition     = aws_cognito_user_pool.this.mfa_configuration == "ON" && aws_cognito_user_pool.this.deletion_protection == "ACTIVE"
    error_message = "A second factor and protection from deletion are the defaults."
  }
  assert {
    condition     = aws_cognito_user_pool.this.lambda_config[0].pre_token_generation_config[0].lambda_version == "V2_0"
    error_message = "Only V2_0 puts claims into access tokens."
  }
  assert {
    condition     = aws_dynamodb_table.registry.deletion_protection_enabled && aws_dynamodb_table.registry.point_in_time_recovery[0].enabled
    error_message = "The registry must be protected and recoverable."
  }
}

run "the_client_is_public_narrow_and_without_passwords_by_default" {
  command = plan
  assert {
    condition     = aws_cognito_user_pool_client.this.explicit_auth_flows == toset(["ALLOW_REFRESH_TOKEN_AUTH"])
    error_message = "Password sign-in must be asked for."
  }
  assert {
    condition     = aws_cognito_user_pool_client.this.write_attributes == toset(["name"])
    error_message = "Users may change their name and nothing else."
  }
  assert {
    condition     = aws_cognito_user_pool_client.this.access_token_validity == 10 && aws_cognito_user_pool_client.this.token_validity_units[0].access_token == "minutes"
    error_message = "Access tokens live 10 minutes."
  }
  assert {
    condition     = aws_cognito_user_pool_client.this.enable_token_revocation && aws_cognito_user_pool_client.this.prevent_user_existence_errors == "ENABLED"
    error_message = "Revocation must be on, and errors must not tell which users exist."
  }
}

run "a_browser_signs_in_by_code" {
  command = plan
  variables {
    callback_urls = ["https://chat.example.org/callback", "http://localhost:8080/callback"]
    logout_urls   = ["https://chat.example.org/"]
    domain        = "clinic-test"
  }
  assert {
    condition     = aws_cognito_user_pool_client.this.allowed_oauth_flows == toset(["code"]) && !aws_cognito_user_pool_client.this.generate_secret
    error_message = "The code flow without a secret is the only one."
  }
  assert {
    condition     = length(aws_cognito_user_pool_domain.this) == 1
    error_message = "A domain that is asked for must be made."
  }
}

run "only_this_pool_may_call_the_claims_function" {
  command = plan
  assert {
    condition     = aws_lambda_permission.claims.source_arn == aws_cognito_user_pool.this.arn && aws_lambda_permission.claims.principal == "cognito-idp.amazonaws.com"
    error_message = "The permission must name Cognito and this pool."
  }
  assert {
    condition     = toset(flatten([for s in jsondecode(module.claims.policy).Statement : s.Action])) == toset(["dynamodb:GetItem", "kms:Decrypt", "logs:CreateLogStream", "logs:PutLogEvents"])
    error_message = "The claims function reads the registry and writes its logs, nothing else."
  }
}

run "tokens_keep_cognitos_issuer_where_keys_are_served_elsewhere" {
  command = plan
  variables {
    oidc_base_url    = "http://127.0.0.1:4566"
    password_sign_in = true
    mfa              = "OFF"
  }
  assert {
    condition     = output.issuer == "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc"
    error_message = "The issuer is Cognito's."
  }
  assert {
    condition     = output.jwks_url == "http://127.0.0.1:4566/eu-west-1_abc/.well-known/jwks.json" && output.discovery_url == "http://127.0.0.1:4566/eu-west-1_abc/.well-known/openid-configuration"
    error_message = "Keys and discovery document are below oidc_base_url."
  }
  assert {
    condition     = contains(aws_cognito_user_pool_client.this.explicit_auth_flows, "ALLOW_USER_PASSWORD_AUTH")
    error_message = "password_sign_in must open the password flow."
  }
}

# Below, each input of a run must fail by itself: terraform test misses none of expect_failures.
run "rejects_bad_settings_1" {
  command = plan
  variables {
    # a checksum that is no sha256
    lambda_package = {
      bucket       = "artifacts"
      key          = "agents/clinic-agent/1.0.0/lambda-linux-arm64.zip"
      sha256       = "abc"
      runtime      = "python3.11"
      architecture = "arm64"
    }
    # an unknown mfa
    mfa = "SMS"
    # an unknown recovery
    account_recovery = "sms"
    # access tokens below cognitos minimum
    access_token_minutes = 4
    # refresh tokens that never live
    refresh_token_hours = 0
    # a callback without tls
    callback_urls = ["http://chat.example.org/callback"]
    # a logout with a wildcard
    logout_urls = ["https://*.example.org/"]
    # a domain with dots
    domain = "login.example.org"
    # an oidc address with a trailing slash
    oidc_base_url = "http://127.0.0.1:4566/"
  }
  expect_failures = [var.lambda_package, var.mfa, var.account_recovery, var.access_token_minutes, var.refresh_token_hours, var.callback_urls, var.logout_urls, var.domain, var.oidc_base_url]
}

run "rejects_bad_settings_2" {
  command = plan
  variables {
    # an unknown architecture
    lambda_package = {
      bucket       = "artifacts"
      key          = "agents/clinic-agent/1.0.0/lambda-linux-arm64.zip"
      sha256       = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
      runtime      = "python3.11"
      architecture = "mips"
    }
    # access tokens above an hour
    access_token_minutes = 61
    # a domain with a reserved word
    domain = "my-cognito-login"
  }
  expect_failures = [var.lambda_package, var.access_token_minutes, var.domain]
}

run "rejects_bad_settings_3" {
  command = plan
  variables {
    # a runtime that is no python
    lambda_package = {
      bucket       = "artifacts"
      key          = "agents/clinic-agent/1.0.0/lambda-linux-arm64.zip"
      sha256       = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
      runtime      = "nodejs22.x"
      architecture = "arm64"
    }
  }
  expect_failures = [var.lambda_package]
}

run "rejects_malformed_names_places_and_periods" {
  command = plan
  variables {
    name_prefix              = "Clinic"
    account_id               = "1234"
    region                   = "europe"
    partition                = "azure"
    kms_deletion_window_days = 6
    log_retention_days       = 0
    log_kms_key_arn          = "alias/logs"
  }
  expect_failures = [var.name_prefix, var.account_id, var.region, var.partition, var.kms_deletion_window_days, var.log_retention_days, var.log_kms_key_arn]
}
