variable "name" {
  description = "Name of the runtime; the execution role's policy names it. Permanent."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[a-zA-Z][a-zA-Z0-9_]{0,47}$", var.name))
    error_message = "name: must be 1-48 letters, digits and underscores, letter first; got ${jsonencode(var.name)}."
  }
}

variable "role_arn" {
  description = "Execution role. Any code in the microVM holds its credentials. Pass an output that waits for the role's policy."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$", var.role_arn))
    error_message = "role_arn: must be the ARN of a role; got ${jsonencode(var.role_arn)}."
  }
}

variable "agent_version" {
  description = "Version of the agent in the bundle; becomes the tag AgentVersion."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[0-9]+[.][0-9]+[.][0-9]+([a-z0-9.+-]*)$", var.agent_version))
    error_message = "agent_version: must be a version such as 1.4.0; got ${jsonencode(var.agent_version)}."
  }
}

variable "bundle" {
  description = "Published bundle of that version: where it is, its SHA-256 (hex), the Python it was built for (its packages are arm64, the runtime offers nothing else) and what to start."
  type = object({
    bucket      = string
    key         = string
    sha256      = string
    runtime     = string
    entry_point = optional(list(string), ["main.py"])
  })
  nullable = false
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bundle.bucket))
    error_message = "bundle.bucket: must be the name of a bucket; got ${jsonencode(var.bundle.bucket)}."
  }
  validation {
    condition     = can(regex("^[A-Za-z0-9._+-][A-Za-z0-9._/+-]*[.]zip$", var.bundle.key)) && length(var.bundle.key) <= 1024
    error_message = "bundle.key: must be the key of a zip; got ${jsonencode(var.bundle.key)}."
  }
  validation {
    condition     = strcontains(var.bundle.key, "/${var.agent_version}/")
    error_message = "bundle.key: must be of agent_version ${var.agent_version}; got ${jsonencode(var.bundle.key)}."
  }
  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.bundle.sha256))
    error_message = "bundle.sha256: must be 64 lower-case hex digits; got ${jsonencode(var.bundle.sha256)}."
  }
  validation {
    condition     = can(regex("^PYTHON_3_1[0-4]$", var.bundle.runtime))
    error_message = "bundle.runtime: must be a Python that AgentCore offers, PYTHON_3_10 to PYTHON_3_14; got ${jsonencode(var.bundle.runtime)}."
  }
  validation {
    condition     = length(var.bundle.entry_point) >= 1 && length(var.bundle.entry_point) <= 2 && alltrue([for e in var.bundle.entry_point : length(e) >= 1 && length(e) <= 128])
    error_message = "bundle.entry_point: must be 1-2 strings of 1-128 characters; got ${jsonencode(var.bundle.entry_point)}."
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

variable "request_headers" {
  description = "Headers of a request that reach the agent. Authorization is needed: it verifies the token again, and asks the broker with it."
  type        = set(string)
  default     = ["Authorization"]
  nullable    = false
  validation {
    condition     = contains(var.request_headers, "Authorization") && length(var.request_headers) <= 20
    error_message = "request_headers: must hold Authorization and at most 19 more; got ${jsonencode(var.request_headers)}."
  }
  validation {
    condition     = length(distinct([for h in var.request_headers : lower(h)])) == length(var.request_headers)
    error_message = "request_headers: must not repeat a name in another case; got ${jsonencode(var.request_headers)}."
  }
  validation {
    condition     = alltrue([for h in var.request_headers : can(regex("^[A-Za-z][A-Za-z0-9_-]{0,255}$", h)) && (!startswith(lower(h), "x-amz") || startswith(lower(h), "x-amzn-bedrock-agentcore-runtime-custom-"))])
    error_message = "request_headers: must be names of up to 256 letters, digits, hyphens and underscores, without x-amz- and x-amzn- (but for X-Amzn-Bedrock-AgentCore-Runtime-Custom-*); got ${jsonencode(var.request_headers)}."
  }
}

variable "environment" {
  description = "Environment variables of the agent, besides PLATFORM_CONTRACT. No secrets: the API shows them. Values may be unknown at plan time, and are then checked at apply."
  type        = map(string)
  default     = {}
  nullable    = false
  validation {
    condition     = !contains(keys(var.environment), "PLATFORM_CONTRACT")
    error_message = "environment: PLATFORM_CONTRACT is set by this module; got ${jsonencode(lookup(var.environment, "PLATFORM_CONTRACT", null))}."
  }
  validation {
    condition     = length(var.environment) <= 49 && alltrue([for name in keys(var.environment) : can(regex("^[A-Za-z_][A-Za-z0-9_]{0,99}$", name))])
    error_message = "environment: must be at most 49 (a runtime takes 50), with names of 1-100 letters, digits and underscores; got ${jsonencode(keys(var.environment))}."
  }
  validation {
    # 1.5 KB in all is what a runtime that is restored from a snapshot has for a zip; a single value may have 5000 elsewhere.
    condition     = sum(concat([0], [for name, value in var.environment : length(name) + length(value)])) <= 1500
    error_message = "environment: names and values must have at most 1500 characters in all (a runtime takes 1536); got ${sum(concat([0], [for name, value in var.environment : length(name) + length(value)]))}."
  }
}

variable "idle_timeout_seconds" {
  description = "Idle time after which a session ends. Idle memory is most of a session's price, and what a warm session holds outlives a suspension: keep it short."
  type        = number
  default     = 300
  nullable    = false
  validation {
    condition     = var.idle_timeout_seconds >= 60 && var.idle_timeout_seconds <= 28800 && floor(var.idle_timeout_seconds) == var.idle_timeout_seconds
    error_message = "idle_timeout_seconds: must be a whole number 60-28800; got ${var.idle_timeout_seconds}."
  }
}

variable "max_lifetime_seconds" {
  description = "Time after which a session ends even if it is busy."
  type        = number
  default     = 3600
  nullable    = false
  validation {
    condition     = var.max_lifetime_seconds >= 60 && var.max_lifetime_seconds <= 28800 && floor(var.max_lifetime_seconds) == var.max_lifetime_seconds
    error_message = "max_lifetime_seconds: must be a whole number 60-28800; got ${var.max_lifetime_seconds}."
  }
  validation {
    condition     = var.max_lifetime_seconds >= var.idle_timeout_seconds
    error_message = "max_lifetime_seconds: must be at least idle_timeout_seconds (${var.idle_timeout_seconds}); got ${var.max_lifetime_seconds}."
  }
}

variable "network" {
  description = "PUBLIC, or VPC with subnets and security groups of the caller's: AgentCore's network interfaces stay there for hours after a destroy."
  type = object({
    mode            = string
    subnets         = optional(set(string), [])
    security_groups = optional(set(string), [])
  })
  default  = { mode = "PUBLIC" }
  nullable = false
  validation {
    condition     = contains(["PUBLIC", "VPC"], var.network.mode)
    error_message = "network.mode: must be PUBLIC or VPC; got ${jsonencode(var.network.mode)}."
  }
  validation {
    condition     = var.network.mode == "VPC" ? length(var.network.subnets) >= 1 && length(var.network.security_groups) >= 1 && length(var.network.security_groups) <= 16 : length(var.network.subnets) + length(var.network.security_groups) == 0
    error_message = "network: must have subnets and 1-16 security_groups with VPC, and neither with PUBLIC; got ${jsonencode(var.network)}."
  }
}

variable "endpoints" {
  description = "Version that each endpoint serves, by endpoint name. Publishing makes a new version; only a change here sends users to it, and back."
  type        = map(string)
  nullable    = false
  validation {
    condition     = length(var.endpoints) >= 1 && length(var.endpoints) <= 10
    error_message = "endpoints: must be 1-10; got ${length(var.endpoints)}."
  }
  validation {
    condition     = alltrue([for name in keys(var.endpoints) : can(regex("^[a-zA-Z][a-zA-Z0-9_]{0,47}$", name))])
    error_message = "endpoints: names must be 1-48 letters, digits and underscores, letter first; got ${jsonencode(keys(var.endpoints))}."
  }
  validation {
    condition     = alltrue([for name in keys(var.endpoints) : upper(name) != "DEFAULT"])
    error_message = "endpoints: names must not be DEFAULT, which the service moves to every new version by itself; got ${jsonencode(keys(var.endpoints))}."
  }
  validation {
    condition     = alltrue([for version in values(var.endpoints) : can(regex("^[1-9][0-9]{0,4}$", version))])
    error_message = "endpoints: versions must be whole numbers from 1 to 99999; got ${jsonencode(var.endpoints)}."
  }
}

variable "coming_version" {
  description = "Number of the version that this apply must make, where endpoints name it already: agent and platform change their contract together. Null where endpoints serve what is there."
  type        = string
  default     = null
  validation {
    condition     = var.coming_version == null ? true : contains(values(var.endpoints), var.coming_version)
    error_message = "coming_version: must be what an endpoint is to serve, or null; got ${jsonencode(var.coming_version)}."
  }
}

variable "tags" {
  description = "Tags of runtime and endpoints; AgentVersion and BundleSha256 are added to the runtime's."
  type        = map(string)
  default     = {}
  nullable    = false
  validation {
    condition     = length(setintersection(keys(var.tags), ["AgentVersion", "BundleSha256"])) == 0
    error_message = "tags: must not hold AgentVersion or BundleSha256, which tell what runs; got ${jsonencode(var.tags)}."
  }
}
