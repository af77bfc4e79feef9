# A network for one environment's runtime, in a state of its own: AgentCore's interfaces stay in it for hours after the
# runtime is gone, and what they are in cannot be deleted before.
locals {
  zones = yamldecode(file("${coalesce(var.catalog_dir, "${path.root}/../catalog")}/zones.yaml"))
}

module "network" {
  source             = "../modules/network"
  name_prefix        = var.name_prefix
  account_id         = var.account_id
  region             = var.region
  partition          = var.partition
  tags               = { Module = "network" }
  cidr               = var.cidr
  zone_ids           = var.zone_ids
  supported_zone_ids = lookup(local.zones.regions, var.region, [])
  artifacts_bucket   = var.artifacts_bucket
  internet_access    = var.internet_access
  more_services      = var.more_services
  log_retention_days = var.log_retention_days
  log_kms_key_arn    = var.log_kms_key_arn
}
