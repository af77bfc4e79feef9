variable "name_prefix" {
  description = "Start of every name: that of the environment whose runtime gets in here."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix: must be 3-20 lower-case letters, digits and inner hyphens, letter first; got ${jsonencode(var.name_prefix)}."
  }
}

variable "account_id" {
  description = "AWS account that everything is made in; endpoints let no other through."
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

variable "tags" {
  description = "Tags of everything that takes tags; names are added."
  type        = map(string)
  default     = {}
  nullable    = false
  validation {
    condition     = !contains(keys(var.tags), "Name")
    error_message = "tags: must not hold Name, which each resource has of its own; got ${jsonencode(lookup(var.tags, "Name", null))}."
  }
}

variable "cidr" {
  description = "IPv4 range of the VPC. Each zone gets a sixteenth of it, by the number at the end of its id, so a zone more moves no other."
  type        = string
  nullable    = false
  validation {
    condition     = can(cidrhost(var.cidr, 0)) && can(regex("^[0-9.]+/(1[6-9]|2[0-2])$", var.cidr))
    error_message = "cidr: must be an IPv4 range of size /16 to /22, such as 10.64.0.0/20; got ${jsonencode(var.cidr)}."
  }
  validation {
    condition     = try(cidrsubnet(var.cidr, 0, 0) == var.cidr, true)
    error_message = "cidr: must begin at its own first address (${try(cidrsubnet(var.cidr, 0, 0), "")}); got ${jsonencode(var.cidr)}."
  }
}

variable "zone_ids" {
  description = "Ids of the Availability Zones, two at least. Ids, not names: a name is another zone in another account."
  type        = set(string)
  nullable    = false
  validation {
    condition     = length(var.zone_ids) >= 2
    error_message = "zone_ids: must be at least two, or one zone's outage is everybody's; got ${jsonencode(var.zone_ids)}."
  }
  validation {
    condition     = alltrue([for id in var.zone_ids : can(regex("^[a-z]{3,6}[0-9]-az[1-7]$", id))])
    error_message = "zone_ids: must be zone ids such as use1-az1 (aws ec2 describe-availability-zones tells which zones those are); got ${jsonencode(var.zone_ids)}."
  }
  validation {
    condition     = length(setsubtract(var.zone_ids, var.supported_zone_ids)) == 0
    error_message = "zone_ids: must be zones that AgentCore Runtime takes in ${var.region}: ${length(var.supported_zone_ids) == 0 ? "none are known; look them up and add the Region to catalog/zones.yaml" : join(", ", var.supported_zone_ids)}; got ${jsonencode(var.zone_ids)}."
  }
}

variable "supported_zone_ids" {
  description = "Zone ids of this Region that AgentCore Runtime takes, from catalog/zones.yaml; empty if it does not know the Region."
  type        = set(string)
  nullable    = false
}

variable "artifacts_bucket" {
  description = "Bucket with the published bundles: the only one that the runtime reaches from here."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.artifacts_bucket))
    error_message = "artifacts_bucket: must be the name of a bucket (3-63 lower-case letters, digits and inner hyphens); got ${jsonencode(var.artifacts_bucket)}."
  }
}

variable "internet_access" {
  description = "Whether NAT gateways let the runtime out to the internet, on port 443. Set it to true where the user pool has a domain, which it has with callback_urls set (as shipped): Cognito then refuses its PrivateLink endpoint, and the agent could not fetch signing keys."
  type        = bool
  default     = false
  nullable    = false
}

variable "more_services" {
  description = "AWS services besides those that the agent calls, for tools of your own that run in the runtime. Each endpoint costs by the hour and zone."
  type        = set(string)
  default     = []
  nullable    = false
  validation {
    condition     = length(setsubtract(var.more_services, ["kms", "monitoring", "secretsmanager", "sts", "xray"])) == 0
    error_message = "more_services: must be some of kms, monitoring, secretsmanager, sts and xray; got ${jsonencode(var.more_services)}."
  }
}

variable "log_retention_days" {
  description = "Days that flow logs are kept."
  type        = number
  default     = 90
  nullable    = false
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days: must be a period that CloudWatch Logs offers (7, 14, 30, 60, 90, 180, 365 ...; 0, for ever, is refused); got ${var.log_retention_days}."
  }
}

variable "log_kms_key_arn" {
  description = "Key of the flow logs' group, whose policy lets CloudWatch Logs use it; null leaves AWS's own encryption."
  type        = string
  default     = null
  validation {
    condition     = var.log_kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.log_kms_key_arn))
    error_message = "log_kms_key_arn: must be the ARN of a KMS key or null; got ${jsonencode(var.log_kms_key_arn)}."
  }
}
