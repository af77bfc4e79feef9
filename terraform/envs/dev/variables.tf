# What the modules check is not checked again; here stands what an environment as a whole must be. Nothing here looks at
# anything but variables and the catalog's files, so that programs can evaluate the settings without a provider.

variable "environment" {
  description = "Name of the environment: of its folder, its tag and a part of name_prefix."
  type        = string
  nullable    = false
  validation {
    # No hyphen: it joins the parts of name_prefix.
    condition     = can(regex("^[a-z][a-z0-9]{1,9}$", var.environment))
    error_message = "environment: must be 2-10 lower-case letters and digits, letter first; got ${jsonencode(var.environment)}."
  }
  validation {
    # Two folders with one name would be two states that fight for the same resources.
    condition     = basename(abspath(path.root)) == var.environment
    error_message = "environment: must be the name of this folder, ${basename(abspath(path.root))}; got ${jsonencode(var.environment)}."
  }
}

variable "production" {
  description = "Whether real clinics use it. What weakens a control is then refused."
  type        = bool
  nullable    = false
  validation {
    condition     = var.production || var.environment != "prod"
    error_message = "production: must be true for environment prod; got ${jsonencode(var.production)}."
  }
}

variable "account_id" {
  description = "AWS account that everything is made in. Credentials of another are refused."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id: must be 12 digits; got ${jsonencode(var.account_id)}."
  }
}

variable "region" {
  description = "AWS Region that everything is made in."
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

variable "name_prefix" {
  description = "Start of every name: <product>-<environment>-<short Region code>, such as clinic-dev-use1. Permanent: memories, tables and buckets cannot be renamed."
  type        = string
  nullable    = false
  validation {
    # Roles and policies of IAM are an account's, not a Region's, and policies name things as <name_prefix>-...-*. With always
    # three words, one of them the environment and one the Region, no name of an environment is the start of another's.
    condition = can(regex(format("^[a-z][a-z0-9]*-%s-%s$", var.environment, join("", [for word in split("-", var.region) : lookup({
      east = "e", west = "w", north = "n", south = "s", central = "c", northeast = "ne", northwest = "nw", southeast = "se", southwest = "sw", gov = "g"
    }, word, word)])), var.name_prefix))
    error_message = "name_prefix: must be <product>-${var.environment}-${join("", [for word in split("-", var.region) : lookup({
      east = "e", west = "w", north = "n", south = "s", central = "c", northeast = "ne", northwest = "nw", southeast = "se", southwest = "sw", gov = "g"
    }, word, word)])} with a product of lower-case letters and digits, so that environments and Regions of one account do not clash; got ${jsonencode(var.name_prefix)}."
  }
  validation {
    # The longest names are bucket names: 20 + "-documents-" 11 + account 12 + 1 + the longest Region code 14 = 58 of 63.
    condition     = length(var.name_prefix) <= 20
    error_message = "name_prefix: must have at most 20 characters, or names of buckets get too long; got ${jsonencode(var.name_prefix)}."
  }
}

variable "cost_centre" {
  description = "Tag CostCentre of everything, by which AWS's bill is split."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9 _.:/=+@-]{0,63}$", var.cost_centre))
    error_message = "cost_centre: must be 1-64 letters, digits, spaces and _.:/=+@-; got ${jsonencode(var.cost_centre)}."
  }
}

variable "artifacts_bucket" {
  description = "Bucket of published agent versions: output artifacts_bucket of terraform/bootstrap in this account and Region."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.artifacts_bucket))
    error_message = "artifacts_bucket: must be the name of a bucket; got ${jsonencode(var.artifacts_bucket)}."
  }
}

variable "artifacts_kms_key_arn" {
  description = "Key of that bucket: output kms_key_arn of terraform/bootstrap."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^arn:${var.partition}:kms:${var.region}:[0-9]{12}:key/[a-zA-Z0-9-]+$", var.artifacts_kms_key_arn))
    error_message = "artifacts_kms_key_arn: must be the ARN of a KMS key in ${var.region}; got ${jsonencode(var.artifacts_kms_key_arn)}."
  }
}

