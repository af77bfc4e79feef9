run "the_number_is_whole_and_is_what_the_agent_gets" {
  command = plan
  assert {
    condition     = output.version >= 1 && floor(output.version) == output.version
    error_message = "version must be a whole number from 1."
  }
  assert {
    condition     = output.environment == tomap({ PLATFORM_CONTRACT = tostring(output.version) })
    error_message = "The environment must hold the version, and nothing else."
  }
}
