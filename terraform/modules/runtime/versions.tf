terraform {
  required_version = ">= 1.11, < 2.0" # 1.11 as everywhere here
  required_providers {
    # custom_claim came with 6.44; 6.66 is the floor of all AgentCore modules (connector targets of the gateway).
    # platform_version would need 6.69.1. 7.0 may remove arguments.
    aws = { source = "hashicorp/aws", version = ">= 6.66, < 7.0" }
  }
}
