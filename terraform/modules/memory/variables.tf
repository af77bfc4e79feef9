variable "name_prefix" {
  description = "Start of every name. Permanent: a memory cannot be renamed, and a new one is empty."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix: must be 3-20 lower-case letters, digits and inner hyphens, letter first; got ${jsonencode(var.name_prefix)}."
  }
}

variable "tiers" {
  description = "Tiers by name: days that events are kept, and which of `strategies` extract long-term records. A name is permanent."
  type = map(object({
    retention_days = number
    strategies     = optional(set(string), [])
  }))
  nullable = false
  validation {
    condition     = length(var.tiers) >= 1
    error_message = "tiers: must not be empty; got {}."
  }
  validation {
    condition     = alltrue([for name in keys(var.tiers) : can(regex("^[a-z][a-z0-9]{1,15}$", name))])
    error_message = "tiers: names must match ^[a-z][a-z0-9]{1,15}$; got ${jsonencode(keys(var.tiers))}."
  }
  validation {
    # The API takes 3-3650; the provider and CloudFormation take less, and 7-365 is what all of them take.
    condition     = alltrue([for t in values(var.tiers) : t.retention_days >= 7 && t.retention_days <= 365 && floor(t.retention_days) == t.retention_days])
    error_message = "tiers: retention_days must be whole days, 7-365; got ${jsonencode({ for name, t in var.tiers : name => t.retention_days })}."
  }
  validation {
    condition     = alltrue([for t in values(var.tiers) : length(setsubtract(t.strategies, keys(var.strategies))) == 0])
    error_message = "tiers: strategies must be some of ${join(", ", keys(var.strategies))}; got ${jsonencode({ for name, t in var.tiers : name => t.strategies })}."
  }
}

variable "strategies" {
  description = "Kinds of long-term memory by name: built-in type, and the namespace that its records go to."
  type = map(object({
    type               = string
    namespace_template = string
  }))
  default = {
    preferences = { type = "USER_PREFERENCE", namespace_template = "/actors/{actorId}/preferences/" }
    facts       = { type = "SEMANTIC", namespace_template = "/actors/{actorId}/facts/" }
    summaries   = { type = "SUMMARIZATION", namespace_template = "/actors/{actorId}/summaries/{sessionId}/" }
  }
  nullable = false
  validation {
    condition     = alltrue([for name in keys(var.strategies) : can(regex("^[a-zA-Z][a-zA-Z0-9_]{0,47}$", name))])
    error_message = "strategies: names must be 1-48 letters, digits and underscores, letter first; got ${jsonencode(keys(var.strategies))}."
  }
  validation {
    # EPISODIC needs a reflection namespace, CUSTOM a model and a role: neither is offered here.
    condition     = alltrue([for s in values(var.strategies) : contains(["SEMANTIC", "SUMMARIZATION", "USER_PREFERENCE"], s.type)])
    error_message = "strategies: type must be SEMANTIC, SUMMARIZATION or USER_PREFERENCE; got ${jsonencode({ for name, s in var.strategies : name => s.type })}."
  }
  validation {
    condition     = length(distinct([for s in values(var.strategies) : s.type])) == length(var.strategies)
    error_message = "strategies: type must differ, since a memory takes one strategy of each built-in type; got ${jsonencode({ for name, s in var.strategies : name => s.type })}."
  }
  validation {
    # The tenant role reads below its own /actors/<clinic>/<user>/ and nowhere else. Without the last slash one actor's
    # namespace would be the beginning of another's.
    condition     = alltrue([for s in values(var.strategies) : can(regex("^/actors/\\{actorId\\}/([a-zA-Z0-9_-]+/|\\{(sessionId|memoryStrategyId)\\}/)+$", s.namespace_template)) && length(s.namespace_template) <= 512])
    error_message = "strategies: namespace_template must start with /actors/{actorId}/, go on with at least one part and end with a slash; got ${jsonencode({ for name, s in var.strategies : name => s.namespace_template })}."
  }
}

variable "kms_key_arn" {
  description = "Key of the memories; null leaves AWS's own. Permanent: another key makes new, empty memories."
  type        = string
  default     = null
  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn: must be the ARN of a KMS key or null; got ${jsonencode(var.kms_key_arn)}."
  }
}

variable "tags" {
  description = "Tags of the memories; Tier is added."
  type        = map(string)
  default     = {}
  nullable    = false
  validation {
    condition     = !contains(keys(var.tags), "Tier")
    error_message = "tags: must not hold Tier, which is the tier's own; got ${jsonencode(var.tags)}."
  }
}
