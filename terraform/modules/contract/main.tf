locals {
  # Raise it together with CONTRACT_VERSION of agent_pkg/src/clinic_agent/contract.py; docs/decisions/0012 says when.
  version = 1
}
