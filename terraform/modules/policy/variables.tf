variable "name_prefix" {
  description = "Start of every name. Permanent: engine and policies cannot be renamed."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix: must be 3-20 lower-case letters, digits and inner hyphens, letter first; got ${jsonencode(var.name_prefix)}."
  }
}

variable "gateway_arn" {
  description = "ARN of the gateway that the policies are for. A policy that names actions has to name the gateway too."
  type        = string
  nullable    = false
  validation {
    # It stands between quotes in Cedar: no quote, no wildcard.
    condition     = can(regex("^arn:aws[a-z-]*:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:gateway/[0-9A-Za-z-]+$", var.gateway_arn))
    error_message = "gateway_arn: must be the exact ARN of an AgentCore gateway; got ${jsonencode(var.gateway_arn)}."
  }
}

variable "target_ids" {
  description = "Ids of the gateway's targets by name. Policies wait for them: one that names a tool which the gateway does not have yet is refused."
  type        = map(string)
  nullable    = false
  validation {
    condition     = length(var.target_ids) >= 1
    error_message = "target_ids: must not be empty; got {}."
  }
}

variable "tiers" {
  description = "Tiers by name: wire names of the tools (<target>___<tool>) that the tier may call, and the whole hours (UTC) in which it may; null for always."
  type = map(object({
    wire_names       = set(string)
    access_hours_utc = optional(object({ from = number, to = number }))
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
    condition     = alltrue([for t in values(var.tiers) : length(t.wire_names) >= 1])
    error_message = "tiers: wire_names must not be empty, a tier without a policy can do nothing; got ${jsonencode({ for name, t in var.tiers : name => t.wire_names })}."
  }
  validation {
    # They stand between quotes in Cedar, and a misspelt name is no error there but a denial.
    condition     = alltrue([for t in values(var.tiers) : alltrue([for a in t.wire_names : can(regex("^[0-9a-zA-Z-]{1,100}___[a-zA-Z][a-zA-Z0-9_-]*$", a))])])
    error_message = "tiers: wire_names must be <target>___<tool>, such as clinic-data___get_patient; got ${jsonencode({ for name, t in var.tiers : name => t.wire_names })}."
  }
  validation {
    condition     = alltrue(flatten([for t in values(var.tiers) : [for a in t.wire_names : contains(keys(var.target_ids), split("___", a)[0])]]))
    error_message = "tiers: wire_names must be of the targets ${join(", ", keys(var.target_ids))}; got ${jsonencode({ for name, t in var.tiers : name => t.wire_names })}."
  }
  validation {
    condition = alltrue([for t in values(var.tiers) : t.access_hours_utc == null ? true : (
      t.access_hours_utc.from >= 0 && t.access_hours_utc.from < t.access_hours_utc.to && t.access_hours_utc.to <= 24 &&
      floor(t.access_hours_utc.from) == t.access_hours_utc.from && floor(t.access_hours_utc.to) == t.access_hours_utc.to
    )])
    error_message = "tiers: access_hours_utc must be whole hours with 0 <= from < to <= 24 (a night is two tiers or none); got ${jsonencode({ for name, t in var.tiers : name => t.access_hours_utc })}."
  }
}

variable "template" {
  description = "Text of the Cedar template: one statement, with tier, wire_names (a list), gateway_arn and hours (null, or from and to)."
  type        = string
  nullable    = false
  validation {
    condition     = alltrue([for name in ["tier", "wire_names", "gateway_arn", "hours"] : can(regex("[$%]\\{[^}]*\\b${name}\\b", var.template))])
    error_message = "template: must use tier, wire_names, gateway_arn and hours; got ${length(var.template)} characters that start ${jsonencode(substr(var.template, 0, 60))}."
  }
}

variable "kms_key_arn" {
  description = "Key of the policy engine; null leaves AWS's own. Permanent: another key makes a new engine, and the gateway denies everything meanwhile."
  type        = string
  default     = null
  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]{36}$", var.kms_key_arn))
    error_message = "kms_key_arn: must be the ARN of a KMS key or null; got ${jsonencode(var.kms_key_arn)}."
  }
}

variable "tags" {
  description = "Tags of the policy engine; policies have none."
  type        = map(string)
  default     = {}
  nullable    = false
}
