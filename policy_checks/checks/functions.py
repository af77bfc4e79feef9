"""Functions behind the gateway: nobody else calls them."""

import re
from collections.abc import Iterator
from typing import Final

from policy_checks.check import Check, Severity
from policy_checks.plan import ACCOUNT, Plan, Resource

_OF_ACCOUNT: Final = re.compile(r"(\d{12})|arn:[^:]+:(?:iam|sts)::(\d{12}):.+")


def _permission(resource: Resource, plan: Plan) -> Iterator[str]:
    action = str(resource.known("action")).lower()
    if action not in ("lambda:invokefunction", "lambda:invokefunctionurl"):
        yield f"action is {action}: who calls the function needs lambda:InvokeFunction"
    principal = str(resource.known("principal"))
    if "*" in principal:
        yield f"principal is {principal}: every account of AWS may call the function"
        return
    if not principal.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        found = _OF_ACCOUNT.fullmatch(principal)
        if found is None or plan.account is None or (found[1] or found[2]) != plan.account:
            yield f"principal is {principal}, which is not known to be of this account"
        return
    source = resource.known("source_arn")
    if not source:
        yield f"{principal} may call the function for anybody: source_arn is not set"
        return
    yield from _source(str(source), resource.known("source_account"), plan)


def _source(source: str, account: str | None, plan: Plan) -> Iterator[str]:
    parts = source.split(":", 5)
    if len(parts) < 6 or "*" in parts[2] or re.fullmatch(r"(\w[\w-]*/)?\*", parts[5]):
        yield f"source_arn {source!r} names no source"
        return
    of_arn = parts[4]
    if not of_arn and not account:  # an ARN of S3 holds no account
        yield f"source_arn {source!r} names no account, and source_account is not set"
    if of_arn and not ACCOUNT.fullmatch(of_arn):
        yield f"source_arn {source!r} meets resources of other accounts"
    if of_arn and account and of_arn != account:
        yield f"source_arn is of account {of_arn}, source_account is {account}"
    named = [name for name in (of_arn, account) if name]
    if any(name != plan.account for name in named) and plan.account is not None:
        yield f"the source is of account {', '.join(dict.fromkeys(named))}, and this one is {plan.account}"
    plan.own_account()


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
