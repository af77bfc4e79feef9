locals {
  # All that a guardrail says. A version is a copy of it, so this is also what a version is made new for.
  content = { for tier, t in var.tiers : tier => {
    message     = var.message
    kms_key_arn = var.kms_key_arn
    filters = merge(
      { for subject, strength in t.filters : upper(subject) => { input = strength.input, output = strength.output } },
      # Looks at questions only: the service takes nothing but NONE for answers.
      { PROMPT_ATTACK = { input = t.prompt_attack, output = "NONE" } },
    )
    words         = sort(t.denied_words)
    managed_words = t.profanity ? ["PROFANITY"] : []
    information = merge(
      { for kind in t.blocked_information : kind => "BLOCK" },
      { for kind in t.masked_information : kind => "ANONYMIZE" },
    )
  } }
}

resource "aws_bedrock_guardrail" "this" {
  for_each                  = local.content
  name                      = "${var.name_prefix}-${each.key}"
  description               = "What tier ${each.key} is refused; used by its versions only"
  blocked_input_messaging   = each.value.message
  blocked_outputs_messaging = each.value.message
  kms_key_arn               = var.kms_key_arn
  tags                      = var.tags

  content_policy_config {
    dynamic "filters_config" {
      for_each = each.value.filters
      content {
        type            = filters_config.key
        input_strength  = filters_config.value.input
        output_strength = filters_config.value.output
      }
    }
  }

  dynamic "word_policy_config" {
    for_each = length(concat(each.value.words, each.value.managed_words)) > 0 ? [each.value] : []
    content {
      dynamic "words_config" {
        for_each = word_policy_config.value.words
        content {
          text = words_config.value
        }
      }
      dynamic "managed_word_lists_config" {
        for_each = word_policy_config.value.managed_words
        content {
          type = managed_word_lists_config.value
        }
      }
    }
  }

  dynamic "sensitive_information_policy_config" {
    for_each = length(each.value.information) > 0 ? [each.value.information] : []
    content {
      dynamic "pii_entities_config" {
        for_each = sensitive_information_policy_config.value
        content {
          type   = pii_entities_config.key
          action = pii_entities_config.value
        }
      }
    }
  }
}

# What calls name. A version can't be changed: a description that follows the content makes a new one for every change, after
# the guardrail itself was changed. The old one stays, because it costs nothing and a call under way may still name it.
resource "aws_bedrock_guardrail_version" "this" {
  for_each      = local.content
  guardrail_arn = aws_bedrock_guardrail.this[each.key].guardrail_arn
  description   = "Content ${sha256(jsonencode(each.value))}"
  skip_destroy  = true
}
