locals {
  # Tokens carry Cognito's own issuer even where documents and keys are served elsewhere.
  issuer    = "https://cognito-idp.${var.region}.${var.partition == "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com"}/${aws_cognito_user_pool.this.id}"
  oidc_base = var.oidc_base_url == null ? local.issuer : "${var.oidc_base_url}/${aws_cognito_user_pool.this.id}"
}

output "user_pool_id" {
  description = "Id of the user pool, once its claims function works: before, every sign-in fails."
  value       = aws_cognito_user_pool.this.id
  depends_on  = [aws_lambda_permission.claims, module.claims]
}

output "user_pool_arn" {
  description = "ARN of the user pool."
  value       = aws_cognito_user_pool.this.arn
}

output "client_id" {
  description = "Id of the app client: claim client_id of the tokens that the platform accepts."
  value       = aws_cognito_user_pool_client.this.id
}

output "issuer" {
  description = "Claim iss of the pool's tokens."
  value       = local.issuer
}

output "discovery_url" {
  description = "OpenID discovery document."
  value       = "${local.oidc_base}/.well-known/openid-configuration"
}

output "jwks_url" {
  description = "Public keys of the pool's tokens."
  value       = "${local.oidc_base}/.well-known/jwks.json"
}

output "registry_table" {
  description = "Name of the tenant registry, known at plan time; registry_table_arn waits for the table."
  value       = local.registry_name
}

output "registry_table_arn" {
  description = "ARN of the tenant registry."
  value       = aws_dynamodb_table.registry.arn
}

output "registry_kms_key_arn" {
  description = "Key of the registry. Who reads it needs kms:Decrypt on this key, through DynamoDB."
  value       = aws_kms_key.registry.arn
}

output "claims_role_arn" {
  description = "Role of the claims function."
  value       = module.claims.role_arn
}

output "claims_function_name" {
  description = "Name of the claims function, known at plan time."
  value       = local.claims_name
}
