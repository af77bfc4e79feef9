variable "account_id" {
  description = "AWS account that everything is made in. Part of the bucket names, which are global."
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

variable "name_prefix" {
  description = "Start of every name. Permanent: buckets cannot be renamed."
  type        = string
  nullable    = false
  validation {
    # Bucket names end at 63: 20 + "-artifacts-" 11 + account 12 + 1 + the longest Region code 14 = 58.
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix: must be 3-20 lower-case letters, digits and inner hyphens, letter first; got ${jsonencode(var.name_prefix)}."
  }
}

variable "protect_data" {
  description = "Whether destroy refuses buckets that still hold objects. False only where data is disposable."
  type        = bool
  default     = true
  nullable    = false
}

variable "kms_deletion_window_days" {
  description = "Days between destroying the key and its deletion, in which it can be brought back."
  type        = number
  default     = 30
  nullable    = false
  validation {
    condition     = var.kms_deletion_window_days >= 7 && var.kms_deletion_window_days <= 30
    error_message = "kms_deletion_window_days: must be 7-30 (KMS limits); got ${var.kms_deletion_window_days}."
  }
}

variable "environments" {
  description = "Environments whose state is kept here: each gets its backend settings as an output."
  type        = set(string)
  default     = ["dev", "prod", "staging"]
  nullable    = false
  validation {
    condition     = alltrue([for name in var.environments : can(regex("^[a-z][a-z0-9]{1,9}$", name))])
    error_message = "environments: must be names of 2-10 lower-case letters and digits, letter first; got ${jsonencode(var.environments)}."
  }
}

variable "releases_prefix" {
  description = "Start of the keys of published versions in the artifacts bucket."
  type        = string
  default     = "agents/"
  nullable    = false
  validation {
    condition     = can(regex("^[a-z0-9][A-Za-z0-9._/-]*/$", var.releases_prefix))
    error_message = "releases_prefix: must be a key prefix that ends in a slash, without wildcards; got ${jsonencode(var.releases_prefix)}."
  }
}

variable "immutable_releases" {
  description = "Whether the artifacts bucket's policy denies everybody to delete or overwrite published versions."
  type        = bool
  default     = true
  nullable    = false
}

variable "break_glass_role_arn" {
  description = "Role that may delete published versions all the same, such as one that holds a leaked secret; null for none."
  type        = string
  default     = null
  validation {
    condition     = var.break_glass_role_arn == null || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$", var.break_glass_role_arn))
    error_message = "break_glass_role_arn: must be the ARN of a role, without wildcards, or null; got ${jsonencode(var.break_glass_role_arn)}."
  }
}

variable "object_lock" {
  description = "How long S3 itself keeps each version of the artifacts bucket: GOVERNANCE (who has s3:BypassGovernanceRetention can delete) or COMPLIANCE (nobody can, not even AWS Support). Null for none. Only when the bucket is made."
  type = object({
    mode = string
    days = number
  })
  default = null
  validation {
    condition     = var.object_lock == null ? true : contains(["GOVERNANCE", "COMPLIANCE"], var.object_lock.mode)
    error_message = "object_lock.mode: must be GOVERNANCE or COMPLIANCE; got ${jsonencode(var.object_lock)}."
  }
  validation {
    condition     = var.object_lock == null ? true : var.object_lock.days >= 1 && var.object_lock.days <= 36500 && floor(var.object_lock.days) == var.object_lock.days
    error_message = "object_lock.days: must be whole days, 1-36500; got ${jsonencode(var.object_lock)}."
  }
  validation {
    condition     = var.object_lock == null || var.protect_data
    error_message = "object_lock: needs protect_data, a bucket with locked objects cannot be emptied by destroy; got ${jsonencode(var.object_lock)}."
  }
}

variable "state_version_days" {
  description = "Days that replaced versions of a state are kept, but for the newest ten. Null, or protect_data = false, keeps all, and unfinished uploads too."
  type        = number
  default     = 365
  validation {
    condition     = var.state_version_days == null ? true : var.state_version_days >= 1 && var.state_version_days <= 3650 && floor(var.state_version_days) == var.state_version_days
    error_message = "state_version_days: must be whole days, 1-3650, or null; got ${jsonencode(var.state_version_days)}."
  }
}

variable "tags" {
  description = "Tags of everything, for bills and inventories. Each tagged key costs 4 s more: the provider waits for tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
