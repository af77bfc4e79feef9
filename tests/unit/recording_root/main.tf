# One of each AgentCore type, for the tests of the recording provider. Not a deployment: the names are made up.
terraform {
  required_version = ">= 1.11, < 2.0"
  required_providers {
    aws = { source = "hashicorp/aws", version = "6.69.1" }
  }
  backend "local" {}
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]
  default_tags {
    tags = { Product = "clinic" }
  }
}

data "aws_caller_identity" "current" {}

data "aws_iam_policy_document" "read" {
  statement {
    sid       = "Read"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::clinic-documents/*"]
    condition {
      test     = "StringEquals"
      variable = "aws:PrincipalTag/Tier"
      values   = ["basic"]
    }
  }
}

resource "aws_bedrockagentcore_policy_engine" "this" {
  name = "${var.name}_policies"
  tags = { Tier = "all" }
}

resource "aws_bedrockagentcore_gateway" "this" {
  name            = "${var.name}-Gateway"
  description     = var.description
  role_arn        = "arn:aws:iam::${var.account_id}:role/gateway"
  authorizer_type = "CUSTOM_JWT"

  authorizer_configuration {
    custom_jwt_authorizer {
      discovery_url   = "https://idp.example/.well-known/openid-configuration"
      allowed_clients = ["client"]
      custom_claim {
        inbound_token_claim_name       = "tiers"
        inbound_token_claim_value_type = "STRING_ARRAY"
        authorizing_claim_match_value {
          claim_match_operator = "CONTAINS_ANY"
          claim_match_value {
            match_value_string_list = ["basic", "premium"]
          }
        }
      }
    }
  }

  interceptor_configuration {
    interception_points = ["REQUEST"]
    interceptor {
      lambda {
        arn = "arn:aws:lambda:${var.region}:${var.account_id}:function:interceptor"
      }
    }
    input_configuration {
      pass_request_headers = true
    }
  }

  policy_engine_configuration {
    arn  = aws_bedrockagentcore_policy_engine.this.policy_engine_arn
    mode = "ENFORCE"
  }
}

resource "aws_bedrockagentcore_gateway_target" "tools" {
  gateway_identifier = aws_bedrockagentcore_gateway.this.gateway_id
  name               = "clinic-data"
  description        = var.description

  credential_provider_configuration {
    gateway_iam_role {}
  }

  target_configuration {
    mcp {
      lambda {
        lambda_arn = "arn:aws:lambda:${var.region}:${var.account_id}:function:tools"
        tool_schema {
          inline_payload {
            name        = "list_patients"
            description = "List patients."
            input_schema {
              type = "object"
              property {
                name = "limit"
                type = "integer"
              }
              property {
                name     = "cursor"
                type     = "string"
                required = true
              }
            }
          }
        }
      }
    }
  }
}

resource "aws_bedrockagentcore_policy" "basic" {
  name             = "basic_tools"
  policy_engine_id = aws_bedrockagentcore_policy_engine.this.policy_engine_id
  description      = var.description

  definition {
    cedar {
      statement = "permit(principal, action, resource == AgentCore::Gateway::\"${aws_bedrockagentcore_gateway.this.gateway_arn}\");"
    }
  }
}

resource "aws_bedrockagentcore_memory" "this" {
  name                  = "${var.name}_basic"
  event_expiry_duration = 90
  description           = var.description
}

resource "aws_bedrockagentcore_memory_strategy" "preferences" {
  memory_id           = aws_bedrockagentcore_memory.this.id
  name                = "preferences"
  type                = "USER_PREFERENCE"
  namespace_templates = ["/actors/{actorId}/preferences/"]
}

resource "aws_bedrockagentcore_agent_runtime" "this" {
  agent_runtime_name = "${var.name}_agent"
  description        = var.description
  role_arn           = "arn:aws:iam::${var.account_id}:role/agent"

  agent_runtime_artifact {
    code_configuration {
      runtime     = "PYTHON_3_13"
      entry_point = ["main.py"]
      code {
        s3 {
          bucket = "clinic-artifacts"
          prefix = "agent.zip"
        }
      }
    }
  }

  network_configuration {
    network_mode = "PUBLIC"
  }

  environment_variables = {
    GATEWAY_URL = aws_bedrockagentcore_gateway.this.gateway_url
    MEMORY_ID   = aws_bedrockagentcore_memory.this.id
    SECRET      = "not-for-the-journal"
  }
}

resource "aws_bedrockagentcore_agent_runtime_endpoint" "live" {
  name                  = "live"
  agent_runtime_id      = aws_bedrockagentcore_agent_runtime.this.agent_runtime_id
  agent_runtime_version = "1"
}

resource "aws_bedrock_guardrail" "this" {
  name                      = "${var.name}-basic"
  description               = var.description
  blocked_input_messaging   = "No."
  blocked_outputs_messaging = "No."
  content_policy_config {
    filters_config {
      type            = "PROMPT_ATTACK"
      input_strength  = "HIGH"
      output_strength = "NONE"
    }
  }
}

resource "aws_bedrock_guardrail_version" "this" {
  guardrail_arn = aws_bedrock_guardrail.this.guardrail_arn
}

output "account_id" {
  value = data.aws_caller_identity.current.account_id
}

output "policy" {
  value = jsondecode(data.aws_iam_policy_document.read.json)
}
