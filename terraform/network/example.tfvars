# Copy to ENVIRONMENT.tfvars; for production, copy example.production.tfvars. Account, Region, names and bucket are the
# environment's own (terraform/envs/ENVIRONMENT/terraform.tfvars).
environment      = "dev"
production       = false
cost_centre      = "clinic-platform-dev"
account_id       = "111122223333"
region           = "us-east-1"
name_prefix      = "clinic-dev-use1"
cidr             = "10.64.0.0/20"
zone_ids         = ["use1-az1", "use1-az2"]
artifacts_bucket = "clinic-artifacts-111122223333-us-east-1"
internet_access  = true # with callback_urls set, as shipped: see Signing keys in modules/network/README.md
