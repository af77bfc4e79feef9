# For the examples of the AgentCore modules' READMEs. The provider is the recording one: nothing is read or made.
terraform {
  required_version = ">= 1.11, < 2.0"
  required_providers {
    aws = { source = "hashicorp/aws", version = ">= 6.66, < 7.0" }
  }
}

provider "aws" {
  region = "eu-west-1"
}