variable "catalog_dir" {
  description = "Folder of the catalog, absolute; null for the repository's."
  type        = string
  default     = null
  validation {
    # fileset() of a missing folder is empty, and would plan a gateway without tools.
    condition     = alltrue([for f in ["tiers.yaml", "models.yaml", "quotas.yaml", "tiers.schema.json", "models.schema.json", "tool.schema.json", "policies/tier.cedar.tftpl"] : fileexists("${coalesce(var.catalog_dir, "${path.root}/../../catalog")}/${f}")])
    error_message = "catalog_dir: must be a folder with tiers.yaml, models.yaml, quotas.yaml, tools/, policies/ and the schemas; got ${jsonencode(var.catalog_dir)}."
  }
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
    error_message = "policy_mode: must be ENFORCE in production, LOG_ONLY would make every call whatever the policies say; try policies out in an environment that is not production; got ${jsonencode(var.policy_mode)}."
  }
}

variable "password_sign_in" {
  description = "Whether programs may sign in with user name and password: for tests. It goes round the browser and its protections."
  type        = bool
  default     = false
  nullable    = false
  validation {
    condition     = !(var.production && var.password_sign_in)
    error_message = "password_sign_in: must be false in production, users sign in with the browser (callback_urls); got ${jsonencode(var.password_sign_in)}."
  }
}

variable "mfa" {
  description = "Second factor (an authenticator app): OFF, OPTIONAL or ON (required of everybody)."
  type        = string
  default     = "ON"
  nullable    = false
  validation {
    condition     = contains(["OFF", "OPTIONAL", "ON"], var.mfa)
    error_message = "mfa: must be OFF, OPTIONAL or ON; got ${jsonencode(var.mfa)}."
  }
  validation {
    condition     = !var.production || var.mfa == "ON"
    error_message = "mfa: must be ON in production, patients' data stand behind this sign-in; got ${jsonencode(var.mfa)}."
  }
}

variable "callback_urls" {
  description = "Where the browser may return to after sign-in. Empty: no browser sign-in, and no sign-in pages."
  type        = set(string)
  default     = []
  nullable    = false
  validation {
    condition     = length(var.callback_urls) > 0 || var.password_sign_in
    error_message = "callback_urls: must name the application that users return to after sign-in, or nobody can sign in (password_sign_in is false); got ${jsonencode(var.callback_urls)}."
  }
}

