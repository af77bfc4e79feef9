# On a laptop this is the recording provider: it calls nobody. The block is the foundation's, so that no stray profile counts
# if it ever is the real one.
provider "aws" {
  region                      = var.region
  allowed_account_ids         = [var.account_id]
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
}
