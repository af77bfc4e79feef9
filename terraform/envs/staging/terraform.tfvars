# The rehearsal: as production, in the account of dev, with nobody's real data. Account, buckets, keys and addresses are
# examples: put in your own.
environment           = "staging"
production            = false
account_id            = "111122223333"
region                = "us-east-1"
name_prefix           = "clinic-staging-use1"
cost_centre           = "clinic-platform-staging"
artifacts_bucket      = "clinic-artifacts-111122223333-us-east-1"
artifacts_kms_key_arn = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-4000-8000-000000000000"

password_sign_in   = true # make smoke signs in without a browser
mfa                = "OPTIONAL"
protect_data       = true
log_retention_days = 30
callback_urls      = ["https://staging.assistant.example/callback"]
logout_urls        = ["https://staging.assistant.example/"]
alarms             = { topic_arns = ["arn:aws:sns:us-east-1:111122223333:clinic-staging-alarms"] }
