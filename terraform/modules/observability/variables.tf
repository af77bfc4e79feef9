variable "name_prefix" {
  description = "Start of every name, and value of dimension Platform in the agent's metrics (PLATFORM_NAME in its environment)."
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
  description = "AWS Region that everything is made in; some quotas differ by it."
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

variable "tags" {
  description = "Tags of everything that takes tags."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "tiers" {
  description = "Tiers by name: output tiers of module catalog. Each gets alarms and a row of the dashboard."
  type = map(object({
    display_name = string
    limits = object({
      requests_per_second = number
      burst               = number
      requests_per_day    = number
    })
    memory = object({
      strategies = optional(set(string), [])
    })
  }))
  nullable = false
  validation {
    condition     = length(var.tiers) >= 1
    error_message = "tiers: must not be empty; got {}."
  }
  validation {
    # "unknown" is the tier of refusals that no verified identity stands behind.
    condition     = alltrue([for name in keys(var.tiers) : can(regex("^[a-z][a-z0-9]{1,15}$", name)) && name != "unknown"])
    error_message = "tiers: names must match ^[a-z][a-z0-9]{1,15}$ and not be unknown; got ${jsonencode(keys(var.tiers))}."
  }
}

variable "runtime" {
  description = "The agent's runtime: id, ARN, name, and the names of its endpoints. DEFAULT, which every runtime has, is added."
  type = object({
    id        = string
    arn       = string
    name      = string
    endpoints = set(string)
  })
  nullable = false
  validation {
    condition     = length(var.runtime.endpoints) >= 1 && alltrue([for name in var.runtime.endpoints : can(regex("^[a-zA-Z][a-zA-Z0-9_]{0,47}$", name)) && upper(name) != "DEFAULT"])
    error_message = "runtime: endpoints must be at least one, with names of 1-48 letters, digits and underscores, letter first, none of them DEFAULT; got ${jsonencode(var.runtime.endpoints)}."
  }
}

variable "gateway" {
  description = "The gateway that the agent's tools are behind."
  type = object({
    id  = string
    arn = string
  })
  nullable = false
}

variable "memories" {
  description = "Memory of each tier, by tier."
  type = map(object({
    id  = string
    arn = string
  }))
  nullable = false
  validation {
    condition     = sort(keys(var.memories)) == sort(keys(var.tiers))
    error_message = "memories: must have one entry for each of tiers (${join(", ", keys(var.tiers))}); got ${jsonencode(keys(var.memories))}."
  }
}

variable "functions" {
  description = "Names of the platform's Lambda functions. Their log groups are their own modules'."
  type = object({
    broker      = string
    interceptor = string
    tools       = string
    claims      = string
  })
  nullable = false
}

variable "payload_logs" {
  description = "Of runtime, gateway and memory, those whose application logs are delivered. AWS puts requests and answers into them, which here is what patients and clinicians said: none unless an incident needs it, and never without log_kms_key_arn."
  type        = set(string)
  default     = []
  nullable    = false
  validation {
    condition     = length(setsubtract(var.payload_logs, ["gateway", "memory", "runtime"])) == 0
    error_message = "payload_logs: must be some of gateway, memory and runtime; got ${jsonencode(var.payload_logs)}."
  }
  validation {
    condition     = length(var.payload_logs) == 0 || var.log_kms_key_arn != null
    error_message = "payload_logs: need log_kms_key_arn, since they hold what patients and clinicians said; got ${jsonencode(var.payload_logs)} without a key."
  }
}

variable "traces" {
  description = "Whether AgentCore's own spans of runtime, gateway and memories go to X-Ray. They hold ids and times; the account needs Transaction Search to show them."
  type        = bool
  default     = true
  nullable    = false
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
  description = "Key of the log groups, whose policy lets CloudWatch Logs use it (for log groups /aws/bedrock-agentcore/* and /aws/vendedlogs/*); null leaves AWS's own encryption."
  type        = string
  default     = null
  validation {
    condition     = var.log_kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.log_kms_key_arn))
    error_message = "log_kms_key_arn: must be the ARN of a KMS key or null; got ${jsonencode(var.log_kms_key_arn)}."
  }
}

