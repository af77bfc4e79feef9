mock_provider "aws" {
  override_during = plan
  mock_resource "aws_vpc_endpoint" {
    defaults = {
      prefix_list_id = "pl-00000000"
    }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = {
      arn = "arn:aws:logs:eu-west-1:111122223333:log-group:mock"
    }
  }
  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::111122223333:role/mock"
    }
  }
}

variables {
  name_prefix        = "clinic-test"
  account_id         = "111122223333"
  region             = "eu-west-1"
  cidr               = "10.64.0.0/20"
  zone_ids           = ["euw1-az1", "euw1-az3"]
  supported_zone_ids = ["euw1-az1", "euw1-az2", "euw1-az3"]
  artifacts_bucket   = "clinic-artifacts"
}

run "each_zone_has_a_private_subnet_of_its_own_range" {
  command = plan
  assert {
    condition     = jsonencode({ for id, s in aws_subnet.private : id => [s.availability_zone_id, s.cidr_block] }) == jsonencode({ euw1-az1 = ["euw1-az1", "10.64.1.0/24"], euw1-az3 = ["euw1-az3", "10.64.3.0/24"] })
    error_message = "A zone's range follows from its number, so another zone moves none."
  }
  assert {
    condition     = alltrue([for s in aws_subnet.private : s.map_public_ip_on_launch == false || s.map_public_ip_on_launch == null])
    error_message = "Nothing in a private subnet has a public address."
  }
  assert {
    condition     = aws_vpc.this.enable_dns_support && aws_vpc.this.enable_dns_hostnames
    error_message = "The endpoints' private names need both."
  }
}

run "there_is_no_way_to_the_internet" {
  command = plan
  assert {
    condition     = length(aws_internet_gateway.this) + length(aws_subnet.public) + length(aws_nat_gateway.this) + length(aws_eip.nat) + length(aws_route.nat) + length(aws_route.internet) + length(aws_vpc_security_group_egress_rule.internet) == 0
    error_message = "Without internet_access nothing leads out."
  }
  assert {
    condition     = jsonencode(keys(output.nat_addresses)) == "[]"
    error_message = "Without NAT there are no addresses."
  }
}

run "the_runtime_reaches_endpoints_and_s3_and_nobody_reaches_it" {
  command = plan
  override_resource {
    target          = aws_security_group.endpoints
    override_during = plan
    values          = { id = "sg-endpoints" }
  }
  override_resource {
    target          = aws_security_group.runtime
    override_during = plan
    values          = { id = "sg-runtime" }
  }
  assert {
    condition     = aws_vpc_security_group_ingress_rule.endpoints.security_group_id == aws_security_group.endpoints.id && aws_vpc_security_group_ingress_rule.endpoints.referenced_security_group_id == aws_security_group.runtime.id
    error_message = "Only the endpoints take anything in, and only from the runtime."
  }
  assert {
    condition = alltrue([for rule in [aws_vpc_security_group_egress_rule.endpoints, aws_vpc_security_group_egress_rule.s3, aws_vpc_security_group_ingress_rule.endpoints] :
      rule.from_port == 443 && rule.to_port == 443 && rule.ip_protocol == "tcp" && rule.cidr_ipv4 == null && rule.cidr_ipv6 == null
    ])
    error_message = "Rules are for 443, between groups and to S3, and name no addresses."
  }
  assert {
    condition     = aws_vpc_security_group_egress_rule.s3.prefix_list_id == "pl-00000000"
    error_message = "S3 is reached by its prefix list."
  }
}

run "the_agent_has_the_endpoints_that_it_calls" {
  command = plan
  assert {
    condition     = jsonencode({ for name, e in aws_vpc_endpoint.interface : name => e.service_name }) == jsonencode({ for name in ["bedrock-agentcore", "bedrock-agentcore.gateway", "bedrock-runtime", "cognito-idp", "lambda", "logs"] : name => "com.amazonaws.eu-west-1.${name}" })
    error_message = "No endpoint is missing, and none is paid for nothing."
  }
  assert {
    condition     = alltrue([for e in aws_vpc_endpoint.interface : e.private_dns_enabled && e.vpc_endpoint_type == "Interface"])
    error_message = "The agent calls AWS by its usual names."
  }
  assert {
    condition     = aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway" && aws_vpc_endpoint.s3.service_name == "com.amazonaws.eu-west-1.s3"
    error_message = "S3 has a gateway endpoint."
  }
}

