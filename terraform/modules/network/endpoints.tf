# What the agent calls, and nothing else. Policies keep out other accounts: without them, whoever can run code here could
# carry data off with credentials of an account of their own.

locals {
  arn_prefix = "arn:${var.partition}"
  place      = "${var.region}:${var.account_id}"

  # Callers are roles of this account.
  _own = { StringEquals = { "aws:PrincipalAccount" = var.account_id } }
  # So is what they call.
  _own_only = { StringEquals = { "aws:PrincipalAccount" = var.account_id, "aws:ResourceAccount" = var.account_id } }

  _agent_services = {
    lambda = { Sid = "AskBroker", Action = ["lambda:InvokeFunction"], Resource = ["${local.arn_prefix}:lambda:${local.place}:function:${var.name_prefix}-*"], Condition = local._own_only }
    # What the agent prints.
    logs = { Sid = "WriteOwnLogs", Action = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:PutLogEvents"], Resource = ["${local.arn_prefix}:logs:${local.place}:*"], Condition = local._own_only }
    # Models are AWS's own and have no account.
    bedrock-runtime = { Sid = "CallModels", Action = ["bedrock:ApplyGuardrail", "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"], Resource = ["*"], Condition = local._own }
    # Memories.
    bedrock-agentcore = { Sid = "UseOwnMemories", Action = ["bedrock-agentcore:*"], Resource = ["${local.arn_prefix}:bedrock-agentcore:${local.place}:memory/*"], Condition = local._own_only }
    # The agent comes with the user's token, not with a role: AWS can look at no principal, so the gateways are named.
    "bedrock-agentcore.gateway" = { Sid = "CallOwnGateways", Action = ["bedrock-agentcore:InvokeGateway"], Resource = ["${local.arn_prefix}:bedrock-agentcore:${local.place}:gateway/*"], Condition = null }
  }
  # Signing keys are fetched by nobody in particular. With NAT they come from the internet: an endpoint's private name would
  # be in the way, and Cognito refuses its endpoint for user pools that have a domain.
  _keys = { cognito-idp = { Sid = "FetchKeysOfOwnPools", Action = ["cognito-idp:*"], Resource = ["${local.arn_prefix}:cognito-idp:${local.place}:userpool/*"], Condition = null } }
  _more = { for name in var.more_services : name => { Sid = "OwnAccount", Action = [{ kms = "kms:*", monitoring = "cloudwatch:*", secretsmanager = "secretsmanager:*", sts = "sts:*", xray = "xray:*" }[name]], Resource = ["*"], Condition = local._own } }

  services = merge(local._agent_services, local._more, var.internet_access ? {} : local._keys)
}

resource "aws_vpc_endpoint" "interface" {
  for_each            = local.services
  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = [for subnet in aws_subnet.private : subnet.id]
  security_group_ids  = [aws_security_group.endpoints.id]
  private_dns_enabled = true # the agent calls AWS by its usual names
  tags                = merge(var.tags, { Name = "${var.name_prefix}-${each.key}" })
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [merge(
      { Sid = each.value.Sid, Effect = "Allow", Principal = "*", Action = each.value.Action, Resource = each.value.Resource },
      each.value.Condition == null ? {} : { Condition = each.value.Condition },
    )]
  })
}

# Costs nothing. Runtimes since May 2026 fetch their bundle by it.
resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [for table in aws_route_table.private : table.id]
  tags              = merge(var.tags, { Name = "${var.name_prefix}-s3" })
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "ReadBundles"
      Effect    = "Allow"
      Principal = "*"
      Action    = "s3:GetObject"
      Resource  = "${local.arn_prefix}:s3:::${var.artifacts_bucket}/*"
      Condition = { StringEquals = { "aws:ResourceAccount" = var.account_id } }
    }]
  })
}
