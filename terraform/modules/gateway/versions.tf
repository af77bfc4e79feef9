terraform {
  required_version = ">= 1.11, < 2.0" # 1.11 as everywhere here; validations that read locals and other inputs need 1.9
  required_providers {
    # A target's mcp.connector is in 6.66 and not in 6.62; before 6.60 a target of a gateway with a policy engine came out
    # inconsistent.
    # 7.0 may remove arguments.
    aws = { source = "hashicorp/aws", version = ">= 6.66, < 7.0" }
  }
}
