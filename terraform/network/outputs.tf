output "network" {
  description = "For the environment's variable network: mode, subnets, security_groups."
  value       = module.network.network
}

output "vpc_id" {
  description = "Id of the VPC."
  value       = module.network.vpc_id
}

output "nat_addresses" {
  description = "Public addresses that the runtime's calls come from, by zone id; empty without internet_access."
  value       = module.network.nat_addresses
}
