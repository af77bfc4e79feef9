# Formats are checked by the modules that use them; here stands what joins several inputs.

variable "name_prefix" {
  description = "Start of every name. Permanent: a memory cannot be renamed, and a new one is empty."
  type        = string
  nullable    = false
}

variable "account_id" {
  description = "AWS account, 12 digits."
  type        = string
  nullable    = false
}

variable "region" {
  description = "AWS Region, which the agent is told."
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
    tools            = set(string)
    access_hours_utc = object({ from = number, to = number }) # null: always
    memory           = object({ retention_days = number, strategies = set(string) })
  }))
  nullable = false
}

variable "tools" {
  description = "Tools by name: output tools of the catalog module."
  type = map(object({
    target       = string
    wire_tool    = string
    description  = string
    connector_id = string # null: a tool of the platform's own function
    properties   = map(object({ type = string, description = string, required = bool }))
  }))
  nullable = false
}

variable "policy_template" {
  description = "Text of the Cedar template of a tier: catalog/policies/tier.cedar.tftpl."
  type        = string
  nullable    = false
}

variable "foundation" {
  description = "Output agentcore of the foundation module. The memories do not depend on it."
  type = object({
    issuer                   = string
    discovery_url            = string
    jwks_url                 = string
    client_id                = string
    execution_role_arn       = string
    gateway_role_arn         = string
    broker_function_arn      = string
    interceptor_function_arn = string
    tools_function_arn       = string
  })
  nullable = false
  validation {
    condition = alltrue([
      for name, value in var.foundation : startswith(value, "arn:${var.partition}:") && strcontains(value, ":${var.account_id}:") if endswith(name, "_arn")
    ])
    error_message = "foundation: ARNs must be of partition ${var.partition} and account ${var.account_id}; got ${jsonencode({ for name, value in var.foundation : name => value if endswith(name, "_arn") })}."
  }
}

variable "agent_version" {
  description = "Published version of the agent."
  type        = string
  nullable    = false
}

variable "bundle" {
  description = "Runtime bundle of that version: bucket, key, SHA-256 (hex) and the Python it was built for, as AgentCore names it."
  type = object({
    bucket  = string
    key     = string
    sha256  = string
    runtime = string
  })
  nullable = false
}

variable "endpoints" {
  description = "Version of the runtime that each endpoint serves, by endpoint name."
  type        = map(string)
  nullable    = false
}

variable "coming_version" {
  description = "Number of the version that this apply must make, where endpoints name it already: agent and platform change their contract together. Null where endpoints serve what is there."
  type        = string
  default     = null
}

variable "network" {
  description = "PUBLIC, or VPC with subnets and security groups of the caller's."
  type = object({
    mode            = string
    subnets         = optional(set(string), [])
    security_groups = optional(set(string), [])
  })
  default  = { mode = "PUBLIC" }
  nullable = false
}

variable "production" {
  description = "Whether real tenants use it. What weakens a control is then refused."
  type        = bool
  default     = true
  nullable    = false
}

variable "policy_mode" {
  description = "ENFORCE, or LOG_ONLY to see what the policies would decide."
  type        = string
  default     = "ENFORCE"
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key of memories, gateway and policy engine; null leaves AWS's own. Permanent: another key makes new, empty memories."
  type        = string
  default     = null
}

variable "aws_endpoint_url" {
  description = "Endpoint that the agent calls instead of AWS, on a laptop; null on AWS."
  type        = string
  default     = null
}

variable "gateway_base_url" {
  description = "Where the agent finds the gateway's stand-in, in place of scheme and host of the gateway's URL; null on AWS."
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
