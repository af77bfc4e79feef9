terraform {
  # 1.11: what bootstrap needs, so that one Terraform serves all roots.
  required_version = ">= 1.11, < 2.0"
  required_providers {
    # Exactly the version that the emulator was tried with; the modules themselves take 6.x too.
    aws = { source = "hashicorp/aws", version = "5.100.0" }
  }
  backend "local" {} # `up` names the file: terraform init -backend-config=path=...
}
