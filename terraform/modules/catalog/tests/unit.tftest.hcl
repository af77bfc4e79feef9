# The real catalog passes; then one wrong thing at a time. A precondition does not tell which problem it found, so
# tests/terraform compares messages too.
variables {
  tiers         = yamldecode(file("../../catalog/tiers.yaml"))
  models        = yamldecode(file("../../catalog/models.yaml"))
  tiers_schema  = jsondecode(file("../../catalog/tiers.schema.json"))
  models_schema = jsondecode(file("../../catalog/models.schema.json"))
}

run "accepts_the_catalog_and_joins_the_models" {
  command = plan
  assert {
    condition     = length(output.tiers) >= 2 && alltrue([for t in values(output.tiers) : t.model.context_window_tokens > 0])
    error_message = "Every tier of the catalog must come out, with its model's sizes."
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
