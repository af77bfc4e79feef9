locals {
  # By the number at the end of a zone's id (1-7): private subnets in the lower half of the range, public ones in the upper.
  zones = { for id in var.zone_ids : id => {
    private = cidrsubnet(var.cidr, 4, tonumber(regex("[1-7]$", id)))
    public  = cidrsubnet(var.cidr, 4, 8 + tonumber(regex("[1-7]$", id)))
  } }
  public_zones = var.internet_access ? local.zones : {}
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true # the endpoints' private names need both
  tags                 = merge(var.tags, { Name = var.name_prefix })
}

# Every VPC has one. Without rules, what is put into it by mistake reaches nothing.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "${var.name_prefix}-default-closed" })
}

resource "aws_subnet" "private" {
  for_each             = local.zones
  vpc_id               = aws_vpc.this.id
  availability_zone_id = each.key
  cidr_block           = each.value.private
  tags                 = merge(var.tags, { Name = "${var.name_prefix}-private-${each.key}" })
}

# One each, since with NAT each zone leaves by its own.
resource "aws_route_table" "private" {
  for_each = local.zones
  vpc_id   = aws_vpc.this.id
  tags     = merge(var.tags, { Name = "${var.name_prefix}-private-${each.key}" })
}

resource "aws_route_table_association" "private" {
  for_each       = local.zones
  subnet_id      = aws_subnet.private[each.key].id
  route_table_id = aws_route_table.private[each.key].id
}
