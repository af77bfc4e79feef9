# The one door to the tools. In order: authorizer, interceptor, policies, target.
resource "aws_bedrockagentcore_gateway" "this" {
  name            = "${var.name_prefix}-gateway"
  description     = "Tools of the clinic assistant."
  role_arn        = var.role_arn
  protocol_type   = "MCP"
  authorizer_type = "CUSTOM_JWT"
  kms_key_arn     = var.kms_key_arn
  tags            = var.tags
  # No exception_level: its only value, DEBUG, tells callers ARNs and errors of functions.

  authorizer_configuration {
    custom_jwt_authorizer {
      discovery_url   = var.authorizer.discovery_url
      allowed_clients = var.authorizer.allowed_clients # access tokens of Cognito have no audience

      # An ID token has no client_id and fails above already; this says what is meant.
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
      # A STRING claim is compared with one value only, so the token names its tier in a list too.
      custom_claim {
        inbound_token_claim_name       = "tiers"
        inbound_token_claim_value_type = "STRING_ARRAY"
        authorizing_claim_match_value {
          claim_match_operator = "CONTAINS_ANY"
          claim_match_value {
            match_value_string_list = var.authorizer.tiers
          }
        }
      }
    }
  }

  interceptor_configuration {
    interception_points = ["REQUEST"]
    interceptor {
      lambda {
        arn = var.interceptor_function_arn
      }
    }
    input_configuration {
      pass_request_headers = true # the token is one
    }
  }

  policy_engine_configuration {
    arn  = var.policy_engine_arn
    mode = var.policy_mode
  }

  protocol_configuration {
    mcp {
      # No search_type: semantic search would add a tool that the catalog does not know.
      session_configuration {
        session_timeout_in_seconds = var.session_timeout_seconds
      }
    }
  }
}
