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
  description = "Start of every name; bootstrap was applied with the same."
  type        = string
  nullable    = false
}

variable "agent_version" {
  description = "Published version of the agent, which Lambdas and runtime have in common."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[0-9]+[.][0-9]+[.][0-9]+([a-z0-9.+-]*)$", var.agent_version))
    error_message = "agent_version: must be a version such as 1.4.0; got ${jsonencode(var.agent_version)}."
  }
}

variable "artifacts" {
  description = "Bundles of that version, from its manifest: bucket, keys, SHA-256 (hex) of the Lambdas' and what it was built for."
  type = object({
    bucket         = string
    runtime        = object({ key = string })
    lambda         = object({ key = string, sha256 = string })
    lambda_runtime = string # of Lambda, such as python3.11
    architecture   = string
  })
  nullable = false
  validation {
    condition     = alltrue([for a in [var.artifacts.runtime, var.artifacts.lambda] : strcontains(a.key, "/${var.agent_version}/")])
    error_message = "artifacts: keys must be of agent_version ${var.agent_version}; got ${var.artifacts.runtime.key} and ${var.artifacts.lambda.key}."
  }
}

variable "catalog_dir" {
  description = "Folder of the catalog; null for the repository's own."
  type        = string
  default     = null
  validation {
    condition     = var.catalog_dir == null || alltrue([for f in ["tiers.yaml", "models.yaml", "tiers.schema.json", "models.schema.json", "tool.schema.json"] : fileexists("${coalesce(var.catalog_dir, ".")}/${f}")])
    error_message = "catalog_dir: must be a folder with tiers.yaml, models.yaml, tools/ and the schemas; got ${jsonencode(var.catalog_dir)}."
  }
}

variable "memories" {
  description = "AgentCore memory by tier: one for every tier of the catalog, and no other."
  type        = map(object({ id = string, arn = string }))
  nullable    = false
  validation {
    condition     = toset(keys(var.memories)) == toset(keys(yamldecode(file("${coalesce(var.catalog_dir, "${path.root}/../../../catalog")}/tiers.yaml"))))
    error_message = "memories: must have exactly the tiers of the catalog's tiers.yaml; got ${jsonencode(keys(var.memories))}."
  }
}

variable "oidc_base_url" {
  description = "URL below which the emulator serves /<pool id>/.well-known/; null for Cognito's own."
  type        = string
  default     = null
}

variable "aws_endpoint_url" {
  description = "Endpoint that Lambdas call instead of AWS; null on AWS."
  type        = string
  default     = null
}

variable "password_sign_in" {
  description = "Whether programs may sign in with user name and password."
  type        = bool
  default     = true
  nullable    = false
}