variable "alarm_topic_arns" {
  description = "SNS topics that are told when an alarm changes its state. Without any, alarms only show on the dashboard."
  type        = set(string)
  default     = []
  nullable    = false
  validation {
    condition     = length(var.alarm_topic_arns) <= 5 # CloudWatch takes 5 actions a state
    error_message = "alarm_topic_arns: must be at most 5; got ${length(var.alarm_topic_arns)}."
  }
  validation {
    condition     = alltrue([for arn in var.alarm_topic_arns : can(regex("^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", arn))])
    error_message = "alarm_topic_arns: must be ARNs of SNS topics (no FIFO); got ${jsonencode(var.alarm_topic_arns)}."
  }
}

variable "quotas" {
  description = "What the account may use of AWS: yamldecode() of catalog/quotas.yaml. Raised quotas are written there."
  type = map(object({
    title         = string
    limit         = number
    limit_regions = optional(map(number), {})
    unit          = string
    scope         = string
    adjustable    = bool
    source        = string
    checked_on    = string
  }))
  nullable = false
  validation {
    condition     = sort(keys(var.quotas)) == tolist(["create_event", "invoke_agent_runtime", "lambda_concurrency", "list_memory_records", "runtime_sessions", "tool_calls"])
    error_message = "quotas: must be exactly create_event, invoke_agent_runtime, lambda_concurrency, list_memory_records, runtime_sessions and tool_calls, as in catalog/quotas.yaml; got ${jsonencode(keys(var.quotas))}."
  }
  validation {
    condition     = alltrue([for q in values(var.quotas) : alltrue([for limit in concat([q.limit], values(q.limit_regions)) : limit >= 1])])
    error_message = "quotas: limit and limit_regions must be at least 1; got ${jsonencode({ for name, q in var.quotas : name => concat([q.limit], values(q.limit_regions)) })}."
  }
  validation {
    condition     = alltrue([for name, q in var.quotas : q.unit == (contains(["lambda_concurrency", "runtime_sessions"], name) ? "at_once" : "per_second")])
    error_message = "quotas: unit must be at_once for lambda_concurrency and runtime_sessions and per_second for the others; got ${jsonencode({ for name, q in var.quotas : name => q.unit })}."
  }
}

variable "thresholds" {
  description = "Thresholds by tier, where they are not to be the defaults: error_percent of requests, latency_p95_ms, latency_p99_ms, throttles and cross_tenant_attempts in 5 minutes."
  type = map(object({
    error_percent         = optional(number, 5)
    latency_p95_ms        = optional(number, 20000)
    latency_p99_ms        = optional(number, 45000)
    throttles             = optional(number, 10)
    cross_tenant_attempts = optional(number, 1)
  }))
  default  = {}
  nullable = false
  validation {
    condition     = length(setsubtract(keys(var.thresholds), keys(var.tiers))) == 0
    error_message = "thresholds: must be of tiers that exist (${join(", ", keys(var.tiers))}); got ${jsonencode(keys(var.thresholds))}."
  }
  validation {
    # The alarm rings above the threshold: at 100 it never would.
    condition     = alltrue([for t in values(var.thresholds) : t.error_percent > 0 && t.error_percent <= 50])
    error_message = "thresholds: error_percent must be above 0 and at most 50, or the alarm never rings; got ${jsonencode({ for name, t in var.thresholds : name => t.error_percent })}."
  }
  validation {
    # AWS ends a turn after 15 minutes; nobody waits for a third of that.
    condition     = alltrue([for t in values(var.thresholds) : t.latency_p95_ms >= 1 && t.latency_p99_ms >= t.latency_p95_ms && t.latency_p99_ms <= 300000])
    error_message = "thresholds: latency_p95_ms must be at least 1, and latency_p99_ms not below it and at most 300000 (5 minutes); got ${jsonencode({ for name, t in var.thresholds : name => [t.latency_p95_ms, t.latency_p99_ms] })}."
  }
  validation {
    condition     = alltrue([for t in values(var.thresholds) : t.throttles >= 1 && t.throttles <= 1000 && t.cross_tenant_attempts >= 1 && t.cross_tenant_attempts <= 10])
    error_message = "thresholds: throttles must be 1-1000 and cross_tenant_attempts 1-10, or the alarm never rings; got ${jsonencode({ for name, t in var.thresholds : name => [t.throttles, t.cross_tenant_attempts] })}."
  }
}
