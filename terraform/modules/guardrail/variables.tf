variable "name_prefix" {
  description = "Start of every name."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix: must be 3-20 lower-case letters, digits and inner hyphens, letter first; got ${jsonencode(var.name_prefix)}."
  }
}

variable "tiers" {
  description = "What each tier's guardrail stops, by tier: guardrail of the catalog module's output tiers."
  type = map(object({
    prompt_attack       = string
    filters             = map(object({ input = string, output = string })) # sexual, violence, hate, insults, misconduct
    profanity           = bool
    denied_words        = set(string)
    blocked_information = set(string)
    masked_information  = set(string)
  }))
  nullable = false
  validation {
    condition     = length(var.tiers) >= 1 && alltrue([for name in keys(var.tiers) : can(regex("^[a-z][a-z0-9]{1,15}$", name))])
    error_message = "tiers: must be at least one, with names that match ^[a-z][a-z0-9]{1,15}$; got ${jsonencode(keys(var.tiers))}."
  }
  validation {
    # Off, it would let every question through that talks the model out of its instructions.
    condition     = alltrue([for t in values(var.tiers) : contains(["LOW", "MEDIUM", "HIGH"], t.prompt_attack)])
    error_message = "tiers: prompt_attack must be LOW, MEDIUM or HIGH; got ${jsonencode({ for k, t in var.tiers : k => t.prompt_attack })}."
  }
  validation {
    condition     = alltrue([for t in values(var.tiers) : toset(keys(t.filters)) == toset(["sexual", "violence", "hate", "insults", "misconduct"])])
    error_message = "tiers: filters must be for sexual, violence, hate, insults and misconduct; got ${jsonencode({ for k, t in var.tiers : k => keys(t.filters) })}."
  }
  validation {
    condition     = alltrue(flatten([for t in values(var.tiers) : [for f in values(t.filters) : [for s in values(f) : contains(["NONE", "LOW", "MEDIUM", "HIGH"], s)]]]))
    error_message = "tiers: strengths of filters must be NONE, LOW, MEDIUM or HIGH; got ${jsonencode({ for k, t in var.tiers : k => t.filters })}."
  }
  validation {
    condition     = alltrue([for t in values(var.tiers) : length(setintersection(t.blocked_information, t.masked_information)) == 0])
    error_message = "tiers: a kind of information is either blocked or masked; got both for ${jsonencode({ for k, t in var.tiers : k => setintersection(t.blocked_information, t.masked_information) })}."
  }
}

variable "message" {
  description = "What stands in place of a stopped question or answer. One sentence that a model would not write by itself."
  type        = string
  default     = "The guardrail of the clinic assistant stopped this message."
  nullable    = false
  validation {
    condition     = can(regex("^[!-~][ -~]{19,199}$", var.message))
    error_message = "message: must be 20-200 printable ASCII characters (each tier's settings hold it, and the broker's environment is small); got ${jsonencode(var.message)}."
  }
}

variable "kms_key_arn" {
  description = "Key of the guardrails; null leaves AWS's own encryption. Who calls a model with one needs kms:Decrypt on it."
  type        = string
  default     = null
  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn: must be the ARN of a KMS key or null; got ${jsonencode(var.kms_key_arn)}."
  }
}

variable "tags" {
  description = "Tags of the guardrails; their versions have none."
  type        = map(string)
  default     = {}
  nullable    = false
}
