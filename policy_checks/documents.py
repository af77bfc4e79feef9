"""Where policy documents stand, and which of them belong to a role."""

import re
from collections.abc import Iterator
from typing import Any, Final

from policy_checks.iam import Statement, parse
from policy_checks.plan import UNKNOWN, NotConcerned, Plan, Resource, Undecided

PERMISSIONS: Final = (
    "aws_iam_policy",
    "aws_iam_role",
    "aws_iam_role_policy",
    "aws_iam_user_policy",
    "aws_iam_group_policy",
)
"""Types that hold what somebody may do."""

AGENTCORE: Final = "bedrock-agentcore.amazonaws.com"


def permissions(resource: Resource, plan: Plan) -> Iterator[Statement]:
    """Statements of the permission documents in a resource; nothing of a role's trust policy.

    Raises:
        NotConcerned: If there is none: most roles leave that to other resources.
        Undecided: If a document is unknown.
        InvalidDocument: If it cannot be read.
    """
    if resource.type != "aws_iam_role":
        yield from parse(resource.get("policy"), where="policy")
        return
    found = _inline(resource, plan)
    if not found:
        raise NotConcerned
    for document in found:
        yield from parse(document, where="inline_policy")


def _inline(role: Resource, plan: Plan) -> list[Any]:
    """Documents within a role. The argument is computed, so unknown, when the sources leave it out."""
    if role.get("inline_policy") is UNKNOWN and not plan.configured(role, "inline_policy"):
        return []
    return [block["policy"] for block in role.blocks("inline_policy") if block.get("policy")]


def allows(resource: Resource, plan: Plan) -> Iterator[Statement]:
    """The Allow statements of `permissions`."""
    return (statement for statement in permissions(resource, plan) if statement.allow)


def trust(resource: Resource) -> tuple[Statement, ...]:
    """Statements of a role's trust policy.

    Raises:
        Undecided: If it is unknown.
        InvalidDocument: If it cannot be read.
    """
    return parse(resource.get("assume_role_policy"), where="assume_role_policy")


def trusts_agentcore(resource: Resource) -> bool:
    """Whether AgentCore works in this role, for a runtime or a gateway.

    Raises:
        Undecided: If the trust policy is unknown.
    """
    return any(("Service", AGENTCORE) in statement.principals for statement in trust(resource) if statement.allow)


def of_role(role: Resource, plan: Plan) -> tuple[list[Statement], list[str]]:
    """Collect what a role may do, from all resources of the plan.

    Returns:
        Its statements, and the ARNs of attached policies that the plan does not hold.

    Raises:
        Undecided: If a document is unknown, or it is unknown whose a document is.
    """
    plan.related()
    statements = [s for document in _inline(role, plan) for s in parse(document, where="inline_policy")]
    for inline in plan.of_type("aws_iam_role_policy"):
        if _is_for(inline, role, plan):
            statements += permissions(inline, plan)
    foreign: list[str] = []
    managed = role.get("managed_policy_arns")
    if managed is UNKNOWN and plan.configured(role, "managed_policy_arns"):
        raise Undecided("managed_policy_arns")
    if isinstance(managed, list):
        foreign += [str(arn) for arn in managed if arn is not UNKNOWN]
    for attachment in plan.of_type("aws_iam_role_policy_attachment"):
        if not _is_for(attachment, role, plan):
            continue
        arn = attachment.get("policy_arn")
        own = [
            policy for policy in plan.of_type("aws_iam_policy") if arn is not UNKNOWN and policy.get("arn") == arn
        ] or [policy for policy in plan.references(attachment, "policy_arn") if policy.type == "aws_iam_policy"]
        if not own and arn is UNKNOWN:
            raise Undecided(f"policy_arn of {attachment.address}")
        if not own:
            foreign.append(str(arn))
        for policy in own:
            statements += permissions(policy, plan)
    return statements, list(dict.fromkeys(foreign))


def role_name(arn: str) -> str | None:
    """Name of the role in an ARN, None if it names no role."""
    found = re.fullmatch(r"arn:[^:]+:iam::[^:]*:role/(?:.*/)?([^/]+)", arn)
    return found.group(1) if found else None


def _is_for(resource: Resource, role: Resource, plan: Plan) -> bool:
    named = resource.get("role")
    if named is not UNKNOWN and named is not None:
        return bool(named == role.get("name") or role_name(str(named)) == role.get("name"))
    roles = [found for found in plan.references(resource, "role") if found.type == "aws_iam_role"]
    if not roles:
        raise Undecided(f"role of {resource.address}")
    return role in roles
