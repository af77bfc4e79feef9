terraform {
  required_version = ">= 1.11, < 2.0" # 1.11 as everywhere here; templatestring() needs 1.9
  required_providers {
    # The resources came with 6.47 and 6.50; 6.66 is the floor of all AgentCore modules (connector targets of the gateway).
    # 7.0 may remove arguments.
    aws = { source = "hashicorp/aws", version = ">= 6.66, < 7.0" }
  }
}
