locals {
  base = replace(var.name_prefix, "-", "_") # names here take no hyphens

  # templatestring(), not templatefile(): the root reads files, so that a test can pass another text.
  statements = { for tier, t in var.tiers : tier => trimspace(templatestring(var.template, {
    tier        = tier
    wire_names  = sort(t.wire_names)
    gateway_arn = var.gateway_arn
    hours       = t.access_hours_utc
  })) }
}

# The gateway is made with the engine's ARN, the policies with the gateway's: so the engine must not wait for anything.
resource "aws_bedrockagentcore_policy_engine" "this" {
  name               = "${local.base}_policies"
  description        = "What each tier may do with the tools."
  encryption_key_arn = var.kms_key_arn
  tags               = var.tags
}

# Nothing is allowed that no policy permits, so a tier's permit is all there is. One statement each: the service takes no more.
resource "aws_bedrockagentcore_policy" "tier" {
  for_each         = local.statements
  policy_engine_id = aws_bedrockagentcore_policy_engine.this.policy_engine_id
  name             = "${local.base}_${each.key}_tools"
  description      = "Tools of tier ${each.key}."
  # Refuses what would always or never apply, and names that the gateway's tools do not have.
  validation_mode = "FAIL_ON_ANY_FINDINGS"

  definition {
    cedar {
      statement = each.value
    }
  }

  lifecycle {
    precondition {
      condition     = length(each.value) >= 35 && length(each.value) <= 10000
      error_message = "tiers.${each.key}: the policy has ${length(each.value)} characters, the service takes 35-10000. Shorten the template or the tier's list of tools."
    }
  }

  depends_on = [var.target_ids]
}
