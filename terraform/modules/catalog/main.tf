# Rules that join two fields or two files, which a JSON Schema cannot say, and the normalised result.
locals {
  _tier_problems = flatten([for name, t in var.tiers : [
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
        broken = length(try(setsubtract(t.tools, keys(var.tools)), [])) > 0
        text   = "tools: must each be a file in tools/ (${join(", ", keys(var.tools))}); got ${try(jsonencode(sort(setsubtract(t.tools, keys(var.tools)))), "")}"
      },
      {
        broken = try(t.access_hours_utc.from >= t.access_hours_utc.to, false)
        text   = "access_hours_utc.to: must be after from (${try(t.access_hours_utc.from, "")}), on the same day; got ${try(t.access_hours_utc.to, "")}"
      },
      {
        broken = try(t.limits.burst < t.limits.requests_per_second, false)
        text   = "limits.burst: must be at least requests_per_second (${try(t.limits.requests_per_second, "")}); got ${try(t.limits.burst, "")}"
      },
      {
        broken = length(try(setintersection(t.guardrail.blocked_information, t.guardrail.masked_information), [])) > 0
        text   = "guardrail.masked_information: must not be in blocked_information too; got ${try(jsonencode(sort(setintersection(t.guardrail.blocked_information, t.guardrail.masked_information))), "")}"
      },
    ] : "tiers.${name}.${rule.text}" if rule.broken
  ]])

  # On the Gateway a tool is <target>___<its name there>. The agent drops the target and turns CamelCase into snake_case.
  _wire_tools = { for file, t in var.tools : file => try(t.connector.tool, t.name, "") }
  _bare_names = { for file, name in local._wire_tools : file => try(lower(replace(name, "/([a-z0-9])([A-Z])/", "$${1}_$${2}")), "") }
  _targets    = { for file, t in var.tools : file => try("${t.target}: ${t.connector.id}", "${t.target}: function", "") }

  _tool_problems = flatten([for file, t in var.tools : [
    for rule in [
      {
        broken = try(t.name != file, false)
        text   = "name: must be the file's name, ${file}; got ${try(jsonencode(t.name), "")}"
      },
      {
        broken = length([for other, o in var.tools : other if other != file && try(o.name == t.name, false)]) > 0
        text   = "name: must be the only one; tools.${join(", tools.", [for other, o in var.tools : other if other != file && try(o.name == t.name, false)])} has it too; got ${try(jsonencode(t.name), "")}"
      },
      {
        broken = can(t.connector.tool) && try(local._bare_names[file] != t.name, false)
        text   = "connector.tool: must be name (${try(t.name, "")}) in snake case, since the agent calls it so; got ${try(jsonencode(t.connector.tool), "")}"
      },
      {
        broken = length([for other, bare in local._bare_names : other if other != file && bare == local._bare_names[file]]) > 0
        text   = "${can(t.connector.tool) ? "connector.tool" : "name"}: must differ in snake case from those of other tools; tools.${join(", tools.", [for other, bare in local._bare_names : other if other != file && bare == local._bare_names[file]])} is ${local._bare_names[file]} too; got ${jsonencode(local._wire_tools[file])}"
      },
      {
        broken = length(distinct([for other, o in var.tools : local._targets[other] if try(o.target == t.target, false)])) > 1
        text   = "target: must be either the platform's function or one connector for all its tools (${join(", ", distinct([for other, o in var.tools : local._targets[other] if try(o.target == t.target, false)]))}); got ${try(jsonencode(t.target), "")}"
      },
      {
        broken = length(try(setsubtract(t.inputSchema.required, keys(t.inputSchema.properties)), [])) > 0
        text   = "inputSchema.required: must each be in properties (${try(join(", ", keys(t.inputSchema.properties)), "")}); got ${try(jsonencode(sort(setsubtract(t.inputSchema.required, keys(t.inputSchema.properties)))), "")}"
      },
    ] : "tools.${file}.${rule.text}" if rule.broken
  ]])

  problems = concat(
    local._schema_problems, local._name_problems, local._key_problems, local._type_problems, local._rule_problems,
    local._tier_problems, local._tool_problems,
  )

  # try(): with a bad catalog the preconditions of the outputs speak, not an error in this expression.
  tiers = { for name, t in var.tiers : name => {
    display_name      = try(t.display_name, null)
    model_id          = try(t.model, null)
    max_output_tokens = try(t.max_output_tokens, null)
    history_turns     = try(t.history_turns, null)
    tools             = try(toset(t.tools), toset([]))
    access_hours_utc  = try({ from = t.access_hours_utc.from, to = t.access_hours_utc.to }, null)
    limits = {
      requests_per_second = try(t.limits.requests_per_second, null)
      burst               = try(t.limits.burst, null)
      requests_per_day    = try(t.limits.requests_per_day, null)
    }
    memory = {
      retention_days = try(t.memory.retention_days, null)
      strategies     = try(toset(t.memory.strategies), toset([]))
    }
    guardrail = {
      prompt_attack = try(t.guardrail.prompt_attack, null)
      filters = { for subject in ["sexual", "violence", "hate", "insults", "misconduct"] : subject => {
        input  = try(t.guardrail.filters[subject].input, null)
        output = try(t.guardrail.filters[subject].output, null)
      } }
      profanity           = try(t.guardrail.profanity, null)
      denied_words        = try(toset(t.guardrail.denied_words), toset([]))
      blocked_information = try(toset(t.guardrail.blocked_information), toset([]))
      masked_information  = try(toset(t.guardrail.masked_information), toset([]))
    }
    model = {
      name                         = try(var.models[t.model].name, null)
      context_window_tokens        = try(var.models[t.model].context_window_tokens, null)
      price_input_usd_per_million  = try(var.models[t.model].price_input_usd_per_million, null)
      price_output_usd_per_million = try(var.models[t.model].price_output_usd_per_million, null)
    }
  } }

  tools = { for file, t in var.tools : file => {
    target       = try(t.target, null)
    wire_tool    = local._wire_tools[file]
    wire_name    = "${try(t.target, "")}___${local._wire_tools[file]}"
    description  = try(t.description, null)
    connector_id = try(t.connector.id, null)
    properties = { for name, p in try(t.inputSchema.properties, {}) : name => {
      type        = try(p.type, null)
      description = try(p.description, null)
      required    = try(contains(t.inputSchema.required, name), false)
    } }
  } }
}
