"""Differences to AWS that would keep the Terraform code, which is written for AWS, from working unchanged.

Only differences of the emulator are removed here; Terraform's second plan is empty without any help.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local_aws.emulator.patching import wrap


def install() -> None:
    """Remove the differences from the emulator's modules."""
    _count_loopback_as_secure_transport()


def _count_loopback_as_secure_transport() -> None:
    """Make `aws:SecureTransport` true for every request.

    Buckets refuse everybody who does not use TLS, and the emulator speaks plain HTTP. It listens on the loopback
    interface only, where TLS has nothing to protect: what the policy asks for holds.
    """
    from ministack.core import iam_evaluator

    @wrap(iam_evaluator, "_resolve_condition_key")
    def resolve_condition_key(original: Callable[..., Any], key: str, context: Any) -> Any:
        return "true" if key.lower() == "aws:securetransport" else original(key, context)