run "endpoints_let_only_this_account_through" {
  command = plan
  assert {
    condition     = sort(keys(output.endpoint_policies)) == sort(concat(keys(aws_vpc_endpoint.interface), ["s3"]))
    error_message = "Every endpoint has a policy."
  }
  assert {
    condition = alltrue(flatten([for name, policy in output.endpoint_policies : [for s in jsondecode(policy).Statement :
      s.Effect == "Allow" && can(s.Sid) && (strcontains(jsonencode(try(s.Condition, {})), "111122223333") || alltrue([for r in flatten([s.Resource]) : strcontains(r, ":111122223333:")]))
    ]]))
    error_message = "Each statement names this account, as the caller's or as the resource's."
  }
  assert {
    condition     = jsonencode([for name, policy in output.endpoint_policies : name if !strcontains(policy, "aws:PrincipalAccount")]) == jsonencode(["bedrock-agentcore.gateway", "cognito-idp", "s3"])
    error_message = "Only what is called without a role, and the bundle, which AgentCore may fetch itself, go without the caller's account."
  }
  assert {
    condition     = jsonencode(flatten([for s in jsondecode(output.endpoint_policies["bedrock-agentcore.gateway"]).Statement : [s.Principal, s.Action, s.Resource]])) == jsonencode(["*", "bedrock-agentcore:InvokeGateway", "arn:aws:bedrock-agentcore:eu-west-1:111122223333:gateway/*"])
    error_message = "Calls with a token pass only if the principal is *; so the gateways are named."
  }
  assert {
    condition     = jsonencode(jsondecode(output.endpoint_policies["s3"]).Statement[0].Resource) == jsonencode("arn:aws:s3:::clinic-artifacts/*") && jsondecode(output.endpoint_policies["s3"]).Statement[0].Action == "s3:GetObject"
    error_message = "Bundles are read, and no other bucket."
  }
  assert {
    condition     = jsonencode(jsondecode(output.endpoint_policies["lambda"]).Statement[0].Resource) == jsonencode(["arn:aws:lambda:eu-west-1:111122223333:function:clinic-test-*"])
    error_message = "Only this platform's functions are invoked."
  }
}

run "with_internet_access_each_zone_has_its_nat_and_keys_come_from_outside" {
  command = plan
  variables {
    internet_access = true
  }
  assert {
    condition     = jsonencode({ for id, s in aws_subnet.public : id => s.cidr_block }) == jsonencode({ euw1-az1 = "10.64.9.0/24", euw1-az3 = "10.64.11.0/24" }) && jsonencode(keys(aws_nat_gateway.this)) == jsonencode(["euw1-az1", "euw1-az3"])
    error_message = "A zone's outage must not take the other's way out."
  }
  assert {
    condition     = length(distinct(concat([for s in aws_subnet.public : s.cidr_block], [for s in aws_subnet.private : s.cidr_block]))) == 4
    error_message = "Subnets must not overlap."
  }
  assert {
    condition     = !contains(keys(aws_vpc_endpoint.interface), "cognito-idp")
    error_message = "The endpoint's private name would be in the way."
  }
  assert {
    condition     = aws_vpc_security_group_egress_rule.internet[0].from_port == 443 && aws_vpc_security_group_egress_rule.internet[0].to_port == 443 && alltrue([for r in aws_route.nat : r.destination_cidr_block == "0.0.0.0/0"])
    error_message = "Out on 443 alone."
  }
}

run "more_services_get_endpoints_for_this_account" {
  command = plan
  variables {
    more_services = ["xray", "kms"]
  }
  assert {
    condition     = jsonencode([for name in ["kms", "xray"] : jsondecode(output.endpoint_policies[name]).Statement[0].Action]) == jsonencode([["kms:*"], ["xray:*"]]) && jsondecode(output.endpoint_policies["kms"]).Statement[0].Condition.StringEquals["aws:PrincipalAccount"] == "111122223333"
    error_message = "Their policies name service and account."
  }
}

