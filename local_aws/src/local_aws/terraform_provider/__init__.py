"""A Terraform provider that answers as `hashicorp/aws` and records resources instead of creating them.

Terraform starts it, from the mirror that `installation.lay_out` writes. It needs no account and no network. What it
proves and what not stands in README.md beside this file.
"""
