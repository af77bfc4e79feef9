terraform {
  # 1.11: native S3 state locking (use_lockfile) is stable, so environments need no lock table.
  required_version = ">= 1.11, < 2.0"
  required_providers {
    # 5.100.0, the last 5.x: what this root was tried with, on the emulator. Its resources are in 6.x as well.
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
  # State stays on the disk of whoever runs this once per account: the bucket for remote state is made here.
  backend "local" {}
}
