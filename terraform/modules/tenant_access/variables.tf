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

variable "tiers" {
  description = "Tiers by name, with what the tenant role allows them and what the broker tells the agent. Keys are values of the session tag Tier."
  type = map(object({
    model_id                     = string
    memory_id                    = string # id and ARN may be unknown at plan time, the keys may not
    memory_arn                   = string
    max_output_tokens            = number
    context_window               = number # tokens
    long_term_memory             = bool
    history_turns                = number
    guardrail                    = object({ id = string, arn = string, version = string, message = string })
    price_input_usd_per_million  = number
    price_output_usd_per_million = number
  }))
  nullable = false
  validation {
    condition     = length(var.tiers) >= 1 && length(var.tiers) <= 10
    error_message = "tiers: must be 1-10 (IAM attaches 10 managed policies to a role, one is a tier's); got ${length(var.tiers)}."
  }
  validation {
    condition     = alltrue([for name in keys(var.tiers) : can(regex("^[a-z][a-z0-9]{1,15}$", name))])
    error_message = "tiers: names must match ^[a-z][a-z0-9]{1,15}$; got ${jsonencode(keys(var.tiers))}."
  }
  validation {
    # A wildcard here would open one tier's memory to another.
    condition     = alltrue([for t in values(var.tiers) : can(regex("^arn:aws[a-z-]*:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:memory/[A-Za-z0-9_-]+$", t.memory_arn))])
    error_message = "tiers: memory_arn must be the exact ARN of an AgentCore memory, without wildcards; got ${jsonencode({ for k, t in var.tiers : k => t.memory_arn })}."
  }
  validation {
    condition     = length(distinct([for t in values(var.tiers) : t.memory_arn])) == length(var.tiers)
    error_message = "tiers: memory_arn must differ from tier to tier; got ${jsonencode({ for k, t in var.tiers : k => t.memory_arn })}."
  }
  validation {
    condition     = alltrue([for t in values(var.tiers) : can(regex("^[a-z0-9]+[.][a-z0-9][a-z0-9.:-]{1,100}$", t.model_id))])
    error_message = "tiers: model_id must be a Bedrock model id, without wildcards; got ${jsonencode({ for k, t in var.tiers : k => t.model_id })}."
  }
  validation {
    # DRAFT would change under a session, and the policy below would hold it for the guardrail without version.
    condition     = alltrue([for t in values(var.tiers) : can(regex("^[1-9][0-9]{0,7}$", t.guardrail.version))])
    error_message = "tiers: guardrail.version must be a number, not DRAFT; got ${jsonencode({ for k, t in var.tiers : k => t.guardrail.version })}."
  }
  validation {
    condition     = alltrue([for t in values(var.tiers) : can(regex("^arn:aws[a-z-]*:bedrock:[a-z0-9-]+:[0-9]{12}:guardrail/[a-z0-9-]+$", t.guardrail.arn))])
    error_message = "tiers: guardrail.arn must be the exact ARN of a Bedrock guardrail, without wildcards; got ${jsonencode({ for k, t in var.tiers : k => t.guardrail.arn })}."
  }
}

variable "guardrail_kms_key_arn" {
  description = "Key of the tiers' guardrails, which tenants then may decrypt with; null if AWS's own."
  type        = string
  default     = null
  validation {
    condition     = var.guardrail_kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.guardrail_kms_key_arn))
    error_message = "guardrail_kms_key_arn: must be the ARN of a KMS key or null; got ${jsonencode(var.guardrail_kms_key_arn)}."
  }
  validation {
    # Tenants may decrypt with it without naming a service, so it must not be a key that fences anything else.
    condition = var.guardrail_kms_key_arn == null ? true : !contains(
      [var.data.kms_key_arn, var.registry.kms_key_arn, var.runtime_bundle.kms_key_arn], var.guardrail_kms_key_arn
    )
    error_message = "guardrail_kms_key_arn: must be a key of its own, not that of data, registry or runtime_bundle; got ${jsonencode(var.guardrail_kms_key_arn)}."
  }
}

