resource "aws_iam_role" "this" {
  name = "clinic-runtime"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AgentCore"
      Effect    = "Allow"
      Principal = { Service = "bedrock-agentcore.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = "111122223333" }
        ArnLike      = { "aws:SourceArn" = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:runtime/*" }
      }
    }]
  })
}

resource "aws_bedrockagentcore_agent_runtime" "this" {
  agent_runtime_name = "clinic_agent"
  role_arn           = "arn:aws:iam::111122223333:role/clinic-runtime"
  agent_runtime_artifact {
    code_configuration {
      runtime     = "PYTHON_3_11"
      entry_point = ["main.py"]
      code {
        s3 {
          bucket = "clinic-artifacts"
          prefix = "agents/clinic-agent/1.0.0/runtime.zip"
        }
      }
    }
  }
  authorizer_configuration {
    custom_jwt_authorizer {
      discovery_url   = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Abc/.well-known/openid-configuration"
      allowed_clients = ["7exampleclientid"]
      custom_claim {
        inbound_token_claim_name       = "token_use"
        inbound_token_claim_value_type = "STRING"
        authorizing_claim_match_value {
          claim_match_operator = "EQUALS"
          claim_match_value {
            match_value_string = "access"
          }
        }
      }
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
  request_header_configuration {
    request_header_allowlist = ["Authorization"]
  }
  network_configuration {
    network_mode = "PUBLIC"
  }
  lifecycle_configuration = [{
    idle_runtime_session_timeout = 900
    max_lifetime                 = 28800
  }]
}

resource "aws_bedrockagentcore_agent_runtime_endpoint" "this" {
  agent_runtime_id      = aws_bedrockagentcore_agent_runtime.this.agent_runtime_id
  name                  = "live"
  agent_runtime_version = "1"
}
