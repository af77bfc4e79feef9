# The JSON Schemas, applied at plan time. HCL has no recursion, so two levels are written out: the fields of an entry, and
# the fields of an object in it. The schemas use no more, and keywords that
# are not checked here are refused.
locals {
  _documents = {
    tiers  = { entries = var.tiers, schema = var.tiers_schema }
    models = { entries = var.models, schema = var.models_schema }
  }

  # Objects whose keys are checked: each entry, and each object-typed field of an entry.
  _objects = flatten([for document, d in local._documents : [for name, entry in d.entries : concat(
    [{ path = "${document}.${name}", value = entry, rule = d.schema["$defs"].entry }],
    [for field, rule in d.schema["$defs"].entry.properties : {
      path  = "${document}.${name}.${field}"
      value = entry[field]
      rule  = rule
    } if rule.type == "object" && can(entry[field])]
  )]])

  _key_problems = flatten([for o in local._objects : can(keys(o.value)) ? concat(
    [for key in keys(o.value) : "${o.path}.${key}: unknown key; known are ${join(", ", keys(o.rule.properties))}"
    if !contains(keys(o.rule.properties), key)],
    [for key in o.rule.required : "${o.path}.${key}: is required" if !contains(keys(o.value), key)],
  ) : ["${o.path}: must be an object; got ${jsonencode(o.value)}"]])

  # Values that are checked: every field that is present, and every item of a list.
  _fields = flatten([for o in local._objects : [for key, rule in o.rule.properties : {
    path  = "${o.path}.${key}"
    value = o.value[key]
    rule  = rule
  } if can(o.value[key])]])
  _values = concat(local._fields, flatten([for f in local._fields : [for item in try(tolist(f.value), []) : {
    path  = "${f.path}[]"
    value = item
    rule  = f.rule.items
  }] if f.rule.type == "array"]))

  # `5 == "5"` is false, so comparing a value with its conversion tells types apart. null converts to anything.
  _type_problems = [for v in local._values : "${v.path}: must be of type ${v.rule.type}; got ${jsonencode(v.value)}"
    if v.value == null || !try({
      string  = try(v.value == tostring(v.value), false)
      integer = try(v.value == tonumber(v.value) && floor(v.value) == v.value, false)
      number  = try(v.value == tonumber(v.value), false)
      boolean = try(v.value == tobool(v.value), false)
      array   = can(tolist(v.value))
      object  = can(keys(v.value))
  }[v.rule.type], false)]

  _rule_problems = flatten([for v in local._values : [for rule in [
    {
      broken = can(v.rule.minimum) && try(v.value < v.rule.minimum, false)
      text   = "must be at least ${try(v.rule.minimum, "")}"
    },
    {
      broken = can(v.rule.maximum) && try(v.value > v.rule.maximum, false)
      text   = "must be at most ${try(v.rule.maximum, "")}"
    },
    {
      broken = can(v.rule.pattern) && !can(regex(v.rule.pattern, v.value))
      text   = "must match ${try(v.rule.pattern, "")}"
    },
    {
      broken = can(v.rule.enum) && !try(contains(v.rule.enum, v.value), false)
      text   = "must be one of ${try(join(", ", v.rule.enum), "")}"
    },
    {
      broken = try(v.rule.uniqueItems, false) && try(length(distinct(v.value)) != length(v.value), false)
      text   = "must not repeat an item"
    },
  ] : "${v.path}: ${rule.text}; got ${jsonencode(v.value)}" if rule.broken]])

  _name_problems = flatten([for document, d in local._documents : concat(
    [for name in keys(d.entries) :
      "${document}.${name}: the name must match ${d.schema.propertyNames.pattern}; got ${jsonencode(name)}"
    if !can(regex(d.schema.propertyNames.pattern, name))],
    length(keys(d.entries)) < d.schema.minProperties ? ["${document}: must not be empty; got {}"] : [],
  )])

  # A keyword that nobody checks would be a rule on paper. $schema, title and description are for people.
  _keywords = ["additionalProperties", "description", "enum", "items", "maximum", "minimum", "pattern", "properties", "required", "type", "uniqueItems"]
  _schema_problems = flatten([for document, d in local._documents : [for path, rule in merge(
    { "$defs.entry" = d.schema["$defs"].entry },
    d.schema["$defs"].entry.properties,
    [for field, rule in d.schema["$defs"].entry.properties : { for key, inner in try(rule.properties, {}) : "${field}.${key}" => inner }]...
    ) : [for keyword in keys(rule) : "${document}_schema.${path}.${keyword}: is a keyword that this module does not check"
  if !contains(local._keywords, keyword)]]])
}
