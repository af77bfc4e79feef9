# The rules that schemas.tf has collected, applied at plan time: to every entry, to what stands in it, and so on.
locals {
  # Every value that is there, with the path of its rule: fields of objects, values of maps, items of lists.
  _values_0 = flatten([for document, d in local._documents : [for name, entry in d.entries :
    { path = "${document}.${name}", value = entry, rule = d.schema }
  ]])
  _values_1 = flatten([for o in local._values_0 : concat(
    [for key in try(keys(o.value), []) : { path = "${o.path}.${key}", value = o.value[key], rule = "${o.rule}.${key}" } if contains(local._rule_paths, "${o.rule}.${key}")],
    [for key in try(keys(o.value), []) : { path = "${o.path}.${key}", value = o.value[key], rule = "${o.rule}.*" } if contains(local._rule_paths, "${o.rule}.*")],
    [for n in range(try(length(tolist(o.value)), 0)) : { path = "${o.path}[]", value = o.value[n], rule = "${o.rule}.[]" } if contains(local._rule_paths, "${o.rule}.[]")],
  )])
  _values_2 = flatten([for o in local._values_1 : concat(
    [for key in try(keys(o.value), []) : { path = "${o.path}.${key}", value = o.value[key], rule = "${o.rule}.${key}" } if contains(local._rule_paths, "${o.rule}.${key}")],
    [for key in try(keys(o.value), []) : { path = "${o.path}.${key}", value = o.value[key], rule = "${o.rule}.*" } if contains(local._rule_paths, "${o.rule}.*")],
    [for n in range(try(length(tolist(o.value)), 0)) : { path = "${o.path}[]", value = o.value[n], rule = "${o.rule}.[]" } if contains(local._rule_paths, "${o.rule}.[]")],
  )])
  _values_3 = flatten([for o in local._values_2 : concat(
    [for key in try(keys(o.value), []) : { path = "${o.path}.${key}", value = o.value[key], rule = "${o.rule}.${key}" } if contains(local._rule_paths, "${o.rule}.${key}")],
    [for key in try(keys(o.value), []) : { path = "${o.path}.${key}", value = o.value[key], rule = "${o.rule}.*" } if contains(local._rule_paths, "${o.rule}.*")],
    [for n in range(try(length(tolist(o.value)), 0)) : { path = "${o.path}[]", value = o.value[n], rule = "${o.rule}.[]" } if contains(local._rule_paths, "${o.rule}.[]")],
  )])
  _values_4 = flatten([for o in local._values_3 : concat(
    [for key in try(keys(o.value), []) : { path = "${o.path}.${key}", value = o.value[key], rule = "${o.rule}.${key}" } if contains(local._rule_paths, "${o.rule}.${key}")],
    [for key in try(keys(o.value), []) : { path = "${o.path}.${key}", value = o.value[key], rule = "${o.rule}.*" } if contains(local._rule_paths, "${o.rule}.*")],
    [for n in range(try(length(tolist(o.value)), 0)) : { path = "${o.path}[]", value = o.value[n], rule = "${o.rule}.[]" } if contains(local._rule_paths, "${o.rule}.[]")],
  )])
  _values = [for v in concat(local._values_0, local._values_1, local._values_2, local._values_3, local._values_4) :
    { path = v.path, value = v.value, rule = local._rule[v.rule] }
  ]
  _objects = [for v in local._values : v if v.rule.type == "object" && can(keys(v.value))]

  _key_problems = flatten([for o in local._objects : concat(
    can(o.rule.additionalProperties.type) ? [] : [for key in keys(o.value) :
      "${o.path}.${key}: unknown key; known are ${join(", ", keys(try(o.rule.properties, {})))}"
    if !contains(keys(try(o.rule.properties, {})), key)],
    [for key in try(o.rule.required, []) : "${o.path}.${key}: is required" if !contains(keys(o.value), key)],
    [for key in keys(o.value) : "${o.path}.${key}: the name must match ${o.rule.propertyNames.pattern}; got ${jsonencode(key)}"
    if can(o.rule.propertyNames.pattern) && !can(regex(try(o.rule.propertyNames.pattern, ""), key))],
    [for key in keys(o.value) : "${o.path}.${key}: ${o.rule.propertyNames.description}; got ${jsonencode(key)}"
    if can(regex(o.rule.propertyNames.not.pattern, key))],
  )])

  # `5 == "5"` is false, so comparing a value with its conversion tells types apart. null converts to anything.
  _type_problems = [for v in local._values : "${v.path}: must be ${v.rule.type == "object" ? "an object" : "of type ${v.rule.type}"}; got ${jsonencode(v.value)}"
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
      broken = can(v.rule.minItems) && try(length(v.value) < v.rule.minItems, false)
      text   = "must have at least ${try(v.rule.minItems, "")} item(s)"
    },
    {
      broken = try(v.rule.uniqueItems, false) && try(length(distinct(v.value)) != length(v.value), false)
      text   = "must not repeat an item"
    },
  ] : "${v.path}: ${rule.text}; got ${jsonencode(v.value)}" if rule.broken]])

  _name_problems = flatten([for document, d in local._documents : concat(
    [for name in keys(d.entries) : "${document}.${name}: the name must match ${d.names}; got ${jsonencode(name)}"
    if !can(regex(d.names, name))],
    length(keys(d.entries)) == 0 ? ["${document}: must not be empty; got {}"] : [],
  )])
}
