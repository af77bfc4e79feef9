# All are `any` on purpose. An object type would drop a misspelt key in silence; as decoded, every key can be checked.

variable "tiers" {
  description = "Tiers by name: yamldecode() of catalog/tiers.yaml."
  type        = any
  nullable    = false
  validation {
    condition     = can(keys(var.tiers))
    error_message = "tiers: must be a map of tiers by name, as decoded from tiers.yaml; got ${jsonencode(var.tiers)}."
  }
}

variable "models" {
  description = "Models by id: yamldecode() of catalog/models.yaml."
  type        = any
  nullable    = false
  validation {
    condition     = can(keys(var.models))
    error_message = "models: must be a map of models by id, as decoded from models.yaml; got ${jsonencode(var.models)}."
  }
}

variable "tools" {
  description = "Tools by file name without .json: jsondecode() of each file of catalog/tools/."
  type        = any
  nullable    = false
  validation {
    condition     = can(keys(var.tools))
    error_message = "tools: must be a map of tools by file name, as decoded from tools/*.json; got ${jsonencode(var.tools)}."
  }
}

variable "tiers_schema" {
  description = "Rules of the tiers: jsondecode() of catalog/tiers.schema.json."
  type        = any
  nullable    = false
  validation {
    condition     = can(keys(var.tiers_schema["$defs"].entry.properties)) && can(tostring(var.tiers_schema.propertyNames.pattern))
    error_message = "tiers_schema: must hold $defs.entry.properties and propertyNames.pattern; got the keys ${try(jsonencode(keys(var.tiers_schema)), "none")}."
  }
}

variable "models_schema" {
  description = "Rules of the models: jsondecode() of catalog/models.schema.json."
  type        = any
  nullable    = false
  validation {
    condition     = can(keys(var.models_schema["$defs"].entry.properties)) && can(tostring(var.models_schema.propertyNames.pattern))
    error_message = "models_schema: must hold $defs.entry.properties and propertyNames.pattern; got the keys ${try(jsonencode(keys(var.models_schema)), "none")}."
  }
}

variable "tool_schema" {
  description = "Rules of a tool: jsondecode() of catalog/tool.schema.json."
  type        = any
  nullable    = false
  validation {
    condition     = can(keys(var.tool_schema.properties)) && can(tostring(var.tool_schema.properties.name.pattern))
    error_message = "tool_schema: must hold properties and properties.name.pattern; got the keys ${try(jsonencode(keys(var.tool_schema)), "none")}."
  }
}
