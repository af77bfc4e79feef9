# The real catalog passes; then one wrong thing at a time. A precondition does not tell which problem it found, so
# tests/terraform compares messages too.
variables {
  tiers         = yamldecode(file("../../catalog/tiers.yaml"))
  models        = yamldecode(file("../../catalog/models.yaml"))
  tools         = { for f in fileset("../../catalog/tools", "*.json") : trimsuffix(f, ".json") => jsondecode(file("../../catalog/tools/${f}")) }
  tiers_schema  = jsondecode(file("../../catalog/tiers.schema.json"))
  models_schema = jsondecode(file("../../catalog/models.schema.json"))
  tool_schema   = jsondecode(file("../../catalog/tool.schema.json"))
}

run "accepts_the_catalog_and_joins_the_models" {
  command = plan
  assert {
    condition     = length(output.tiers) >= 2 && alltrue([for t in values(output.tiers) : t.model.context_window_tokens > 0])
    error_message = "Every tier of the catalog must come out, with its model's sizes."
  }
  assert {
    condition     = output.tiers.basic.access_hours_utc == { from = 6, to = 20 } && output.tiers.premium.access_hours_utc == null
    error_message = "Access hours must come out, and null where a tier has none."
  }
  assert {
    condition     = output.tiers.basic.memory.strategies == toset([]) && output.tiers.premium.memory.strategies == toset(["preferences"])
    error_message = "What a tier remembers must come out."
  }
}

run "tools_come_out_with_their_names_on_the_gateway" {
  command = plan
  assert {
    condition = { for name, t in output.tools : name => t.wire_name } == {
      clinic_profile   = "clinic-data___clinic_profile"
      get_patient      = "clinic-data___get_patient"
      list_patients    = "clinic-data___list_patients"
      search_documents = "clinic-data___search_documents"
      web_search       = "web-search___WebSearch"
    }
    error_message = "A tool's name on the Gateway is its target, three underscores, and its name there."
  }
  assert {
    condition     = [output.tools.web_search.target, output.tools.web_search.wire_tool, output.tools.web_search.connector_id] == ["web-search", "WebSearch", "web-search"]
    error_message = "A connector's tool must come out with the connector's own name."
  }
  assert {
    condition     = { for name, p in output.tools.search_documents.properties : name => "${p.type} ${p.required}" } == { query = "string true", limit = "integer false" }
    error_message = "Arguments must come out with type and whether they are required."
  }
}

run "rejects_tiers_that_are_no_map" {
  command = plan
  variables {
    tiers = ["basic"]
  }
  expect_failures = [var.tiers]
}

run "rejects_models_that_are_no_map" {
  command = plan
  variables {
    models = "none"
  }
  expect_failures = [var.models]
}

run "rejects_tools_that_are_no_map" {
  command = plan
  variables {
    tools = ["search_documents"]
  }
  expect_failures = [var.tools]
}

run "rejects_a_tool_schema_without_properties" {
  command = plan
  variables {
    tool_schema = { type = "object" }
  }
  expect_failures = [var.tool_schema]
}

run "rejects_no_tools" {
  command = plan
  variables {
    tools = {}
  }
  expect_failures = [output.tiers]
}

run "rejects_a_tiers_schema_without_entry" {
  command = plan
  variables {
    tiers_schema = { type = "object" }
  }
  expect_failures = [var.tiers_schema]
}

run "rejects_a_models_schema_without_entry" {
  command = plan
  variables {
    models_schema = { type = "object" }
  }
  expect_failures = [var.models_schema]
}

run "rejects_an_empty_catalog" {
  command = plan
  variables {
    tiers = {}
  }
  expect_failures = [output.tiers]
}

run "rejects_an_unknown_key" {
  command = plan
  variables {
    tiers = merge(yamldecode(file("../../catalog/tiers.yaml")), {
      basic = merge(yamldecode(file("../../catalog/tiers.yaml")).basic, { colour = "blue" })
    })
  }
  expect_failures = [output.tiers]
}

run "rejects_an_unknown_model" {
  command = plan
  variables {
    tiers = merge(yamldecode(file("../../catalog/tiers.yaml")), {
      basic = merge(yamldecode(file("../../catalog/tiers.yaml")).basic, { model = "acme.unheard-of" })
    })
  }
  expect_failures = [output.tiers]
}
