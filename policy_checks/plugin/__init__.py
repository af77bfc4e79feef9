"""The folder that checkov loads: `checkov --external-checks-dir policy_checks/plugin`."""
