# Formats are checked by the modules that use them; here stands what joins several inputs.

variable "region" {
  description = "AWS Region."
  type        = string
  nullable    = false
}

variable "account_id" {
  description = "AWS account, 12 digits."
  type        = string
  nullable    = false
}

variable "partition" {
  description = "AWS partition, the second part of every ARN."
  type        = string
  default     = "aws"
  nullable    = false
}

variable "name_prefix" {
  description = "Start of every name; the foundation was applied with the same."
  type        = string
  nullable    = false
}

variable "agent_version" {
  description = "Published version of the agent."
  type        = string
  nullable    = false
}

variable "artifacts" {
  description = "Runtime bundle of that version, from its manifest: bucket, key, SHA-256 (hex) and the Python it was built for, as AgentCore names it."
  type = object({
    bucket       = string
    runtime      = object({ key = string, sha256 = string })
    runtime_name = string
  })
  nullable = false
}

variable "endpoints" {
  description = "Version of the runtime that each endpoint serves, by endpoint name."
  type        = map(string)
  default     = { live = "1", candidate = "1" }
  nullable    = false
}

variable "policy_mode" {
  description = "ENFORCE, or LOG_ONLY to see what the policies would decide."
  type        = string
  default     = "ENFORCE"
  nullable    = false
}

variable "catalog_dir" {
  description = "Folder of the catalog, absolute; null for the repository's."
  type        = string
  default     = null
  validation {
    # fileset() of a missing folder is empty, and would plan a gateway without tools.
    condition     = var.catalog_dir == null ? true : fileexists("${var.catalog_dir}/tiers.yaml")
    error_message = "catalog_dir: must hold tiers.yaml; got ${jsonencode(var.catalog_dir)}."
  }
}

variable "aws_endpoint_url" {
  description = "Endpoint that the agent calls instead of AWS; null on AWS."
  type        = string
  default     = null
}

variable "gateway_base_url" {
  description = "Where the agent finds the gateway's stand-in, in place of scheme and host of the gateway's URL; null on AWS."
  type        = string
  default     = null
  validation {
    condition     = var.gateway_base_url == null ? true : can(regex("^(https://[^\\s?#@/]+|http://(127[.]0[.]0[.]1|localhost|\\[::1\\])(:[0-9]{1,5})?)$", var.gateway_base_url))
    error_message = "gateway_base_url: must be a scheme and host without a path, https or on the loopback; got ${jsonencode(var.gateway_base_url)}."
  }
}

variable "foundation" {
  description = "What the foundation root made. Null only for `-target=module.agentcore.module.memory`, which comes first: the foundation's roles name the memories."
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
  default = null
  validation {
    # Terraform does not look at it with -target=module.agentcore.module.memory, since nothing there depends on this variable.
    condition     = var.foundation != null
    error_message = "foundation: must be the foundation's outputs, but for -target=module.agentcore.module.memory; got null."
  }
  validation {
    condition = var.foundation == null ? true : alltrue([
      for name, value in var.foundation : startswith(value, "arn:${var.partition}:") && strcontains(value, ":${var.account_id}:") if endswith(name, "_arn")
    ])
    error_message = "foundation: ARNs must be of partition ${var.partition} and account ${var.account_id}; got ${var.foundation == null ? "null" : jsonencode({ for name, value in var.foundation : name => value if endswith(name, "_arn") })}."
  }
}
