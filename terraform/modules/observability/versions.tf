terraform {
  required_version = ">= 1.11, < 2.0" # 1.11 as everywhere here
  required_providers {
    # Log deliveries to X-Ray (delivery_destination_type as an argument) are not in 5.100; 6.66 is the floor of all modules
    # that go with AgentCore's. 7.0 may remove arguments.
    aws = { source = "hashicorp/aws", version = ">= 6.66, < 7.0" }
  }
}
