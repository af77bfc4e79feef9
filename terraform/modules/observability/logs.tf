# AgentCore writes what the agent prints to one group per endpoint, and makes a group that is not there itself: without
# retention and without our key. DEFAULT is the endpoint that every runtime has; its group gets what the start of a new
# version prints.
resource "aws_cloudwatch_log_group" "runtime" {
  # checkov:skip=CKV_AWS_338:How long is the environment's choice; production has its own check (CKV_AGENTCORE_39)
  for_each          = setunion(var.runtime.endpoints, ["DEFAULT"])
  name              = "/aws/bedrock-agentcore/runtimes/${var.runtime.id}-${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.log_kms_key_arn
  tags              = var.tags
}

locals {
  # What can be delivered, by source. Memories are keyed by tier, so that a new tier touches no other's.
  _sources = merge(
    { runtime = { kind = "runtime", id = var.runtime.id, arn = var.runtime.arn } },
    { gateway = { kind = "gateway", id = var.gateway.id, arn = var.gateway.arn } },
    { for tier, m in var.memories : "memory-${tier}" => { kind = "memory", id = m.id, arn = m.arn } },
  )
  # CPU and memory of each session, for sharing the bill; no text.
  _usage = { runtime-usage = merge(local._sources.runtime, { log_type = "USAGE_LOGS" }) }
  # Requests and answers.
  _payload = { for name, s in local._sources : "${name}-application" => merge(s, { log_type = "APPLICATION_LOGS" }) if contains(var.payload_logs, s.kind) }
  # Spans.
  traces = var.traces ? { for name, s in local._sources : "${name}-traces" => merge(s, { log_type = "TRACES" }) } : {}
  logs   = merge(local._usage, local._payload)

  vended_prefix = "/aws/vendedlogs/bedrock-agentcore/${var.name_prefix}"
  logs_arn      = "arn:${var.partition}:logs:${var.region}:${var.account_id}"
}

resource "aws_cloudwatch_log_group" "vended" {
  # checkov:skip=CKV_AWS_338:How long is the environment's choice; production has its own check (CKV_AGENTCORE_39)
  for_each          = local.logs
  name              = "${local.vended_prefix}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.log_kms_key_arn
  tags              = var.tags
}

# Without it, the first delivery would write such a policy itself, for whatever group it goes to.
resource "aws_cloudwatch_log_resource_policy" "vended" {
  policy_name = "${var.name_prefix}-vended-logs"
  policy_document = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "DeliverOwnVendedLogs"
      Effect    = "Allow"
      Principal = { Service = "delivery.logs.amazonaws.com" }
      Action    = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource  = "${local.logs_arn}:log-group:${local.vended_prefix}/*:log-stream:*"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id }
        ArnLike      = { "aws:SourceArn" = "${local.logs_arn}:*" }
      }
    }]
  })
}

resource "aws_cloudwatch_log_delivery_source" "this" {
  for_each     = merge(local.logs, local.traces)
  name         = "${var.name_prefix}-${each.key}"
  log_type     = each.value.log_type
  resource_arn = each.value.arn
  tags         = var.tags
}

resource "aws_cloudwatch_log_delivery_destination" "logs" {
  for_each = local.logs
  name     = "${var.name_prefix}-${each.key}"
  tags     = var.tags
  delivery_destination_configuration {
    destination_resource_arn = aws_cloudwatch_log_group.vended[each.key].arn
  }
}

resource "aws_cloudwatch_log_delivery" "logs" {
  for_each                 = local.logs
  delivery_source_name     = aws_cloudwatch_log_delivery_source.this[each.key].name
  delivery_destination_arn = aws_cloudwatch_log_delivery_destination.logs[each.key].arn
  tags                     = var.tags
  depends_on               = [aws_cloudwatch_log_resource_policy.vended]
}

resource "aws_xray_resource_policy" "traces" {
  count       = var.traces ? 1 : 0
  policy_name = "${var.name_prefix}-traces"
  policy_document = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "DeliverOwnTraces"
      Effect    = "Allow"
      Principal = { Service = "delivery.logs.amazonaws.com" }
      Action    = "xray:PutTraceSegments"
      Resource  = "*" # traces have no ARN
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id }
        ArnLike      = { "aws:SourceArn" = "${local.logs_arn}:delivery-source:${var.name_prefix}-*" }
      }
    }]
  })
}

resource "aws_cloudwatch_log_delivery_destination" "traces" {
  count                     = var.traces ? 1 : 0
  name                      = "${var.name_prefix}-traces"
  delivery_destination_type = "XRAY"
  tags                      = var.tags
}

resource "aws_cloudwatch_log_delivery" "traces" {
  for_each                 = local.traces
  delivery_source_name     = aws_cloudwatch_log_delivery_source.this[each.key].name
  delivery_destination_arn = aws_cloudwatch_log_delivery_destination.traces[0].arn
  tags                     = var.tags
  depends_on               = [aws_xray_resource_policy.traces]
}
