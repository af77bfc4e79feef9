# Formats are checked by the modules that use them; here stands what joins several inputs.

variable "name_prefix" {
  description = "Start of every name. Permanent: most of these resources cannot be renamed."
  type        = string
  nullable    = false
}

variable "account_id" {
  description = "AWS account that everything is made in."
  type        = string
  nullable    = false
}

variable "region" {
  description = "AWS Region that everything is made in."
  type        = string
  nullable    = false
}

variable "partition" {
  description = "AWS partition, the second part of every ARN."
  type        = string
  default     = "aws"
  nullable    = false
}

variable "tiers" {
  description = "Tiers by name: output tiers of the catalog module."
  type = map(object({
    model_id          = string
    max_output_tokens = number
    history_turns     = number
    memory            = object({ strategies = set(string) })
    model = object({
      context_window_tokens        = number
      price_input_usd_per_million  = number
      price_output_usd_per_million = number
    })
    guardrail = object({
      prompt_attack       = string
      filters             = map(object({ input = string, output = string }))
      profanity           = bool
      denied_words        = set(string)
      blocked_information = set(string)
      masked_information  = set(string)
    })
  }))
  nullable = false
}

variable "tools" {
  description = "Tools by name: output tools of the catalog module."
  type = map(object({
    wire_name    = string
    connector_id = string
    properties   = map(object({ type = string, description = string, required = bool }))
  }))
  nullable = false
}

variable "memories" {
  description = "AgentCore memory by tier: output memories of the agentcore module. Ids and ARNs may be unknown at plan time."
  type        = map(object({ id = string, arn = string }))
  nullable    = false
  validation {
    condition     = toset(keys(var.memories)) == toset(keys(var.tiers))
    error_message = "memories: must have exactly the tiers ${join(", ", keys(var.tiers))}; got ${jsonencode(keys(var.memories))}."
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
}

variable "runtime_bundle" {
  description = "Where the execution role finds runtime bundles: bucket, key prefix of all versions (an endpoint may stay on an older one), and the bucket's key."
  type = object({
    bucket      = string
    prefix      = string
    kms_key_arn = string
  })
  nullable = false
}

variable "sign_in" {
  description = "How users sign in: second factor, password sign-in for programs (laptops and tests), life of tokens, where browsers may return to, host name of the sign-in pages, and where the discovery document is (null: Cognito's own)."
  type = object({
    mfa                  = optional(string, "ON")
    password             = optional(bool, false)
    account_recovery     = optional(string, "admin_only")
    access_token_minutes = optional(number, 10)
    refresh_token_hours  = optional(number, 12)
    callback_urls        = optional(set(string), [])
    logout_urls          = optional(set(string), [])
    domain               = optional(string)
    oidc_base_url        = optional(string)
  })
  default  = {}
  nullable = false
}

variable "tenant_session_seconds" {
  description = "Life of tenant credentials. Short, since a suspended clinic's warm sessions go on until they expire."
  type        = number
  default     = 900
  nullable    = false
}

variable "concurrency" {
  description = "Executions kept for each function, and its ceiling; -1 for none."
  type = object({
    broker      = optional(number, -1)
    interceptor = optional(number, -1)
    tools       = optional(number, -1)
  })
  default  = {}
  nullable = false
}

variable "protect_data" {
  description = "Whether AWS refuses to delete what holds data. False only where data is disposable."
  type        = bool
  default     = true
  nullable    = false
}

variable "kms_deletion_window_days" {
  description = "Days between destroying a key and its deletion, in which it can be brought back."
  type        = number
  default     = 30
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that log events are kept."
  type        = number
  default     = 90
  nullable    = false
}

variable "log_kms_key_arn" {
  description = "Key of the log groups, whose policy lets CloudWatch Logs use it; null leaves AWS's own encryption."
  type        = string
  default     = null
}

variable "runtime_creates_log_groups" {
  description = "Whether the runtime may make its own log groups, which have no retention and not our key. False where module observability makes them: code starts before they are there, and a group that it made would make that module's fail. What is printed until then is lost."
  type        = bool
  default     = true
  nullable    = false
}

variable "agentcore_kms_key_arn" {
  description = "Key of memories and gateway, which tenants' sessions and the gateway's role then may use; null if AWS's own."
  type        = string
  default     = null
}

variable "guardrail_kms_key_arn" {
  description = "Key of the tiers' guardrails, which tenants then may decrypt with; null leaves AWS's own encryption."
  type        = string
  default     = null
}

variable "aws_endpoint_url" {
  description = "Endpoint that functions call instead of AWS, on a laptop; null on AWS."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of everything; Module is added, unless there are none."
  type        = map(string)
  default     = {}
  nullable    = false
  validation {
    condition     = !contains(keys(var.tags), "Module")
    error_message = "tags: must not hold Module, which each module gets by itself; got ${jsonencode(var.tags)}."
  }
}
