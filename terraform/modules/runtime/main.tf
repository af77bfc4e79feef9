# The agent refuses to start on a platform of another contract.
module "contract" {
  source = "../contract"
}

resource "aws_bedrockagentcore_agent_runtime" "this" {
  agent_runtime_name = var.name
  description        = "Clinic assistant ${var.agent_version}."
  role_arn           = var.role_arn

  agent_runtime_artifact {
    code_configuration {
      runtime     = var.bundle.runtime
      entry_point = var.bundle.entry_point
      code {
        s3 {
          bucket = var.bundle.bucket
          prefix = var.bundle.key
        }
      }
    }
  }

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

  request_header_configuration {
    request_header_allowlist = var.request_headers
  }

  protocol_configuration {
    server_protocol = "HTTP"
  }

  network_configuration {
    network_mode = var.network.mode
    dynamic "network_mode_config" {
      for_each = var.network.mode == "VPC" ? [var.network] : []
      content {
        subnets         = network_mode_config.value.subnets
        security_groups = network_mode_config.value.security_groups
      }
    }
  }

  lifecycle_configuration = [{
    idle_runtime_session_timeout = var.idle_timeout_seconds
    max_lifetime                 = var.max_lifetime_seconds
  }]

  environment_variables = merge(var.environment, module.contract.environment)

  # A runtime has no argument for the bundle's checksum; the tags tell what the newest version should run.
  tags = merge(var.tags, { AgentVersion = var.agent_version, BundleSha256 = var.bundle.sha256 })
}

resource "aws_bedrockagentcore_agent_runtime_endpoint" "this" {
  for_each              = var.endpoints
  agent_runtime_id      = aws_bedrockagentcore_agent_runtime.this.agent_runtime_id
  name                  = each.key
  agent_runtime_version = each.value
  tags                  = var.tags

  lifecycle {
    precondition {
      condition     = tonumber(each.value) <= tonumber(aws_bedrockagentcore_agent_runtime.this.agent_runtime_version)
      error_message = "endpoints.${each.key}: must be a version that exists, the newest is ${aws_bedrockagentcore_agent_runtime.this.agent_runtime_version}; got ${jsonencode(each.value)}."
    }
    precondition {
      # The number was foretold. If AgentCore gave another, an endpoint would serve an agent of another contract.
      condition     = var.coming_version == null ? true : aws_bedrockagentcore_agent_runtime.this.agent_runtime_version == var.coming_version
      error_message = "coming_version: this apply had to make version ${coalesce(var.coming_version, "-")}, and the newest is ${aws_bedrockagentcore_agent_runtime.this.agent_runtime_version}. Endpoints were not moved; make promote with --with-apply again once the release file knows every version."
    }
  }
}