variable "logout_urls" {
  description = "Where the browser may return to after sign-out."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "customer_managed_key" {
  description = "Whether logs, memories, gateway, policy engine and guardrails get keys of this account (module encryption). Permanent: memories cannot change theirs."
  type        = bool
  default     = true
  nullable    = false
  validation {
    condition     = !var.production || var.customer_managed_key
    error_message = "customer_managed_key: must be true in production, or conversations and logs are under keys that you cannot take back; got ${jsonencode(var.customer_managed_key)}."
  }
}

variable "kms_deletion_window_days" {
  description = "Days between destroying a key and its deletion, in which it can be brought back."
  type        = number
  default     = 30
  nullable    = false
  validation {
    condition     = !var.production || var.kms_deletion_window_days == 30
    error_message = "kms_deletion_window_days: must be 30 in production, the longest that AWS offers: a key that is gone takes all that it encrypts; got ${jsonencode(var.kms_deletion_window_days)}."
  }
}

variable "protect_data" {
  description = "Whether AWS refuses to delete user pool, tables and buckets that hold data. Memories have no such protection at AWS."
  type        = bool
  default     = true
  nullable    = false
  validation {
    condition     = !var.production || var.protect_data
    error_message = "protect_data: must be true in production, or one destroy takes clinics' data with it; got ${jsonencode(var.protect_data)}."
  }
}

variable "log_retention_days" {
  description = "Days that log events are kept."
  type        = number
  default     = 90
  nullable    = false
  validation {
    condition     = !var.production || var.log_retention_days >= 365
    error_message = "log_retention_days: must be at least 365 in production, or an attack that is found late has left no trace; got ${jsonencode(var.log_retention_days)}."
  }
}

variable "alarms" {
  description = "SNS topics that alarms are sent to, and thresholds by tier where they are not to be the defaults."
  type = object({
    topic_arns = optional(set(string), [])
    thresholds = optional(map(object({
      error_percent         = optional(number, 5)
      latency_p95_ms        = optional(number, 20000)
      latency_p99_ms        = optional(number, 45000)
      throttles             = optional(number, 10)
      cross_tenant_attempts = optional(number, 1)
    })), {})
  })
  default  = {}
  nullable = false
  validation {
    condition     = !var.production || length(var.alarms.topic_arns) > 0
    error_message = "alarms.topic_arns: must name an SNS topic in production, or nobody is told of an alarm; make one and subscribe whoever is on call; got ${jsonencode(var.alarms.topic_arns)}."
  }
  validation {
    condition     = alltrue([for arn in var.alarms.topic_arns : can(regex("^arn:${var.partition}:sns:${var.region}:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", arn))])
    error_message = "alarms.topic_arns: must be ARNs of SNS topics in ${var.region}; got ${jsonencode(var.alarms.topic_arns)}."
  }
  validation {
    # try(): a catalog that cannot be read has a message of its own.
    condition     = length(setsubtract(keys(var.alarms.thresholds), try(keys(yamldecode(file("${coalesce(var.catalog_dir, "${path.root}/../../catalog")}/tiers.yaml"))), keys(var.alarms.thresholds)))) == 0
    error_message = "alarms.thresholds: must be of tiers of the catalog (${join(", ", try(keys(yamldecode(file("${coalesce(var.catalog_dir, "${path.root}/../../catalog")}/tiers.yaml"))), []))}); got ${jsonencode(keys(var.alarms.thresholds))}."
  }
  validation {
    # A threshold that is never met is an alarm that is switched off. Module observability has wider bounds for all.
    condition     = !var.production || alltrue([for t in values(var.alarms.thresholds) : t.error_percent <= 20 && t.latency_p95_ms <= 60000 && t.latency_p99_ms <= 120000 && t.throttles <= 100 && t.cross_tenant_attempts <= 3])
    error_message = "alarms.thresholds: must in production be at most error_percent 20, latency_p95_ms 60000, latency_p99_ms 120000, throttles 100 and cross_tenant_attempts 3, or the alarms are as good as off; got ${jsonencode(var.alarms.thresholds)}."
  }
}

variable "payload_logs" {
  description = "Of runtime, gateway and memory, those whose application logs are kept. AWS writes requests and answers into them: what patients and clinicians said. For environments with test data."
  type        = set(string)
  default     = []
  nullable    = false
  validation {
    condition     = !(var.production && length(var.payload_logs) > 0)
    error_message = "payload_logs: must be empty in production, they hold what patients and clinicians said; look for the fault in an environment with test data; got ${jsonencode(var.payload_logs)}."
  }
}

variable "traces" {
  description = "Whether AgentCore's own spans of runtime, gateway and memories go to X-Ray."
  type        = bool
  default     = true
  nullable    = false
}

variable "network" {
  description = "PUBLIC, or VPC with subnets and security groups, such as those of terraform/network."
  type = object({
    mode            = string
    subnets         = optional(set(string), [])
    security_groups = optional(set(string), [])
  })
  default  = { mode = "PUBLIC" }
  nullable = false
}

variable "concurrency" {
  description = "Executions kept for each function, and its ceiling; -1 for none. An account without a raised limit has 10 in all."
  type = object({
    broker      = optional(number, -1)
    interceptor = optional(number, -1)
    tools       = optional(number, -1)
  })
  default  = {}
  nullable = false
}

variable "release" {
  description = "What runs here: release.auto.tfvars.json, which make publish-agent, apply, promote and rollback write. Endpoints name versions of the runtime by the numbers that AgentCore gave."
  type = object({
    agent_version    = string
    contract_version = number
    artifacts = object({
      runtime        = object({ key = string, sha256 = string })
      lambda         = object({ key = string, sha256 = string })
      runtime_name   = string
      lambda_runtime = string
      architecture   = string
    })
    runtime_versions        = optional(map(string), {})
    runtime_contracts       = optional(map(number), {})
    endpoints               = map(string)
    previous                = optional(map(string), {})
    candidate_share_percent = optional(number, 0)
  })
  nullable = false
  validation {
    condition     = can(regex("^(0|[1-9][0-9]*)([.](0|[1-9][0-9]*)){2}(-[0-9A-Za-z-]+([.][0-9A-Za-z-]+)*)?$", var.release.agent_version))
    error_message = "release.agent_version: must be a semantic version such as 0.2.0; got ${jsonencode(var.release.agent_version)}."
  }
  validation {
    condition     = alltrue([for a in [var.release.artifacts.runtime, var.release.artifacts.lambda] : can(regex("^[a-z0-9][A-Za-z0-9._/-]*/${replace(var.release.agent_version, "/[^0-9A-Za-z-]/", "[$0]")}/[A-Za-z0-9._-]+[.]zip$", a.key))])
    error_message = "release.artifacts: keys must be <folder>/${var.release.agent_version}/<name>.zip, published with that version (make publish-agent); got ${var.release.artifacts.runtime.key} and ${var.release.artifacts.lambda.key}."
  }
  validation {
    condition     = dirname(var.release.artifacts.runtime.key) == dirname(var.release.artifacts.lambda.key)
    error_message = "release.artifacts: both bundles must be of one publication, in one folder; got ${var.release.artifacts.runtime.key} and ${var.release.artifacts.lambda.key}."
  }
  validation {
    condition     = alltrue([for a in [var.release.artifacts.runtime, var.release.artifacts.lambda] : can(regex("^[0-9a-f]{64}$", a.sha256))])
    error_message = "release.artifacts: sha256 must be 64 lower-case hex digits, from the manifest; got ${jsonencode([var.release.artifacts.runtime.sha256, var.release.artifacts.lambda.sha256])}."
  }
  validation {
    condition     = var.release.artifacts.architecture == "arm64"
    error_message = "release.artifacts.architecture: must be arm64, AgentCore runs nothing else (make publish-agent with ENV builds it); got ${jsonencode(var.release.artifacts.architecture)}."
  }
  validation {
    condition     = alltrue([for number, version in var.release.runtime_versions : can(regex("^[1-9][0-9]{0,4}$", number)) && can(regex("^[0-9]+[.][0-9]+[.][0-9]+(-[0-9A-Za-z.-]+)?$", version))])
    error_message = "release.runtime_versions: must be agent versions by runtime version number, such as {\"1\": \"0.1.0\"}; got ${jsonencode(var.release.runtime_versions)}."
  }
  validation {
    condition     = length(setsubtract(["candidate", "live"], keys(var.release.endpoints))) == 0
    error_message = "release.endpoints: must have candidate and live; got ${jsonencode(keys(var.release.endpoints))}."
  }
  validation {
    condition     = alltrue([for number, contract in var.release.runtime_contracts : contains(keys(var.release.runtime_versions), number) && contract >= 1 && floor(contract) == contract])
    error_message = "release.runtime_contracts: must be whole numbers by number of runtime_versions, such as {\"1\": 1}; got ${jsonencode(var.release.runtime_contracts)}."
  }
  validation {
    # Before the first apply nothing has a number yet, and all endpoints wait for the first. When the contract changes, they
    # wait for the version that this apply makes, the next number.
    condition = alltrue([for number in values(var.release.endpoints) : contains(concat(
      length(var.release.runtime_versions) == 0 ? ["1"] : keys(var.release.runtime_versions),
      lookup(var.release.runtime_contracts, try(tostring(max([for n in keys(var.release.runtime_versions) : tonumber(n)]...)), ""), var.release.contract_version) == var.release.contract_version ? [] : [try(tostring(max([for n in keys(var.release.runtime_versions) : tonumber(n)]...) + 1), "1")],
    ), number)])
    error_message = "release.endpoints: must serve runtime versions that were applied here (${length(var.release.runtime_versions) == 0 ? "1, the first" : join(", ", keys(var.release.runtime_versions))}); apply first, then promote; got ${jsonencode(var.release.endpoints)}."
  }
  validation {
    # An agent of one contract asks functions of another in vain.
    condition     = alltrue([for number in values(var.release.endpoints) : lookup(var.release.runtime_contracts, number, var.release.contract_version) == var.release.contract_version])
    error_message = "release.endpoints: must serve agents of contract ${var.release.contract_version}, which this apply brings to the functions; move them in the same apply: make promote ENV=${var.environment} VERSION=${var.release.agent_version} ENDPOINT=live ARGS=--with-apply (docs/upgrade.md); got ${jsonencode(var.release.endpoints)} of contracts ${jsonencode(var.release.runtime_contracts)}."
  }
  validation {
    condition     = alltrue([for endpoint, number in var.release.previous : contains(keys(var.release.endpoints), endpoint) && contains(length(var.release.runtime_versions) == 0 ? ["1"] : keys(var.release.runtime_versions), number)])
    error_message = "release.previous: must be runtime versions that were applied here, of endpoints; got ${jsonencode(var.release.previous)}."
  }
  validation {
    condition     = var.release.candidate_share_percent >= 0 && var.release.candidate_share_percent <= 100 && floor(var.release.candidate_share_percent) == var.release.candidate_share_percent
    error_message = "release.candidate_share_percent: must be a whole number 0-100; got ${var.release.candidate_share_percent}."
  }
}
