locals {
  gateway_role_name = "${var.name_prefix}-gateway"
  interceptor_name  = "${var.name_prefix}-interceptor"
  tools_name        = "${var.name_prefix}-tools"

  # AgentCore makes an id of the name and ten characters; the policy engine's name takes no hyphens.
  gateway_id       = "${var.name_prefix}-gateway-*"
  policy_engine_id = "${replace(var.name_prefix, "-", "_")}_policies-*"

  agentcore_arn     = "arn:${var.partition}:bedrock-agentcore:${var.region}:${var.account_id}"
  gateway_arn       = "${local.agentcore_arn}:gateway/${local.gateway_id}"
  policy_engine_arn = "${local.agentcore_arn}:policy-engine/${local.policy_engine_id}"
  bucket_arn        = "arn:${var.partition}:s3:::${var.data.documents_bucket}"

  token_environment = {
    TOKEN_ISSUER    = var.token.issuer
    TOKEN_JWKS_URL  = var.token.jwks_url
    TOKEN_CLIENT_ID = var.token.client_id
    PLATFORM_NAME   = var.name_prefix # dimension of the functions' metrics
  }

  # None of the three roles reaches a tenant's things by itself, even if somebody adds an Allow later: what the tools read
  # they read with a tenant's credentials, from the broker. Becoming another role would be a way round; a role in the same
  # account needs only to trust these for that, an Allow of their own is not required.
  deny_tenants = [
    {
      Sid      = "DenyOtherIdentities"
      Effect   = "Deny"
      Action   = ["sts:AssumeRole*", "sts:SetSourceIdentity", "sts:TagSession", "bedrock-agentcore:GetWorkloadAccessTokenForUserId"]
      Resource = "*"
    },
    {
      Sid    = "DenyModelsMemoryAndTables"
      Effect = "Deny"
      Action = [
        "bedrock:Invoke*", "bedrock:Retrieve*", "bedrock-mantle:*", "dynamodb:*",
        "bedrock-agentcore:*Event", "bedrock-agentcore:*Events", "bedrock-agentcore:*MemoryRecord*",
        "bedrock-agentcore:*MemoryExtractionJob*", "bedrock-agentcore:IngestData", "bedrock-agentcore:ListActors",
        "bedrock-agentcore:ListSessions",
      ]
      Resource = "*"
    },
    {
      Sid      = "DenyDocuments"
      Effect   = "Deny"
      Action   = "s3:*"
      Resource = [local.bucket_arn, "${local.bucket_arn}/*"]
    },
    {
      Sid      = "DenyTenantKeys"
      Effect   = "Deny"
      Action   = "kms:*"
      Resource = var.data.kms_key_arns
    },
  ]
}
