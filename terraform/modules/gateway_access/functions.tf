# Stands before every call: verifies the token, and replaces what a client says about itself by what the token says.
module "interceptor" {
  source               = "../function"
  name                 = local.interceptor_name
  account_id           = var.account_id
  region               = var.region
  partition            = var.partition
  package              = var.lambda_package
  handler              = "clinic_agent.lambdas.interceptor.handler"
  timeout_seconds      = var.interceptor.timeout_seconds
  memory_mb            = var.interceptor.memory_mb
  reserved_concurrency = var.interceptor.reserved_concurrency
  log_retention_days   = var.log_retention_days
  log_kms_key_arn      = var.log_kms_key_arn
  aws_endpoint_url     = var.aws_endpoint_url
  tags                 = var.tags

  environment = merge(local.token_environment, {
    TOOL_ARGUMENTS = jsonencode({ for wire_name, arguments in var.tool_arguments : wire_name => sort(arguments) })
  })
  statements = local.deny_tenants
}

# The tools of the target clinic-data. They hold no right to data: each call gets the credentials of its token's tenant.
module "tools" {
  source               = "../function"
  name                 = local.tools_name
  account_id           = var.account_id
  region               = var.region
  partition            = var.partition
  package              = var.lambda_package
  handler              = "clinic_agent.lambdas.tools.handler"
  timeout_seconds      = var.tools.timeout_seconds
  memory_mb            = var.tools.memory_mb
  reserved_concurrency = var.tools.reserved_concurrency
  log_retention_days   = var.log_retention_days
  log_kms_key_arn      = var.log_kms_key_arn
  aws_endpoint_url     = var.aws_endpoint_url
  tags                 = var.tags

  environment = merge(local.token_environment, {
    BROKER_FUNCTION  = var.broker_function_arn
    DOCUMENTS_BUCKET = var.data.documents_bucket
    PATIENTS_TABLE   = var.data.patients_table
  })
  statements = concat(
    [{
      Sid      = "AskBroker"
      Effect   = "Allow"
      Action   = "lambda:InvokeFunction"
      Resource = var.broker_function_arn
    }],
    local.deny_tenants,
  )
}
