variable "name_prefix" {
  description = "Start of every name."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix: must be 3-20 lower-case letters, digits and inner hyphens, letter first; got ${jsonencode(var.name_prefix)}."
  }
  validation {
    # The service takes ([0-9a-zA-Z][-]?){1,48}.
    condition     = !strcontains(var.name_prefix, "--")
    error_message = "name_prefix: must not hold two hyphens in a row, gateways cannot; got ${jsonencode(var.name_prefix)}."
  }
}

variable "role_arn" {
  description = "Role that the gateway calls targets, interceptor and policy engine with. Pass an output that waits for the role's policy: the service tries it at once."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$", var.role_arn))
    error_message = "role_arn: must be the ARN of a role; got ${jsonencode(var.role_arn)}."
  }
}

variable "authorizer" {
  description = "Whose access tokens are let in: the issuer's discovery document, its app clients, and the tiers, of which claim tiers has to name one."
  type = object({
    discovery_url   = string
    allowed_clients = set(string)
    tiers           = set(string)
  })
  nullable = false
  validation {
    # Keys that come over plain HTTP are anybody's; on the loopback nobody is between.
    condition     = can(regex("^(https://[^\\s?#@/]+|http://(127[.]0[.]0[.]1|localhost|\\[::1\\])(:[0-9]{1,5})?)(/[^\\s?#]+)*/[.]well-known/(openid-configuration|oauth-authorization-server)(/[^\\s?#]+)?$", var.authorizer.discovery_url))
    error_message = "authorizer.discovery_url: must be https (http on the loopback only) and a /.well-known/openid-configuration without query; got ${jsonencode(var.authorizer.discovery_url)}."
  }
  validation {
    condition     = length(var.authorizer.allowed_clients) >= 1 && alltrue([for c in var.authorizer.allowed_clients : can(regex("^[a-zA-Z0-9_+-]{1,128}$", c))])
    error_message = "authorizer.allowed_clients: must be one client id or more; got ${jsonencode(var.authorizer.allowed_clients)}."
  }
  validation {
    condition     = length(var.authorizer.tiers) >= 1 && alltrue([for t in var.authorizer.tiers : can(regex("^[a-z][a-z0-9]{1,15}$", t))])
    error_message = "authorizer.tiers: must be one name or more that matches ^[a-z][a-z0-9]{1,15}$; got ${jsonencode(var.authorizer.tiers)}."
  }
}

variable "interceptor_function_arn" {
  description = "Lambda function that sees each request before the policies do: verifies the token and sets the headers that targets may see."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[a-zA-Z0-9_-]+(:[a-zA-Z0-9_$-]+)?$", var.interceptor_function_arn))
    error_message = "interceptor_function_arn: must be the ARN of a Lambda function; got ${jsonencode(var.interceptor_function_arn)}."
  }
}

variable "policy_engine_arn" {
  description = "Policy engine that decides every call."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^arn:aws[a-z-]*:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:policy-engine/[a-zA-Z0-9_-]+$", var.policy_engine_arn))
    error_message = "policy_engine_arn: must be the ARN of an AgentCore policy engine; got ${jsonencode(var.policy_engine_arn)}."
  }
}

variable "production" {
  description = "Whether real tenants use it. What weakens a control is then refused."
  type        = bool
  default     = true
  nullable    = false
}

variable "policy_mode" {
  description = "ENFORCE, or LOG_ONLY to try policies out: every call that the authorizer lets in is then made, whatever they say."
  type        = string
  default     = "ENFORCE"
  nullable    = false
  validation {
    condition     = contains(["ENFORCE", "LOG_ONLY"], var.policy_mode)
    error_message = "policy_mode: must be ENFORCE or LOG_ONLY; got ${jsonencode(var.policy_mode)}."
  }
  validation {
    condition     = !(var.production && var.policy_mode == "LOG_ONLY")
    error_message = "policy_mode: must be ENFORCE in production; got ${jsonencode(var.policy_mode)}."
  }
}

variable "session_timeout_seconds" {
  description = "Life of an MCP session."
  type        = number
  default     = 3600
  nullable    = false
  validation {
    condition     = var.session_timeout_seconds >= 900 && var.session_timeout_seconds <= 28800 && floor(var.session_timeout_seconds) == var.session_timeout_seconds
    error_message = "session_timeout_seconds: must be a whole number 900-28800; got ${var.session_timeout_seconds}."
  }
}

