terraform {
  required_version = ">= 1.11, < 2.0" # 1.11 as everywhere here
  required_providers {
    # 6.66: the floor of the AgentCore modules. 7.0 may remove arguments.
    aws = { source = "hashicorp/aws", version = ">= 6.66, < 7.0" }
  }
}
