terraform {
  # 1.11 as everywhere here; the module itself needs 1.2 (preconditions of outputs). No provider: it makes nothing.
  required_version = ">= 1.11, < 2.0"
}
