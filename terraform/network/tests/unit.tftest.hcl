mock_provider "aws" {
  override_during = plan
  mock_resource "aws_vpc_endpoint" {
    defaults = {
      prefix_list_id = "pl-00000000"
    }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = {
      arn = "arn:aws:logs:us-east-1:111122223333:log-group:mock"
    }
  }
  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::111122223333:role/mock"
    }
  }
}

# As example.tfvars.
variables {
  environment      = "dev"
  production       = false
  cost_centre      = "clinic-platform-dev"
  account_id       = "111122223333"
  region           = "us-east-1"
  name_prefix      = "clinic-dev-use1"
  cidr             = "10.64.0.0/20"
  zone_ids         = ["use1-az1", "use1-az2"]
  artifacts_bucket = "clinic-artifacts-111122223333-us-east-1"
}

run "the_example_is_planned" {
  command = plan
  assert {
    condition     = jsonencode({ for id, s in module.network.private_subnets : id => s.cidr }) == jsonencode({ use1-az1 = "10.64.1.0/24", use1-az2 = "10.64.2.0/24" })
    error_message = "Each zone has its subnet."
  }
  assert {
    condition     = output.network.mode == "VPC" && jsonencode(output.nat_addresses) == "{}"
    error_message = "The output goes into an environment, and nothing leads out."
  }
}

# Below, each input of a run must fail by itself: terraform test misses none of expect_failures.
run "rejects_bad_settings" {
  command = plan
  variables {
    environment = "Dev!"
    cost_centre = ""
  }
  expect_failures = [var.environment, var.cost_centre]
}

run "rejects_an_environment_prod_that_is_no_production" {
  command = plan
  variables {
    environment = "prod"
  }
  expect_failures = [var.production]
}

run "rejects_logs_of_production_that_are_short_or_have_no_key" {
  command = plan
  variables {
    production         = true
    log_retention_days = 180
  }
  expect_failures = [var.log_retention_days, var.log_kms_key_arn]
}

run "rejects_a_folder_without_a_catalog" {
  command = plan
  variables {
    catalog_dir = "/nowhere"
  }
  expect_failures = [var.catalog_dir]
}
