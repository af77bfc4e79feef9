# Two resources, since a target is one kind or the other for good, and alternatives in dynamic blocks are unknown to
# `terraform validate`.
resource "aws_bedrockagentcore_gateway_target" "function" {
  for_each           = { for name, t in var.targets : name => t if t.lambda_function_arn != null }
  gateway_identifier = aws_bedrockagentcore_gateway.this.gateway_id
  name               = each.key
  description        = each.value.description

  credential_provider_configuration {
    gateway_iam_role {}
  }

  dynamic "metadata_configuration" {
    for_each = length(each.value.request_headers) == 0 ? [] : [each.value.request_headers]
    content {
      allowed_request_headers = metadata_configuration.value
    }
  }

  target_configuration {
    mcp {
      lambda {
        lambda_arn = each.value.lambda_function_arn
        tool_schema {
          dynamic "inline_payload" {
            for_each = each.value.tools
            content {
              name        = inline_payload.key
              description = inline_payload.value.description
              input_schema {
                type = "object"
                dynamic "property" {
                  for_each = inline_payload.value.properties
                  content {
                    name        = property.key
                    type        = property.value.type
                    description = property.value.description
                    required    = property.value.required
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}

resource "aws_bedrockagentcore_gateway_target" "connector" {
  for_each           = { for name, t in var.targets : name => t if t.connector_id != null }
  gateway_identifier = aws_bedrockagentcore_gateway.this.gateway_id
  name               = each.key
  description        = each.value.description

  credential_provider_configuration {
    gateway_iam_role {}
  }

  target_configuration {
    mcp {
      connector {
        enabled = [for name, tool in each.value.tools : coalesce(tool.wire_tool, name)] # not what a later version may add
        source {
          connector_id = each.value.connector_id
          version      = each.value.connector_version
        }
        # The connector knows its tools' arguments: properties are not passed on.
        dynamic "configuration" {
          for_each = each.value.tools
          content {
            name             = coalesce(configuration.value.wire_tool, configuration.key)
            description      = configuration.value.description
            parameter_values = jsonencode({}) # left out, the service refuses the configuration as empty
          }
        }
      }
    }
  }
}
