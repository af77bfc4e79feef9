terraform {
  # 1.11: state is locked by a file in its own bucket (use_lockfile).
  required_version = ">= 1.11, < 2.0"
  required_providers {
    # Exactly the version that the plans are checked with; the modules themselves take 6.66 and later.
    aws = { source = "hashicorp/aws", version = "6.69.1" }
  }
  backend "s3" {} # terraform init -backend-config=backend.hcl
}
