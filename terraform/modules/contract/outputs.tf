output "version" {
  description = "Contract that this platform offers its agent."
  value       = local.version
}

output "environment" {
  description = "The same for an environment: variables that the runtime and every function get."
  value       = tomap({ PLATFORM_CONTRACT = tostring(local.version) })
}
