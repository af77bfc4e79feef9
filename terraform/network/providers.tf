provider "aws" {
  region = var.region
  # Credentials of another account fail here, before anything is made in the wrong place.
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = {
      Environment = var.environment
      CostCentre  = var.cost_centre
      ManagedBy   = "terraform"
      Production  = tostring(var.production)
    }
  }
}
