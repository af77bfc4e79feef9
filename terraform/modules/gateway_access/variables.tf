variable "name_prefix" {
  description = "Start of every name. Permanent: most of these resources cannot be renamed."
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

variable "lambda_package" {
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
    condition     = can(regex("^[0-9a-f]{64}$", var.lambda_package.sha256))
    error_message = "lambda_package.sha256: must be 64 lower-case hex digits; got ${jsonencode(var.lambda_package.sha256)}."
  }
  validation {
    condition     = contains(["arm64", "x86_64"], var.lambda_package.architecture)
    error_message = "lambda_package.architecture: must be arm64 or x86_64; got ${jsonencode(var.lambda_package.architecture)}."
  }
  validation {
    condition     = can(regex("^python3[.][0-9]{1,2}$", var.lambda_package.runtime))
    error_message = "lambda_package.runtime: must be a Python runtime such as python3.11; got ${jsonencode(var.lambda_package.runtime)}."
  }
}

variable "aws_endpoint_url" {
  description = "Endpoint that functions call instead of AWS, on a laptop; null on AWS."
  type        = string
  default     = null
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
  description = "Key of the log groups, whose policy lets CloudWatch Logs use it; null leaves AWS's own encryption."
  type        = string
  default     = null
  validation {
    condition     = var.log_kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.log_kms_key_arn))
    error_message = "log_kms_key_arn: must be the ARN of a KMS key or null; got ${jsonencode(var.log_kms_key_arn)}."
  }
}

variable "gateway_kms_key_arn" {
  description = "Key of the gateway's configuration, which its role then uses; null if AWS's own."
  type        = string
  default     = null
  validation {
    condition     = var.gateway_kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$", var.gateway_kms_key_arn))
    error_message = "gateway_kms_key_arn: must be the ARN of a KMS key or null; got ${jsonencode(var.gateway_kms_key_arn)}."
  }
  validation {
    # The role is denied all use of those.
    condition     = var.gateway_kms_key_arn == null ? true : !contains(var.data.kms_key_arns, var.gateway_kms_key_arn)
    error_message = "gateway_kms_key_arn: must not be a key of tenants' data (data.kms_key_arns); got ${jsonencode(var.gateway_kms_key_arn)}."
  }
}

variable "token" {
  description = "Which access tokens the functions accept: issuer, where its keys are, and the app client."
  type = object({
    issuer    = string
    jwks_url  = string
    client_id = string
  })
  nullable = false
}

variable "broker_function_arn" {
  description = "The broker, which the tools ask for credentials: exact ARN, without version."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[a-zA-Z0-9_-]+$", var.broker_function_arn))
    error_message = "broker_function_arn: must be the exact ARN of a function, without wildcards; got ${jsonencode(var.broker_function_arn)}."
  }
}

variable "data" {
  description = "Documents bucket and patients table that the tools read with tenants' credentials, and keys that no role here may use."
  type = object({
    documents_bucket = string
    patients_table   = string
    kms_key_arns     = set(string)
  })
  nullable = false
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.data.documents_bucket))
    error_message = "data.documents_bucket: must be the name of a bucket; got ${jsonencode(var.data.documents_bucket)}."
  }
  validation {
    condition     = length(var.data.kms_key_arns) > 0
    error_message = "data.kms_key_arns: must name the key of the data at least; got ${jsonencode(var.data.kms_key_arns)}."
  }
}

variable "tool_arguments" {
  description = "Names of the arguments that each tool takes, by its name on the Gateway (target___tool). The interceptor drops others."
  type        = map(set(string))
  nullable    = false
  validation {
    condition     = length(var.tool_arguments) > 0 && alltrue([for name in keys(var.tool_arguments) : can(regex("^[0-9A-Za-z-]+___[0-9A-Za-z_]+$", name))])
    error_message = "tool_arguments: must have an entry for each tool, by target___tool; got ${jsonencode(keys(var.tool_arguments))}."
  }
}

variable "connectors" {
  description = "Ids of the connectors that AWS runs behind the Gateway's targets."
  type        = set(string)
  default     = []
  nullable    = false
  validation {
    # Each needs rights of its own, and those of others are not known here.
    condition     = length(setsubtract(var.connectors, ["web-search"])) == 0
    error_message = "connectors: must be web-search, the only one whose permissions this module knows; got ${jsonencode(var.connectors)}."
  }
}

variable "interceptor" {
  description = "Size of the interceptor: every call of every tool waits for it. reserved_concurrency is its ceiling too, -1 for none."
  type = object({
    timeout_seconds      = optional(number, 5)
    memory_mb            = optional(number, 512)
    reserved_concurrency = optional(number, -1)
  })
  default  = {}
  nullable = false
  validation {
    condition     = var.interceptor.timeout_seconds >= 1 && var.interceptor.timeout_seconds <= 10
    error_message = "interceptor.timeout_seconds: must be 1-10 (it verifies a token, nothing more); got ${var.interceptor.timeout_seconds}."
  }
}

variable "tools" {
  description = "Size of the tools function. reserved_concurrency is its ceiling too, -1 for none."
  type = object({
    timeout_seconds      = optional(number, 20)
    memory_mb            = optional(number, 1024)
    reserved_concurrency = optional(number, -1)
  })
  default  = {}
  nullable = false
  validation {
    condition     = var.tools.timeout_seconds >= 1 && var.tools.timeout_seconds <= 25
    error_message = "tools.timeout_seconds: must be 1-25 (whoever asked stops at 29 s, interceptor and broker included); got ${var.tools.timeout_seconds}."
  }
}

variable "tags" {
  description = "Tags of roles, functions and log groups."
  type        = map(string)
  default     = {}
  nullable    = false
}
