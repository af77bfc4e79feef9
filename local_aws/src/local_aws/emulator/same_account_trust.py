"""AssumeRole within one account: a trust policy that names the caller's role is enough.

The emulator also wants an Allow in the caller's own policies. AWS does not, where trust names the role itself (with the
account as principal it does): a role that trusts the execution role would be a way out of the microVM that nobody sees.
An explicit Deny of the caller still decides.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from local_aws.emulator.patching import wrap


def trusted_by_name(document: Any, caller_role_arn: str) -> bool:
    """Tell whether a trust policy allows AssumeRole to a role by its ARN; its conditions are STS's business."""
    return any(
        statement.get("Effect") == "Allow" and caller_role_arn in _principals(statement)
        for statement in _statements(document)
    )


def _statements(document: Any) -> Iterator[dict[str, Any]]:
    policy = json.loads(document) if isinstance(document, str) else document
    found = policy.get("Statement", [])
    yield from [found] if isinstance(found, dict) else found


def _principals(statement: dict[str, Any]) -> list[str]:
    principal = statement.get("Principal")
    named = principal.get("AWS", []) if isinstance(principal, dict) else []
    return [named] if isinstance(named, str) else list(named)


def _role_arn(caller_arn: str) -> str:
    """Turn the ARN of a role session into that of its role; roles with a path are not told apart by it."""
    account, _, rest = caller_arn.removeprefix("arn:aws:sts::").partition(":assumed-role/")
    return f"arn:aws:iam::{account}:role/{rest.partition('/')[0]}"


def install() -> None:
    """Let a named trust stand for the caller's own Allow."""
    from ministack.core import iam_evaluator
    from ministack.services import iam

    @wrap(iam_evaluator, "enforce")
    def enforce(
        original: Callable[..., Any], access_key: str, action: str, service: str, *args: Any, **kwargs: Any
    ) -> Any:
        result = original(access_key, action, service, *args, **kwargs)
        if action != "sts:AssumeRole" or getattr(result, "decision", None) != "ImplicitDeny":
            return result
        target = kwargs.get("resource_arn") or (args[1] if len(args) > 1 else "")
        role = iam._roles.get(str(target).rsplit("/", 1)[-1])
        caller = _role_arn(result.principal_arn)
        if role and role.get("Arn") == target and trusted_by_name(role.get("AssumeRolePolicyDocument", "{}"), caller):
            return None
        return result
