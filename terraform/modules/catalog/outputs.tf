output "tiers" {
  description = "Tiers by name, checked: display_name, model_id, max_output_tokens, history_turns, tools, limits{}, memory{}, model{}."
  value       = local.tiers
  precondition {
    condition     = length(local.problems) == 0
    error_message = "The catalog has ${length(local.problems)} problem(s):\n  ${join("\n  ", local.problems)}"
  }
}
