variable "name_prefix" {
  description = "Start of every name."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix: must be 3-20 lower-case letters, digits and inner hyphens, letter first; got ${jsonencode(var.name_prefix)}."
  }
}

variable "account_id" {
  description = "AWS account that everything is made in."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id: must be 12 digits; got ${jsonencode(var.account_id)}."
  }
}

variable "region" {
  description = "AWS Region that everything is made in."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region: must be a Region code such as us-east-1; got ${jsonencode(var.region)}."
  }
}

variable "partition" {
  description = "AWS partition, the second part of every ARN."
  type        = string
  default     = "aws"
  nullable    = false
  validation {
    condition     = can(regex("^aws(-[a-z]+)*$", var.partition))
    error_message = "partition: must be aws or start with aws-; got ${jsonencode(var.partition)}."
  }
}

variable "kms_deletion_window_days" {
  description = "Days between destroying a key and its deletion, in which it can be brought back."
  type        = number
  default     = 30
  nullable    = false
  validation {
    condition     = var.kms_deletion_window_days >= 7 && var.kms_deletion_window_days <= 30
    error_message = "kms_deletion_window_days: must be 7-30 (KMS limits); got ${var.kms_deletion_window_days}."
  }
}

variable "tags" {
  description = "Tags of the keys."
  type        = map(string)
  default     = {}
  nullable    = false
}
