resource "aws_bedrockagentcore_gateway" "this" {
  name            = "clinic-gateway"
  role_arn        = "arn:aws:iam::111122223333:role/clinic-gateway"
  protocol_type   = "MCP"
  authorizer_type = "CUSTOM_JWT"
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
  policy_engine_configuration {
    arn  = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:policy-engine/clinic-a1b2c3d4e5"
    mode = "ENFORCE"
  }
}
