terraform {
  # 1.11: what bootstrap needs, so that one Terraform serves all roots.
  required_version = ">= 1.11, < 2.0"
  required_providers {
    # Exactly the version whose schema the recording provider serves; the modules themselves take 6.66 and later.
    aws = { source = "hashicorp/aws", version = "6.69.1" }
  }
  backend "local" {} # `up` names the file: terraform init -backend-config=path=...
}
