# The way out, only with internet_access. Nothing comes in by it: NAT answers no one, and no public address is given.

resource "aws_internet_gateway" "this" {
  count  = var.internet_access ? 1 : 0
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = var.name_prefix })
}

resource "aws_subnet" "public" {
  for_each             = local.public_zones
  vpc_id               = aws_vpc.this.id
  availability_zone_id = each.key
  cidr_block           = each.value.public
  tags                 = merge(var.tags, { Name = "${var.name_prefix}-public-${each.key}" })
}

resource "aws_route_table" "public" {
  count  = var.internet_access ? 1 : 0
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "${var.name_prefix}-public" })
}

resource "aws_route" "internet" {
  count                  = var.internet_access ? 1 : 0
  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_route_table_association" "public" {
  for_each       = local.public_zones
  subnet_id      = aws_subnet.public[each.key].id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_eip" "nat" {
  for_each = local.public_zones
  domain   = "vpc"
  tags     = merge(var.tags, { Name = "${var.name_prefix}-nat-${each.key}" })
}

resource "aws_nat_gateway" "this" {
  for_each      = local.public_zones
  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id
  tags          = merge(var.tags, { Name = "${var.name_prefix}-${each.key}" })
  depends_on    = [aws_route.internet] # without it, a gateway has nowhere to send to
}

resource "aws_route" "nat" {
  for_each               = local.public_zones
  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[each.key].id
}
