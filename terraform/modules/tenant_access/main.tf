locals {
  broker_name    = "${var.name_prefix}-broker"
  tenant_name    = "${var.name_prefix}-tenant"
  execution_name = "${var.name_prefix}-runtime"

  arn_prefix = "arn:${var.partition}"

  # ARNs from names, not from resources: policies are then known at plan time, where CI scans them.
  broker_role_arn = "${local.arn_prefix}:iam::${var.account_id}:role/${local.broker_name}"
  tenant_role_arn = "${local.arn_prefix}:iam::${var.account_id}:role/${local.tenant_name}"
  broker_arn      = "${local.arn_prefix}:lambda:${var.region}:${var.account_id}:function:${local.broker_name}"

  via_service = { for s in ["bedrock-agentcore", "dynamodb", "s3"] : s => "${s}.${var.region}.amazonaws.com" }

  # Actions of the AgentCore memory data plane: by actor, by namespace, and the rest, which no policy can fence yet
  # (record ids carry no tenant; ListActors has no condition key).
  memory_by_actor     = ["CreateEvent", "GetEvent", "ListEvents", "ListSessions"]
  memory_by_namespace = ["ListMemoryRecords", "RetrieveMemoryRecords"]
  memory_unfenced = [
    "BatchCreateMemoryRecords", "BatchDeleteMemoryRecords", "BatchUpdateMemoryRecords", "DeleteEvent",
    "DeleteMemoryRecord", "GetMemoryRecord", "IngestData", "ListActors", "ListMemoryExtractionJobs",
    "StartMemoryExtractionJob",
  ]
}
