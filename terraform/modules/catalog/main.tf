# Rules that join two fields or two files, which a JSON Schema cannot say, and the normalised result.
locals {
  _cross_problems = flatten([for name, t in var.tiers : [
    for rule in [
      {
        broken = can(tostring(t.model)) && !contains(keys(var.models), try(t.model, ""))
        text   = "model: must be an entry of models.yaml (${join(", ", keys(var.models))}); got ${try(jsonencode(t.model), "")}"
      },
      {
        broken = try(t.max_output_tokens > var.models[t.model].max_output_tokens, false)
        text   = "max_output_tokens: must be at most ${try(var.models[t.model].max_output_tokens, 0)}, the limit of ${try(t.model, "")}; got ${try(t.max_output_tokens, "")}"
      },
      {
        broken = try(t.limits.burst < t.limits.requests_per_second, false)
        text   = "limits.burst: must be at least requests_per_second (${try(t.limits.requests_per_second, "")}); got ${try(t.limits.burst, "")}"
      },
    ] : "tiers.${name}.${rule.text}" if rule.broken
  ]])

  problems = concat(
    local._schema_problems, local._name_problems, local._key_problems, local._type_problems, local._rule_problems,
    local._cross_problems,
  )

  # try(): with a bad catalog the preconditions of the outputs speak, not an error in this expression.
  tiers = { for name, t in var.tiers : name => {
    display_name      = try(t.display_name, null)
    model_id          = try(t.model, null)
    max_output_tokens = try(t.max_output_tokens, null)
    history_turns     = try(t.history_turns, null)
    tools             = try(toset(t.tools), toset([]))
    limits = {
      requests_per_second = try(t.limits.requests_per_second, null)
      burst               = try(t.limits.burst, null)
      requests_per_day    = try(t.limits.requests_per_day, null)
    }
    memory = {
      retention_days        = try(t.memory.retention_days, null)
      long_term_preferences = try(t.memory.long_term_preferences, null)
    }
    model = {
      name                         = try(var.models[t.model].name, null)
      context_window_tokens        = try(var.models[t.model].context_window_tokens, null)
      price_input_usd_per_million  = try(var.models[t.model].price_input_usd_per_million, null)
      price_output_usd_per_million = try(var.models[t.model].price_output_usd_per_million, null)
    }
  } }
}
