# Real clinics. Account, buckets, keys, topic and addresses are examples: put in your own.
environment           = "prod"
production            = true
account_id            = "444455556666"
region                = "us-east-1"
name_prefix           = "clinic-prod-use1"
cost_centre           = "clinic-platform"
artifacts_bucket      = "clinic-artifacts-444455556666-us-east-1"
artifacts_kms_key_arn = "arn:aws:kms:us-east-1:444455556666:key/00000000-0000-4000-8000-000000000000"

password_sign_in     = false
mfa                  = "ON"
customer_managed_key = true
protect_data         = true
policy_mode          = "ENFORCE"
log_retention_days   = 365
callback_urls        = ["https://assistant.example/callback"]
logout_urls          = ["https://assistant.example/"]
alarms               = { topic_arns = ["arn:aws:sns:us-east-1:444455556666:clinic-alarms"] }
