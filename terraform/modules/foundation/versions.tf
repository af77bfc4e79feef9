terraform {
  required_version = ">= 1.11, < 2.0" # 1.11 as everywhere here
  required_providers {
    # 5.100: the last 5.x, and the oldest version this code is tested with. 7.0 may remove arguments.
    aws = { source = "hashicorp/aws", version = ">= 5.100, < 7.0" }
  }
}
