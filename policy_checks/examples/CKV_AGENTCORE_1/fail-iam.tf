resource "aws_bedrockagentcore_gateway" "this" {
  name            = "clinic-gateway"
  role_arn        = "arn:aws:iam::111122223333:role/clinic-gateway"
  protocol_type   = "MCP"
  authorizer_type = "AWS_IAM"
  policy_engine_configuration {
    arn  = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:policy-engine/clinic-a1b2c3d4e5"
    mode = "ENFORCE"
  }
}
