output "network" {
  description = "What the runtime takes: mode VPC, subnets and security groups, once it can reach what it needs."
  value = {
    mode            = "VPC"
    subnets         = sort([for subnet in aws_subnet.private : subnet.id])
    security_groups = [aws_security_group.runtime.id]
  }
  depends_on = [
    aws_flow_log.this, aws_route.nat, aws_route_table_association.private, aws_vpc_endpoint.interface, aws_vpc_endpoint.s3,
    aws_vpc_security_group_egress_rule.endpoints, aws_vpc_security_group_egress_rule.internet,
    aws_vpc_security_group_egress_rule.s3, aws_vpc_security_group_ingress_rule.endpoints,
  ]
}

output "vpc_id" {
  description = "Id of the VPC."
  value       = aws_vpc.this.id
}

output "private_subnets" {
  description = "Id and range of each private subnet, by zone id."
  value       = { for id, subnet in aws_subnet.private : id => { id = subnet.id, cidr = subnet.cidr_block } }
}

output "endpoint_policies" {
  description = "Policy of each endpoint, as JSON, by service."
  value       = merge({ for name, endpoint in aws_vpc_endpoint.interface : name => endpoint.policy }, { s3 = aws_vpc_endpoint.s3.policy })
}

output "nat_addresses" {
  description = "Public addresses that the runtime's calls come from, by zone id; empty without internet_access."
  value       = { for id, address in aws_eip.nat : id => address.public_ip }
}

output "flow_log_group_name" {
  description = "Log group of the flow logs."
  value       = aws_cloudwatch_log_group.flow.name
}
