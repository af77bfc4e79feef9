"""Functions behind the gateway: nobody else calls them."""

import re
from collections.abc import Iterator
from typing import Final

from policy_checks.check import Check, Severity
from policy_checks.plan import Plan, Resource


def _permission(resource: Resource, plan: Plan) -> Iterator[str]:
    principal = str(resource.known("principal"))
    if principal == "*":
        yield "principal is *: every account of AWS may call the function"
        return
    if not principal.endswith(".amazonaws.com"):
        account = re.search(r"\d{12}", principal)
        own = plan.variables.get("account_id")
        if account is None or (own is not None and account.group() != own) or own is None:
            yield f"principal is {principal}, which is not known to be this account"
        return
    source = resource.known("source_arn")
    if not source:
        yield f"{principal} may call the function for anybody: source_arn is not set"
        return
    parts = str(source).split(":")
    if "*" in str(source) and (len(parts) < 6 or "*" in parts[4]):
        yield f"source_arn {source!r} meets resources of other accounts"
    if not resource.known("source_account") and (len(parts) < 6 or not re.fullmatch(r"\d{12}", parts[4])):
        yield f"source_arn {source!r} names no account, and source_account is not set"


def _url(resource: Resource, plan: Plan) -> Iterator[str]:
    kind = resource.known("authorization_type")
    if kind != "AWS_IAM":
        yield f"authorization_type is {kind!r}: everybody on the internet may call the function"


CHECKS: Final = (
    Check(
        id="CKV_AGENTCORE_29",
        name="A function may be called by named sources of this account only",
        severity=Severity.CRITICAL,
        why="Behind the gateway a function trusts what the interceptor set. Whoever calls it directly says what he "
        "likes.",
        fix="Name principal, source_arn and source_account; within the account, name the function in the caller's "
        "policy.",
        types=("aws_lambda_permission",),
        rule=_permission,
    ),
    Check(
        id="CKV_AGENTCORE_30",
        name="A function has no address that is open to everybody",
        severity=Severity.CRITICAL,
        why="A function URL with authorization NONE is a way round authorizer, interceptor and policies.",
        fix="Remove the URL, or set authorization_type = AWS_IAM.",
        types=("aws_lambda_function_url",),
        rule=_url,
    ),
)
