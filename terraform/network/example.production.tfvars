# Copy to ENVIRONMENT.tfvars. Account, Region, names, bucket and key are examples: put in the environment's own
# (terraform/envs/ENVIRONMENT/terraform.tfvars). `make scan` plans these values.
environment        = "prod"
production         = true
cost_centre        = "clinic-platform"
account_id         = "444455556666"
region             = "us-east-1"
name_prefix        = "clinic-prod-use1"
cidr               = "10.64.16.0/20"
zone_ids           = ["use1-az1", "use1-az2"]
artifacts_bucket   = "clinic-artifacts-444455556666-us-east-1"
internet_access    = true # with callback_urls set, as shipped: see Signing keys in modules/network/README.md
log_retention_days = 365
log_kms_key_arn    = "arn:aws:kms:us-east-1:444455556666:key/00000000-0000-4000-8000-000000000000"
