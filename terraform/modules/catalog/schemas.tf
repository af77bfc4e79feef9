# The JSON Schemas, and their rules by path. HCL has no recursion, so the levels are written out, here for the rules and in
# fields.tf for the values: four below an entry. A rule that nobody checks would be a rule on paper, so a schema that goes
# deeper, or that uses a keyword which fields.tf does not apply, is refused.
locals {
  _documents = {
    tiers = {
      entries = var.tiers, schema = "tiers_schema", rule = var.tiers_schema["$defs"].entry, defs = var.tiers_schema["$defs"]
      names   = var.tiers_schema.propertyNames.pattern
    }
    models = {
      entries = var.models, schema = "models_schema", rule = var.models_schema["$defs"].entry, defs = var.models_schema["$defs"]
      names   = var.models_schema.propertyNames.pattern
    }
    # A schema of one file, since each tool has its own; the file's name takes the place of the key.
    tools = {
      entries = var.tools, schema = "tool_schema", rule = var.tool_schema, defs = try(var.tool_schema["$defs"], {})
      names   = var.tool_schema.properties.name.pattern
    }
  }

  # Below a rule: the fields of an object by name, "*" for the values of a map (additionalProperties), "[]" for the items of a
  # list. `written` is what stands in that place, `rule` what it means if that is a $ref.
  _rules_0 = [for document, d in local._documents : { path = d.schema, written = d.rule, rule = d.rule, document = document }]
  _rules_1 = flatten([for o in local._rules_0 : [for key, r in merge(
    try(o.rule.properties, {}),
    can(keys(o.rule.additionalProperties)) ? { "*" = o.rule.additionalProperties } : {},
    can(keys(o.rule.items)) ? { "[]" = o.rule.items } : {},
  ) : { path = "${o.path}.${key}", written = r, rule = try(local._documents[o.document].defs[trimprefix(r["$ref"], "#/$defs/")], r), document = o.document }]])
  _rules_2 = flatten([for o in local._rules_1 : [for key, r in merge(
    try(o.rule.properties, {}),
    can(keys(o.rule.additionalProperties)) ? { "*" = o.rule.additionalProperties } : {},
    can(keys(o.rule.items)) ? { "[]" = o.rule.items } : {},
  ) : { path = "${o.path}.${key}", written = r, rule = try(local._documents[o.document].defs[trimprefix(r["$ref"], "#/$defs/")], r), document = o.document }]])
  _rules_3 = flatten([for o in local._rules_2 : [for key, r in merge(
    try(o.rule.properties, {}),
    can(keys(o.rule.additionalProperties)) ? { "*" = o.rule.additionalProperties } : {},
    can(keys(o.rule.items)) ? { "[]" = o.rule.items } : {},
  ) : { path = "${o.path}.${key}", written = r, rule = try(local._documents[o.document].defs[trimprefix(r["$ref"], "#/$defs/")], r), document = o.document }]])
  _rules_4 = flatten([for o in local._rules_3 : [for key, r in merge(
    try(o.rule.properties, {}),
    can(keys(o.rule.additionalProperties)) ? { "*" = o.rule.additionalProperties } : {},
    can(keys(o.rule.items)) ? { "[]" = o.rule.items } : {},
  ) : { path = "${o.path}.${key}", written = r, rule = try(local._documents[o.document].defs[trimprefix(r["$ref"], "#/$defs/")], r), document = o.document }]])
  _rules      = concat(local._rules_0, local._rules_1, local._rules_2, local._rules_3, local._rules_4)
  _rule       = { for o in local._rules : o.path => o.rule }
  _rule_paths = keys(local._rule)

  # $schema, $defs, title and description are for people and for $ref.
  _keywords = [
    "$defs", "$schema", "additionalProperties", "description", "enum", "items", "maximum", "minItems", "minimum", "pattern",
    "properties", "propertyNames", "required", "title", "type", "uniqueItems",
  ]

  _schema_problems = flatten([
    [for o in local._rules : [for keyword in distinct(concat(keys(o.rule), keys(try(o.rule.propertyNames, {})))) :
      "${o.path}.${keyword}: is a keyword that this module does not check"
    if !contains(local._keywords, keyword) && !(keyword == "not" && can(o.rule.propertyNames.not.pattern))]],
    [for o in local._rules : [for keyword in keys(o.written) :
      "${o.path}.${keyword}: does not count beside $ref"
    if can(o.written["$ref"]) && !contains(["$ref", "description"], keyword)]],
    [for o in local._rules : "${o.path}.type: is required" if !can(o.rule.type)],
    [for o in local._rules_4 : "${o.path}: is nested deeper than this module checks"
    if can(keys(o.rule.properties)) || can(keys(o.rule.items)) || can(keys(o.rule.additionalProperties))],
  ])
}
