# The one role that all tenants share. Who a session belongs to is in its tags, which only the broker sets, from a verified
# token. $${...} are IAM policy variables: a tag's value is taken literally, wildcards in it match only themselves.
locals {
  _tags = ["ClinicId", "Tier", "UserId"]

  _clinic = "$${aws:PrincipalTag/ClinicId}"
  _user   = "$${aws:PrincipalTag/UserId}"

  # Null "false" means: the key must be there. A statement names each tag that it leans on.
  _clinic_present = { Null = { "aws:PrincipalTag/ClinicId" = "false" } }
  _actor_present  = { Null = { "aws:PrincipalTag/ClinicId" = "false", "aws:PrincipalTag/UserId" = "false" } }

  tier_statements = { for tier, t in var.tiers : tier => flatten([
    {
      Sid      = "Model${title(tier)}"
      Effect   = "Allow"
      Action   = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]
      Resource = "${local.arn_prefix}:bedrock:${var.region}::foundation-model/${t.model_id}"
      # A call without this guardrail in this version is denied: leaving it out is no way round it, in no code.
      Condition = { StringEquals = {
        "aws:PrincipalTag/Tier"       = tier
        "bedrock:GuardrailIdentifier" = "${t.guardrail.arn}:${t.guardrail.version}"
      } }
    },
    {
      Sid       = "Guardrail${title(tier)}"
      Effect    = "Allow"
      Action    = "bedrock:ApplyGuardrail"
      Resource  = t.guardrail.arn
      Condition = { StringEquals = { "aws:PrincipalTag/Tier" = tier } }
    },
    {
      Sid      = "MemoryEvents${title(tier)}"
      Effect   = "Allow"
      Action   = [for a in local.memory_by_actor : "bedrock-agentcore:${a}"]
      Resource = t.memory_arn
      Condition = merge(local._actor_present, { StringEquals = {
        "aws:PrincipalTag/Tier"     = tier
        "bedrock-agentcore:actorId" = "${local._clinic}/${local._user}"
      } })
    },
    # The request names either namespace or namespacePath, and each key is filled by the member of its own name only:
    # one statement with both keys would match no request at all.
    [for key in ["namespace", "namespacePath"] : {
      Sid      = "Memory${title(key)}${title(tier)}"
      Effect   = "Allow"
      Action   = [for a in local.memory_by_namespace : "bedrock-agentcore:${a}"]
      Resource = t.memory_arn
      Condition = merge(local._actor_present, {
        StringEquals = { "aws:PrincipalTag/Tier" = tier }
        # The slash before * keeps clinic-a out of clinic-ab, and a user out of a longer user.
        StringLike = { "bedrock-agentcore:${key}" = "/actors/${local._clinic}/${local._user}/*" }
      })
    }],
  ]) }

  common_statements = flatten([
    {
      Sid       = "ReadOwnDocuments"
      Effect    = "Allow"
      Action    = "s3:GetObject"
      Resource  = "${var.data.bucket_arn}/clinics/${local._clinic}/*"
      Condition = local._clinic_present
    },
    {
      Sid       = "ListOwnDocuments"
      Effect    = "Allow"
      Action    = "s3:ListBucket"
      Resource  = var.data.bucket_arn
      Condition = merge(local._clinic_present, { StringLike = { "s3:prefix" = "clinics/${local._clinic}/*" } })
    },
    {
      Sid      = "ReadOwnPatients"
      Effect   = "Allow"
      Action   = ["dynamodb:GetItem", "dynamodb:Query"] # no Scan: it has no leading key to compare
      Resource = var.data.table_arn
      Condition = {
        # ForAllValues also holds for a request without the key, hence the Null.
        "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = [local._clinic] }
        Null                        = { "aws:PrincipalTag/ClinicId" = "false", "dynamodb:LeadingKeys" = "false" }
      }
    },
    {
      Sid      = "DecryptThroughS3AndDynamoDb"
      Effect   = "Allow"
      Action   = "kms:Decrypt"
      Resource = var.data.kms_key_arn
      Condition = merge(local._clinic_present, {
        StringEquals = { "kms:ViaService" = [local.via_service.s3, local.via_service.dynamodb] }
      })
    },
    var.guardrail_kms_key_arn == null ? [] : [{
      # Bedrock decrypts a guardrail with its own key in the caller's name.
      Sid       = "DecryptGuardrails"
      Effect    = "Allow"
      Action    = "kms:Decrypt"
      Resource  = var.guardrail_kms_key_arn
      Condition = local._clinic_present
    }],
    var.memory_kms_key_arn == null ? [] : [{
      # If AgentCore encrypts events in the caller's name; if it does so by a grant, this is never asked. What a session
      # may read and write is decided by the memories' own statements.
      Sid      = "UseMemoryKeyThroughAgentCore"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = var.memory_kms_key_arn
      Condition = merge(local._clinic_present, {
        StringEquals = { "kms:ViaService" = local.via_service["bedrock-agentcore"] }
      })
    }],
    {
      # A further role could be a way to other tags. Roles of this account that trust a tenant need no Allow here.
      Sid      = "DenyFurtherRoles"
      Effect   = "Deny"
      Action   = ["sts:AssumeRole*", "sts:SetSourceIdentity", "sts:TagSession"]
      Resource = "*"
    },
    # A session without one of the tags is nobody's, and may do nothing. Three statements, because keys within one Null
    # are joined by "and".
    [for tag in local._tags : {
      Sid       = "DenyWithout${tag}"
      Effect    = "Deny"
      Action    = "*"
      Resource  = "*"
      Condition = { Null = { "aws:PrincipalTag/${tag}" = "true" } }
    }],
  ])

  tenant_trust_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "BrokerAssumes"
        Effect    = "Allow"
        Principal = { AWS = local.broker_role_arn }
        Action    = "sts:AssumeRole"
        # No session without all three tags: TagSession below is not even asked when a request has none. The broker names
        # the session and its source after the tags. That is not asked for here: it would take $${aws:RequestTag/...} in a
        # trust policy, and if AWS fills that in otherwise than documented, nobody could work.
        Condition = { Null = { for tag in local._tags : "aws:RequestTag/${tag}" => "false" } }
      },
      {
        Sid       = "BrokerTags"
        Effect    = "Allow"
        Principal = { AWS = local.broker_role_arn }
        Action    = "sts:TagSession"
        Condition = {
          "ForAllValues:StringEquals" = { "aws:TagKeys" = local._tags }
          Null                        = { for tag in local._tags : "aws:RequestTag/${tag}" => "false" }
          StringEquals                = { "aws:RequestTag/Tier" = keys(var.tiers) }
          StringLike = {
            "aws:RequestTag/ClinicId" = "?*"
            "aws:RequestTag/UserId"   = "????????-????-????-????-????????????"
          }
        }
      },
      {
        Sid       = "BrokerNamesSource"
        Effect    = "Allow"
        Principal = { AWS = local.broker_role_arn }
        Action    = "sts:SetSourceIdentity"
        Condition = { StringLike = { "sts:SourceIdentity" = "????????-????-????-????-????????????" } }
      },
    ]
  })
}

