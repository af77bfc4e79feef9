variable "name" {
  description = "Name of the function, of its role and of its log group. Permanent: none of them can be renamed."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,62}[a-z0-9]$", var.name))
    error_message = "name: must be 3-64 lower-case letters, digits and inner hyphens, letter first; got ${jsonencode(var.name)}."
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

variable "package" {
  description = "Published Lambda bundle: where it is, its SHA-256 (hex) and what it was built for."
  type = object({
    bucket       = string
    key          = string
    sha256       = string
    runtime      = string
    architecture = string
  })
  nullable = false
  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.package.sha256))
    error_message = "package.sha256: must be 64 lower-case hex digits; got ${jsonencode(var.package.sha256)}."
  }
  validation {
    condition     = contains(["arm64", "x86_64"], var.package.architecture)
    error_message = "package.architecture: must be arm64 or x86_64; got ${jsonencode(var.package.architecture)}."
  }
  validation {
    condition     = can(regex("^python3[.][0-9]{1,2}$", var.package.runtime))
    error_message = "package.runtime: must be a Python runtime such as python3.11; got ${jsonencode(var.package.runtime)}."
  }
}

variable "handler" {
  description = "Python function that Lambda calls, as module.function."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[a-z_]+([.][a-z_]+)+$", var.handler))
    error_message = "handler: must be a dotted Python name; got ${jsonencode(var.handler)}."
  }
}

variable "environment" {
  description = "Variables of the environment, besides PLATFORM_CONTRACT. No secrets: whoever may describe the function reads them."
  type        = map(string)
  nullable    = false
  validation {
    condition     = !contains(keys(var.environment), "PLATFORM_CONTRACT")
    error_message = "environment: PLATFORM_CONTRACT is set by this module; got ${jsonencode(lookup(var.environment, "PLATFORM_CONTRACT", null))}."
  }
}

variable "aws_endpoint_url" {
  description = "Endpoint that the function calls instead of AWS, on a laptop; null on AWS."
  type        = string
  default     = null
}

# `any`, since statements differ in shape and a list type would make them one.
variable "statements" {
  description = "IAM statements of the function's role, besides writing its own logs."
  type        = any
  nullable    = false
  validation {
    condition     = can(tolist([for s in var.statements : s.Sid])) && alltrue([for s in var.statements : can(s.Effect) && can(s.Action) && can(s.Resource)])
    error_message = "statements: must be a list of statements with Sid, Effect, Action and Resource; got ${jsonencode(var.statements)}."
  }
}

variable "timeout_seconds" {
  description = "Longest time of one call."
  type        = number
  nullable    = false
  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 29 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "timeout_seconds: must be a whole number 1-29 (a caller waits, and callers of callers stop at 29 s); got ${var.timeout_seconds}."
  }
}

variable "memory_mb" {
  description = "Memory, and with it CPU: verifying a signature is all CPU."
  type        = number
  default     = 512
  nullable    = false
  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240 && floor(var.memory_mb) == var.memory_mb
    error_message = "memory_mb: must be a whole number 128-10240; got ${var.memory_mb}."
  }
}

variable "reserved_concurrency" {
  description = "Executions kept for the function, and its ceiling; -1 for none. An account without a raised limit has 10 in all."
  type        = number
  default     = -1
  nullable    = false
  validation {
    condition     = (var.reserved_concurrency >= 1 || var.reserved_concurrency == -1) && floor(var.reserved_concurrency) == var.reserved_concurrency
    error_message = "reserved_concurrency: must be a whole number from 1, or -1 for none (0 would switch the function off); got ${var.reserved_concurrency}."
  }
}

variable "log_retention_days" {
  description = "Days that log events are kept."
  type        = number
  default     = 90
  nullable    = false
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days: must be a period that CloudWatch Logs offers (7, 14, 30, 60, 90, 180, 365 ...; 0, for ever, is refused); got ${var.log_retention_days}."
  }
}

variable "log_kms_key_arn" {
  description = "Key of the log group, whose policy lets CloudWatch Logs use it; null leaves AWS's own encryption."
  type        = string
  default     = null
  validation {
    condition     = var.log_kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.log_kms_key_arn))
    error_message = "log_kms_key_arn: must be the ARN of a KMS key or null; got ${jsonencode(var.log_kms_key_arn)}."
  }
}

variable "tags" {
  description = "Tags of the function, its role and its log group."
  type        = map(string)
  default     = {}
  nullable    = false
}