variable "targets" {
  description = "Where tools are, by target name (permanent: policies name it): a Lambda function, or a connector of AWS's, the headers that a function may see, and the tools by name. wire_tool is a connector's own name of the tool."
  type = map(object({
    description         = optional(string)
    lambda_function_arn = optional(string)
    connector_id        = optional(string)
    connector_version   = optional(string) # null: AWS's newest when the target is made
    request_headers     = optional(set(string), [])
    tools = map(object({
      description = string
      wire_tool   = optional(string) # null: as the tool is called here
      properties = optional(map(object({
        type        = string
        description = optional(string)
        required    = optional(bool, false)
      })), {})
    }))
  }))
  nullable = false
  validation {
    condition     = length(var.targets) >= 1 && length(var.targets) <= 100
    error_message = "targets: must be 1-100; got ${length(var.targets)}."
  }
  validation {
    condition     = alltrue([for name in keys(var.targets) : can(regex("^([0-9a-zA-Z]-?){1,100}$", name))])
    error_message = "targets: names must be up to 100 letters and digits with single hyphens; got ${jsonencode(keys(var.targets))}."
  }
  validation {
    condition     = alltrue([for t in values(var.targets) : t.description == null ? true : length(t.description) >= 1 && length(t.description) <= 200])
    error_message = "targets: description must have 1-200 characters; got ${jsonencode({ for name, t in var.targets : name => t.description })}."
  }
  validation {
    condition     = alltrue([for t in values(var.targets) : (t.lambda_function_arn == null) != (t.connector_id == null)])
    error_message = "targets: must have lambda_function_arn or connector_id, and not both; got ${jsonencode({ for name, t in var.targets : name => [t.lambda_function_arn, t.connector_id] })}."
  }
  validation {
    condition     = alltrue([for t in values(var.targets) : t.lambda_function_arn == null ? true : can(regex("^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[a-zA-Z0-9_-]+(:[a-zA-Z0-9_$-]+)?$", t.lambda_function_arn))])
    error_message = "targets: lambda_function_arn must be the ARN of a Lambda function; got ${jsonencode({ for name, t in var.targets : name => t.lambda_function_arn })}."
  }
  validation {
    condition     = alltrue([for t in values(var.targets) : t.connector_version == null ? true : t.connector_id != null && can(regex("^(0|[1-9][0-9]*)([.](0|[1-9][0-9]*)){2}$", t.connector_version))])
    error_message = "targets: connector_version must be a version such as 1.2.0, of a connector; got ${jsonencode({ for name, t in var.targets : name => t.connector_version })}."
  }
  validation {
    condition     = alltrue([for t in values(var.targets) : length(t.tools) >= 1])
    error_message = "targets: tools must not be empty; got ${jsonencode({ for name, t in var.targets : name => keys(t.tools) })}."
  }
  validation {
    # The model and the client see the tool by this name, without the target.
    condition     = alltrue(flatten([for t in values(var.targets) : [for name in keys(t.tools) : can(regex("^[a-z][a-z0-9]*(_[a-z0-9]+)*$", name)) && length(name) <= 64]]))
    error_message = "targets: tools must have names in snake_case of up to 64 characters; got ${jsonencode({ for name, t in var.targets : name => keys(t.tools) })}."
  }
  validation {
    condition     = length(distinct(flatten([for t in values(var.targets) : keys(t.tools)]))) == length(flatten([for t in values(var.targets) : keys(t.tools)]))
    error_message = "targets: tools must differ in name, whatever the target; got ${jsonencode({ for name, t in var.targets : name => keys(t.tools) })}."
  }
  validation {
    # Three underscores join target and tool in the names that policies compare.
    condition     = alltrue(flatten([for t in values(var.targets) : [for name, tool in t.tools : tool.wire_tool == null ? true : t.connector_id == null ? tool.wire_tool == name : can(regex("^[a-zA-Z][a-zA-Z0-9-]{0,63}$", tool.wire_tool))]]))
    error_message = "targets: wire_tool must be up to 64 letters, digits and hyphens for a connector, and the tool's name for a function; got ${jsonencode({ for name, t in var.targets : name => { for n, tool in t.tools : n => tool.wire_tool } })}."
  }
  validation {
    condition     = alltrue(flatten([for t in values(var.targets) : [for tool in values(t.tools) : length(tool.description) >= 1 && length(tool.description) <= 2000]]))
    error_message = "targets: tools must have a description of 1-2000 characters; got ${jsonencode({ for name, t in var.targets : name => { for n, tool in t.tools : n => length(tool.description) } })}."
  }
  validation {
    condition     = alltrue(flatten([for t in values(var.targets) : [for tool in values(t.tools) : [for p in values(tool.properties) : contains(["string", "integer", "number", "boolean"], p.type)]]]))
    error_message = "targets: tools must have properties of type string, integer, number or boolean; got ${jsonencode({ for name, t in var.targets : name => { for n, tool in t.tools : n => { for k, p in tool.properties : k => p.type } } })}."
  }
  validation {
    condition     = alltrue([for t in values(var.targets) : t.connector_id == null || length(t.request_headers) == 0])
    error_message = "targets: request_headers must be empty for a connector, the token is nothing for it; got ${jsonencode({ for name, t in var.targets : name => t.request_headers })}."
  }
  validation {
    condition     = alltrue([for t in values(var.targets) : length(t.request_headers) <= 10])
    error_message = "targets: request_headers must be at most 10; got ${jsonencode({ for name, t in var.targets : name => t.request_headers })}."
  }
  validation {
    condition     = alltrue([for t in values(var.targets) : length(distinct([for h in t.request_headers : lower(h)])) == length(t.request_headers)])
    error_message = "targets: request_headers must not repeat a name in another case; got ${jsonencode({ for name, t in var.targets : name => t.request_headers })}."
  }
  validation {
    condition     = alltrue(flatten([for t in values(var.targets) : [for h in t.request_headers : can(regex("^[a-zA-Z0-9_-]{1,100}$", h)) && !startswith(lower(h), "x-amz") && !contains(local.restricted_headers, lower(h))]]))
    error_message = "targets: request_headers must be names that a gateway may pass on, none of Authorization, Cookie, x-amz-* and the like (headers.tf); got ${jsonencode({ for name, t in var.targets : name => t.request_headers })}."
  }
}

variable "kms_key_arn" {
  description = "Key of the gateway's configuration; null leaves AWS's own."
  type        = string
  default     = null
  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]{36}$", var.kms_key_arn))
    error_message = "kms_key_arn: must be the ARN of a KMS key or null; got ${jsonencode(var.kms_key_arn)}."
  }
}

variable "tags" {
  description = "Tags of the gateway; targets have none."
  type        = map(string)
  default     = {}
  nullable    = false
}