variable "memory_kms_key_arn" {
  description = "Key of the tiers' memories, which tenants then may use through AgentCore and in no other way; null if AWS's own."
  type        = string
  default     = null
  validation {
    condition     = var.memory_kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.memory_kms_key_arn))
    error_message = "memory_kms_key_arn: must be the ARN of a KMS key or null; got ${jsonencode(var.memory_kms_key_arn)}."
  }
  validation {
    # Nothing but a guardrail may hang on that key.
    condition     = var.memory_kms_key_arn == null ? true : var.guardrail_kms_key_arn == null ? true : var.memory_kms_key_arn != var.guardrail_kms_key_arn
    error_message = "memory_kms_key_arn: must differ from guardrail_kms_key_arn, which tenants use without naming a service; got ${jsonencode(var.memory_kms_key_arn)}."
  }
}

variable "token" {
  description = "Which access tokens the broker accepts: issuer, where its keys are, and the app client."
  type = object({
    issuer    = string
    jwks_url  = string
    client_id = string
  })
  nullable = false
}

variable "registry" {
  description = "Tenant registry that the broker reads."
  type = object({
    table       = string
    table_arn   = string
    kms_key_arn = string
  })
  nullable = false
}

variable "data" {
  description = "Documents bucket and patients table of all clinics, and their key."
  type = object({
    bucket_arn  = string
    table_arn   = string
    kms_key_arn = string
  })
  nullable = false
}

variable "runtime_name" {
  description = "Name of the AgentCore runtime that will use the execution role."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[a-zA-Z][a-zA-Z0-9_]{0,47}$", var.runtime_name))
    error_message = "runtime_name: must be 1-48 letters, digits and underscores, letter first; got ${jsonencode(var.runtime_name)}."
  }
}

variable "runtime_bundle" {
  description = "Published runtime bundle that the execution role may read: bucket, key prefix and the bucket's key."
  type = object({
    bucket      = string
    prefix      = string
    kms_key_arn = string
  })
  nullable = false
  validation {
    condition     = can(regex("^[a-z0-9][A-Za-z0-9._/-]*/$", var.runtime_bundle.prefix))
    error_message = "runtime_bundle.prefix: must be a key prefix that ends in a slash, without wildcards; got ${jsonencode(var.runtime_bundle.prefix)}."
  }
}

variable "runtime_creates_log_groups" {
  description = "Whether the runtime may make its own log groups, which have no retention and not our key. False where module observability makes them: code starts before they are there, and a group that it made would make that module's fail. What is printed until then is lost."
  type        = bool
  default     = true
  nullable    = false
}

variable "session_seconds" {
  description = "Life of tenant credentials. Short, since a suspended clinic's warm sessions go on until they expire."
  type        = number
  default     = 900
  nullable    = false
  validation {
    condition     = var.session_seconds >= 900 && var.session_seconds <= 3600 && floor(var.session_seconds) == var.session_seconds
    error_message = "session_seconds: must be a whole number 900-3600 (STS minimum; role chaining ends at 1 h); got ${var.session_seconds}."
  }
}

variable "broker_reserved_concurrency" {
  description = "Executions kept for the broker, and its ceiling; -1 for none. An account without a raised limit has 10 in all."
  type        = number
  default     = -1
  nullable    = false
  validation {
    condition     = (var.broker_reserved_concurrency >= 1 || var.broker_reserved_concurrency == -1) && floor(var.broker_reserved_concurrency) == var.broker_reserved_concurrency
    error_message = "broker_reserved_concurrency: must be a whole number from 1, or -1 for none (0 would switch the broker off); got ${var.broker_reserved_concurrency}."
  }
}

variable "broker_timeout_seconds" {
  description = "Longest time of one broker call."
  type        = number
  default     = 10
  nullable    = false
  validation {
    condition     = var.broker_timeout_seconds >= 1 && var.broker_timeout_seconds <= 29
    error_message = "broker_timeout_seconds: must be 1-29 (the caller waits, and its own callers stop at 29 s); got ${var.broker_timeout_seconds}."
  }
}

variable "tags" {
  description = "Tags of roles, tiers' policies, and the broker with its log group."
  type        = map(string)
  default     = {}
  nullable    = false
  validation {
    # A role's own tags count as aws:PrincipalTag/..., and their names in any case: one here would be every tenant's.
    condition     = length([for key in keys(var.tags) : key if contains(["clinicid", "tier", "userid"], lower(key))]) == 0
    error_message = "tags: must not hold ClinicId, Tier or UserId in any case, which say whose a session is; got ${jsonencode(var.tags)}."
  }
}
