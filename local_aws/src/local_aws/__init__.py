"""The laptop AWS: what the platform runs on without an AWS account."""
