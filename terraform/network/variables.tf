# Formats are checked by the module that uses them, but for what stands in tags and paths.

variable "environment" {
  description = "Name of the environment: dev, staging, prod."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment))
    error_message = "environment: must be 2-12 lower-case letters and digits, letter first; got ${jsonencode(var.environment)}."
  }
}

variable "production" {
  description = "Whether it is the network of a production environment, as that says itself. What weakens a control is then refused."
  type        = bool
  nullable    = false
  validation {
    condition     = var.production || var.environment != "prod"
    error_message = "production: must be true for environment prod; got ${jsonencode(var.production)}."
  }
}

variable "cost_centre" {
  description = "Who pays; a tag of everything."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9 _.:/=+@-]{0,127}$", var.cost_centre))
    error_message = "cost_centre: must be 1-128 characters that a tag takes; got ${jsonencode(var.cost_centre)}."
  }
}

variable "account_id" {
  description = "AWS account, 12 digits; credentials of another are refused."
  type        = string
  nullable    = false
}

variable "region" {
  description = "AWS Region, that of the environment."
  type        = string
  nullable    = false
}

variable "partition" {
  description = "AWS partition, the second part of every ARN."
  type        = string
  default     = "aws"
  nullable    = false
}

variable "name_prefix" {
  description = "Start of every name: exactly the environment's, since the endpoints let its functions through by name."
  type        = string
  nullable    = false
}

variable "cidr" {
  description = "IPv4 range of the VPC, /16 to /22."
  type        = string
  nullable    = false
}

variable "zone_ids" {
  description = "Ids of two Availability Zones or more that AgentCore takes (catalog/zones.yaml)."
  type        = set(string)
  nullable    = false
}

variable "artifacts_bucket" {
  description = "Bucket with the published bundles, that of the environment."
  type        = string
  nullable    = false
}

variable "internet_access" {
  description = "Whether NAT gateways let the runtime out, on port 443. Set it to true with callback_urls set (as shipped): see the module about signing keys."
  type        = bool
  default     = false
  nullable    = false
}

variable "more_services" {
  description = "AWS services besides those that the agent calls."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that flow logs are kept; in production a year or more."
  type        = number
  default     = 90
  nullable    = false
  validation {
    condition     = !var.production || var.log_retention_days >= 365
    error_message = "log_retention_days: must be at least 365 in production, or what is found late has left no trace; got ${jsonencode(var.log_retention_days)}."
  }
}

variable "log_kms_key_arn" {
  description = "Key of the flow logs' group, whose policy lets CloudWatch Logs use it; null leaves AWS's own encryption, which production refuses."
  type        = string
  default     = null
  validation {
    condition     = !var.production || var.log_kms_key_arn != null
    error_message = "log_kms_key_arn: must be the ARN of a KMS key in production; got null."
  }
}

variable "catalog_dir" {
  description = "Folder of the catalog; null for the repository's."
  type        = string
  default     = null
  validation {
    condition     = var.catalog_dir == null || can(yamldecode(file("${coalesce(var.catalog_dir, ".")}/zones.yaml")).regions)
    error_message = "catalog_dir: must hold zones.yaml with regions; got ${jsonencode(var.catalog_dir)}."
  }
}
