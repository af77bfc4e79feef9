"""The emulator's root may assume what an AWS service may.

Tests and tools from outside need the execution role's credentials, as code in a microVM has them. On AWS only the
service can hand those out, and nothing else acts as a service. Here the account's root (`test`/`test`, which passes
everything anyway) stands for all services: the trust policy's source conditions see this account, and a source that
the policy itself names. No other caller gains anything by it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from local_aws.emulator.patching import wrap


def source_conditions(document: Any, account: str) -> dict[str, str]:
    """Return values of the source keys that the service statements of a trust policy would let through."""
    policy = json.loads(document) if isinstance(document, str) else document
    arns = [pattern for statement in _service_statements(policy) for pattern in _source_arns(statement)]
    # "any" in place of each wildcard: the name of some runtime.
    return {"aws:sourceaccount": account} | ({"aws:sourcearn": arns[0].replace("*", "any")} if arns else {})


def _service_statements(policy: Any) -> Iterator[dict[str, Any]]:
    statements = policy.get("Statement", [])
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal")
        if isinstance(principal, dict) and "Service" in principal:
            yield statement


def _source_arns(statement: dict[str, Any]) -> Iterator[str]:
    for keys in statement.get("Condition", {}).values():
        for key, values in keys.items():
            if key.lower() == "aws:sourcearn":
                yield from [values] if isinstance(values, str) else values


def install() -> None:
    """Install it, around the evaluation of trust policies."""
    from ministack.core import iam_evaluator

    @wrap(iam_evaluator, "evaluate_trust_policy")
    def evaluate_trust_policy(
        original: Callable[..., bool], document: Any, caller_arn: str, context: Any = None
    ) -> bool:
        if context is not None and caller_arn.endswith(":root"):
            given = source_conditions(document, caller_arn.split(":")[4])
            context = replace(context, service_context={**given, **context.service_context})
        return original(document, caller_arn, context)
