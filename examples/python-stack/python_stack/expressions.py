"""Terraform expressions in JSON, where every string is a template."""

from collections.abc import Mapping
from typing import Any


def expression(text: str) -> str:
    """Mark HCL that Terraform shall evaluate, such as `one(module.encryption[*].arn)`."""
    return f"${{{text}}}"


def literal(value: Any) -> Any:
    """Keep Terraform from evaluating what is in data: `${` in a Cedar template is text here, and null stays null."""
    match value:
        case None:
            return expression("null")  # None itself would leave the attribute out
        case str():
            return value.replace("${", "$${").replace("%{", "%%{")
        case Mapping():
            return {literal(key): literal(item) for key, item in value.items()}
        case list() | tuple():
            return [literal(item) for item in value]
        case _:
            return value
