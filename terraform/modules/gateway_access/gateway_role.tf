# The role in which the Gateway works. It calls the interceptor and the tools, and asks the policy engine. Tenancy is not its
# business: the user's token goes through to the functions, and they ask the broker with it.
resource "aws_iam_role" "gateway" {
  name = local.gateway_role_name
  tags = var.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AgentCoreForThisGateway"
      Effect    = "Allow"
      Principal = { Service = "bedrock-agentcore.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id }
        ArnLike      = { "aws:SourceArn" = local.gateway_arn }
      }
    }]
  })
}

resource "aws_iam_role_policy" "gateway" {
  name = "gateway"
  role = aws_iam_role.gateway.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          # The functions have no resource policy: within an account this is enough, and nobody else has it.
          Sid      = "CallInterceptorAndTools"
          Effect   = "Allow"
          Action   = "lambda:InvokeFunction"
          Resource = [module.interceptor.arn, module.tools.arn]
        },
        {
          Sid      = "ReadPolicyEngine"
          Effect   = "Allow"
          Action   = "bedrock-agentcore:GetPolicyEngine"
          Resource = local.policy_engine_arn
        },
        {
          # Asked for both the engine and the gateway.
          Sid      = "DecideByPolicies"
          Effect   = "Allow"
          Action   = ["bedrock-agentcore:AuthorizeAction", "bedrock-agentcore:PartiallyAuthorizeActions"]
          Resource = [local.policy_engine_arn, local.gateway_arn]
        },
        {
          # Not in AWS's guide. Attaching an engine was refused without it, on an ARN of this form, in three public reports.
          Sid      = "CheckPolicyEngine"
          Effect   = "Allow"
          Action   = "bedrock-agentcore:CheckAuthorizePermissions"
          Resource = "${local.agentcore_arn}:policy-engines/${local.policy_engine_id}/target-resource/*"
        },
      ],
      contains(var.connectors, "web-search") ? [
        {
          # The index is AWS's, so the account in its ARN is too.
          Sid      = "SearchWeb"
          Effect   = "Allow"
          Action   = "bedrock-agentcore:InvokeWebSearch"
          Resource = "arn:${var.partition}:bedrock-agentcore:${var.region}:aws:tool/web-search.v1"
        },
        {
          # AWS's guide asks for it beside InvokeWebSearch. It opens nothing: the Gateway takes tokens, not IAM callers.
          Sid      = "CallOwnConnectors"
          Effect   = "Allow"
          Action   = "bedrock-agentcore:InvokeGateway"
          Resource = local.gateway_arn
        },
      ] : [],
      [for statement in [
        {
          # AWS's guide adds kms:ViaService and the gateway's ARN as encryption context. Targets are encrypted by calls that
          # carry neither, public projects found, and a gateway with those conditions is refused.
          Sid      = "UseGatewayKey"
          Effect   = "Allow"
          Action   = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
          Resource = var.gateway_kms_key_arn
        },
        {
          Sid      = "LetAgentCoreUseGatewayKey"
          Effect   = "Allow"
          Action   = "kms:CreateGrant"
          Resource = var.gateway_kms_key_arn
          Condition = {
            StringEquals                = { "kms:GrantConstraintType" = "EncryptionContextSubset" }
            "ForAllValues:StringEquals" = { "kms:GrantOperations" = ["Decrypt", "GenerateDataKey"] }
            Null                        = { "kms:GrantOperations" = "false" } # ForAllValues also holds without the key
          }
        },
      ] : statement if var.gateway_kms_key_arn != null],
      local.deny_tenants,
    )
  })
}