resource "aws_iam_role" "tenant" {
  name                 = local.tenant_name
  description          = "Shared by all tenants of ${var.name_prefix}; session tags say whose a session is"
  max_session_duration = 3600
  assume_role_policy   = local.tenant_trust_policy
  depends_on           = [module.broker.role_arn] # a trust policy may name only roles that exist
  tags                 = var.tags

  lifecycle {
    precondition {
      # IAM counts without white space, and jsonencode writes none.
      condition     = length(local.tenant_trust_policy) <= 2048
      error_message = "tiers: the tenant role's trust policy has ${length(local.tenant_trust_policy)} characters, IAM takes 2048 without a raised quota. Use fewer or shorter tier names."
    }
  }
}

resource "aws_iam_role_policy" "tenant" {
  name   = "common"
  role   = aws_iam_role.tenant.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.common_statements })
}

# A policy for each tier: a new tier adds one and touches no other. Inline, a fifth tier would be over IAM's 10240 characters.
resource "aws_iam_policy" "tier" {
  for_each    = local.tier_statements
  name        = "${local.tenant_name}-${each.key}"
  description = "Models and memory of tier ${each.key}, for sessions that are tagged with it"
  policy      = jsonencode({ Version = "2012-10-17", Statement = each.value })
  tags        = var.tags
}

resource "aws_iam_role_policy_attachment" "tier" {
  for_each   = aws_iam_policy.tier
  role       = aws_iam_role.tenant.name
  policy_arn = each.value.arn
}
