"""Checks of Terraform for platforms on Amazon Bedrock AgentCore, for which no scanner has any.

The checks are plain Python on plain values (`checks/`), and checkov runs them through one adapter (`plugin/`). So the
tests run them without checkov too, and `make scan` compares both: a check that checkov dropped is noticed.
"""
