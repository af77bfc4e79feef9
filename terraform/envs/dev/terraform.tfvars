# Where developers and tests work. Account, buckets and keys are examples: put in what terraform/bootstrap gave you.
environment           = "dev"
production            = false
account_id            = "111122223333"
region                = "us-east-1"
name_prefix           = "clinic-dev-use1"
cost_centre           = "clinic-platform-dev"
artifacts_bucket      = "clinic-artifacts-111122223333-us-east-1"
artifacts_kms_key_arn = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-4000-8000-000000000000"

password_sign_in         = true # tests sign in without a browser
mfa                      = "OPTIONAL"
protect_data             = false # only test data
kms_deletion_window_days = 7
log_retention_days       = 14
callback_urls            = ["http://localhost:8080/callback"]
logout_urls              = ["http://localhost:8080/"]
