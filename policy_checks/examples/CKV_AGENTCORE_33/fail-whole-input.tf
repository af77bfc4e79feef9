resource "aws_bedrockagentcore_policy" "this" {
  policy_engine_id = "clinic-a1b2c3d4e5"
  name             = "clinic_basic_tools"
  definition {
    cedar {
      statement = <<-CEDAR
        permit (
          principal is AgentCore::OAuthUser,
          action in [AgentCore::Action::"clinic-data___search_documents"],
          resource == AgentCore::Gateway::"arn:aws:bedrock-agentcore:eu-west-1:111122223333:gateway/clinic-a1b2c3d4e5"
        )
        when {
          context.input == { clinic_id: "clinic-a" } && principal.hasTag("tier") && principal.getTag("tier") == "basic" &&
          context.system.now.toTime() >= duration("6h")
        };
      CEDAR
    }
  }
}
