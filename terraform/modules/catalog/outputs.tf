output "tiers" {
  description = "Tiers by name, checked: display_name, model_id, max_output_tokens, history_turns, tools, access_hours_utc{} or null, limits{}, memory{}, guardrail{}, model{}."
  value       = local.tiers
  precondition {
    condition     = length(local.problems) == 0
    error_message = "The catalog has ${length(local.problems)} problem(s):\n  ${join("\n  ", local.problems)}"
  }
}

output "tools" {
  description = "Tools by name, checked: target, wire_tool (name within the target), wire_name (on the Gateway), description, connector_id or null, properties{type, description, required} by argument."
  value       = local.tools # no precondition: that of output tiers fails the same plan
}