run "flow_logs_end_and_are_written_by_the_service_alone" {
  command = plan
  variables {
    log_retention_days = 30
    log_kms_key_arn    = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  }
  assert {
    condition     = aws_cloudwatch_log_group.flow.retention_in_days == 30 && aws_cloudwatch_log_group.flow.kms_key_id == var.log_kms_key_arn && aws_flow_log.this.traffic_type == "ALL"
    error_message = "Flow logs hold everything, for a while, with the key."
  }
  assert {
    condition     = jsondecode(aws_iam_role.flow.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111122223333" && can(jsondecode(aws_iam_role.flow.assume_role_policy).Statement[0].Condition.ArnLike["aws:SourceArn"])
    error_message = "Flow logs of other accounts cannot use the role."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.flow.policy).Statement[0].Resource == "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/vpc/clinic-test/flow-logs:*"
    error_message = "The role writes its own group."
  }
}

run "the_output_is_what_a_runtime_takes" {
  command = plan
  override_resource {
    target          = aws_security_group.endpoints
    override_during = plan
    values          = { id = "sg-endpoints" }
  }
  override_resource {
    target          = aws_security_group.runtime
    override_during = plan
    values          = { id = "sg-runtime" }
  }
  override_resource {
    target          = aws_subnet.private
    override_during = plan
    values          = { id = "subnet-mock" }
  }
  assert {
    condition     = jsonencode(output.network) == jsonencode({ mode = "VPC", security_groups = ["sg-runtime"], subnets = ["subnet-mock", "subnet-mock"] })
    error_message = "network goes into the environment's variable as it is."
  }
}

# Below, each input of a run must fail by itself: terraform test misses none of expect_failures.
run "rejects_bad_places" {
  command = plan
  variables {
    name_prefix      = "Clinic"
    account_id       = "1234"
    region           = "Ireland"
    partition        = "azure"
    artifacts_bucket = "A_Bucket"
    log_kms_key_arn  = "alias/aws/logs"
  }
  expect_failures = [var.name_prefix, var.account_id, var.region, var.partition, var.artifacts_bucket, var.log_kms_key_arn]
}

run "rejects_a_tag_name" {
  command = plan
  variables {
    tags = { Name = "mine" }
  }
  expect_failures = [var.tags]
}

run "rejects_a_range_that_is_none" {
  command = plan
  variables {
    cidr = "10.64.0.0"
  }
  expect_failures = [var.cidr]
}

run "rejects_a_range_that_is_too_small" {
  command = plan
  variables {
    cidr = "10.64.0.0/24"
  }
  expect_failures = [var.cidr]
}

run "rejects_a_range_that_is_too_large" {
  command = plan
  variables {
    cidr = "10.0.0.0/8"
  }
  expect_failures = [var.cidr]
}

run "rejects_an_ipv6_range" {
  command = plan
  variables {
    cidr = "fd00::/20"
  }
  expect_failures = [var.cidr]
}

run "rejects_a_range_that_begins_in_the_middle" {
  command = plan
  variables {
    cidr = "10.64.1.0/20"
  }
  expect_failures = [var.cidr]
}

run "rejects_one_zone" {
  command = plan
  variables {
    zone_ids = ["euw1-az1"]
  }
  expect_failures = [var.zone_ids]
}

run "rejects_names_of_zones" {
  command = plan
  variables {
    zone_ids = ["eu-west-1a", "eu-west-1b"]
  }
  expect_failures = [var.zone_ids]
}

run "rejects_a_zone_that_agentcore_does_not_take" {
  command = plan
  variables {
    zone_ids = ["euw1-az1", "euw1-az4"]
  }
  expect_failures = [var.zone_ids]
}

run "rejects_a_region_whose_zones_are_not_known" {
  command = plan
  variables {
    supported_zone_ids = []
  }
  expect_failures = [var.zone_ids]
}

run "rejects_a_service_that_nothing_here_calls" {
  command = plan
  variables {
    more_services = ["ec2"]
  }
  expect_failures = [var.more_services]
}

run "rejects_a_retention_that_cloudwatch_does_not_offer" {
  command = plan
  variables {
    log_retention_days = 10
  }
  expect_failures = [var.log_retention_days]
}

run "rejects_logs_for_ever" {
  command = plan
  variables {
    log_retention_days = 0
  }
  expect_failures = [var.log_retention_days]
}
