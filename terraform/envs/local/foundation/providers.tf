# The emulator's address comes from AWS_ENDPOINT_URL. The skips save round trips that tell nothing there.
provider "aws" {
  region                      = var.region
  allowed_account_ids         = [var.account_id]
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  # No default_tags: nobody bills a laptop, and the provider waits 4 s until the tags of a new key have spread.
}
