terraform {
  # 1.11 as everywhere here.
  required_version = ">= 1.11, < 2.0"
  required_providers {
    # 5.100: the last 5.x, and the oldest version this code is tested with. 7.0 may remove arguments.
    aws = { source = "hashicorp/aws", version = ">= 5.100, < 7.0" }
  }
  backend "local" {} # `up` names the file: terraform init -backend-config=path=...
}
