# The endpoint comes from AWS_ENDPOINT_URL alone, so the same root serves AWS and an emulator. No path-style switch is
# needed: the SDK uses paths by itself when the endpoint is an IP address.
provider "aws" {
  region = var.region
  # Credentials of another account fail here, before anything is made in the wrong place.
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = var.tags
  }
}
