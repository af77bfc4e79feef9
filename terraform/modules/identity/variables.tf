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

variable "protect_data" {
  description = "Whether AWS refuses to delete what holds data. False only where data is disposable."
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

variable "password_sign_in" {
  description = "Whether programs may sign in with user name and password. For laptops and tests: it goes round the browser and its protections."
  type        = bool
  default     = false
  nullable    = false
}

variable "mfa" {
  description = "Second factor (an authenticator app): OFF, OPTIONAL or ON (required of everybody)."
  type        = string
  default     = "ON"
  nullable    = false
  validation {
    condition     = contains(["OFF", "OPTIONAL", "ON"], var.mfa)
    error_message = "mfa: must be OFF, OPTIONAL or ON; got ${jsonencode(var.mfa)}."
  }
}

variable "account_recovery" {
  description = "How a forgotten password is replaced: verified_email (by the user) or admin_only."
  type        = string
  default     = "admin_only"
  nullable    = false
  validation {
    condition     = contains(["verified_email", "admin_only"], var.account_recovery)
    error_message = "account_recovery: must be verified_email or admin_only; got ${jsonencode(var.account_recovery)}."
  }
}

variable "access_token_minutes" {
  description = "Life of an access token. It bounds how long a suspended user can go on: revoking does not end access tokens."
  type        = number
  default     = 10
  nullable    = false
  validation {
    condition     = var.access_token_minutes >= 5 && var.access_token_minutes <= 60 && floor(var.access_token_minutes) == var.access_token_minutes
    error_message = "access_token_minutes: must be a whole number 5-60 (5 is Cognito's minimum); got ${var.access_token_minutes}."
  }
}

variable "refresh_token_hours" {
  description = "Life of a refresh token: after it, the user signs in again."
  type        = number
  default     = 12
  nullable    = false
  validation {
    condition     = var.refresh_token_hours >= 1 && var.refresh_token_hours <= 720 && floor(var.refresh_token_hours) == var.refresh_token_hours
    error_message = "refresh_token_hours: must be a whole number 1-720; got ${var.refresh_token_hours}."
  }
}

variable "callback_urls" {
  description = "Where the browser may return to after sign-in. Empty: no browser sign-in."
  type        = set(string)
  default     = []
  nullable    = false
  validation {
    condition     = alltrue([for u in var.callback_urls : can(regex("^(https://[^#*]+|http://(localhost|127[.]0[.]0[.]1)(:[0-9]+)?(/[^#*]*)?)$", u))])
    error_message = "callback_urls: must be https (http only for localhost), without fragment or wildcard; got ${jsonencode(var.callback_urls)}."
  }
}

variable "logout_urls" {
  description = "Where the browser may return to after sign-out."
  type        = set(string)
  default     = []
  nullable    = false
  validation {
    condition     = alltrue([for u in var.logout_urls : can(regex("^(https://[^#*]+|http://(localhost|127[.]0[.]0[.]1)(:[0-9]+)?(/[^#*]*)?)$", u))])
    error_message = "logout_urls: must be https (http only for localhost), without fragment or wildcard; got ${jsonencode(var.logout_urls)}."
  }
}

variable "domain" {
  description = "Prefix of the sign-in pages' host name, unique in the Region; null for none."
  type        = string
  default     = null
  validation {
    condition     = var.domain == null || can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.domain))
    error_message = "domain: must be 1-63 lower-case letters, digits and inner hyphens, or null; got ${jsonencode(var.domain)}."
  }
  validation {
    # can(): null has no such words.
    condition     = !can(regex("aws|amazon|cognito", var.domain))
    error_message = "domain: must not hold the words aws, amazon or cognito (Cognito refuses them); got ${jsonencode(var.domain)}."
  }
}

variable "oidc_base_url" {
  description = "URL below which /<pool id>/.well-known/ is served, without a trailing slash; null for Cognito's own."
  type        = string
  default     = null
  validation {
    condition     = var.oidc_base_url == null || can(regex("^https?://[^/?#]+(/[^?#]*[^/?#])?$", var.oidc_base_url))
    error_message = "oidc_base_url: must be a URL without query, fragment and trailing slash, or null; got ${jsonencode(var.oidc_base_url)}."
  }
}

variable "tags" {
  description = "Tags of user pool, registry, key, and the claims function with its role and log group."
  type        = map(string)
  default     = {}
  nullable    = false
}
