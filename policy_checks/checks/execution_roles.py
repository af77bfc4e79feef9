"""Roles that AgentCore works in: whatever runs in a microVM, a hijacked model included, holds their credentials."""

from collections.abc import Iterator
from typing import Final

from policy_checks.check import Check, Severity
from policy_checks.checks.memories import DATA as MEMORY
from policy_checks.documents import PERMISSIONS, allows, of_role, trusts_agentcore
from policy_checks.iam import PRINCIPAL_TAG, Statement
from policy_checks.plan import NotConcerned, Plan, Resource, Undecided

_ROLE: Final = ("aws_iam_role",)
IDENTITIES: Final = (
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "sts:SetSourceIdentity",
    "sts:TagSession",
    "bedrock-agentcore:GetWorkloadAccessTokenForUserId",
)
_MODELS: Final = ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "bedrock:Retrieve")
_TABLES: Final = ("dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:BatchGetItem", "dynamodb:PutItem")
_OBJECTS: Final = ("s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:DeleteObject")
_MUST_DENY: Final = ("sts:AssumeRole", "sts:TagSession", *_MODELS[:2], *_TABLES, *MEMORY)


def _no_identities(resource: Resource, plan: Plan) -> Iterator[str]:
    if not trusts_agentcore(resource):
        raise NotConcerned
    statements, foreign = of_role(resource, plan)
    for arn in foreign:
        yield f"{arn} is attached, and what it allows does not stand in the plan"
    for statement in statements:
        if statement.allow and (found := statement.covered(IDENTITIES)):
            yield f"{statement.name} allows {', '.join(found)}"


def _no_data(resource: Resource, plan: Plan) -> Iterator[str]:
    if not trusts_agentcore(resource):
        raise NotConcerned
    statements, _ = of_role(resource, plan)
    tenant_buckets = set(_tenant_buckets(plan))
    for statement in statements:
        if not statement.allow:
            continue
        if found := statement.covered((*_MODELS, *_TABLES, *MEMORY)):
            yield f"{statement.name} allows {', '.join(found)}"
        if statement.covered(_OBJECTS):
            yield from _objects(statement, tenant_buckets)


def _objects(statement: Statement, tenant_buckets: set[str]) -> Iterator[str]:
    if found := statement.covered(_OBJECTS[1:]):
        yield f"{statement.name} allows {', '.join(found)}: the role needs to read its bundle and nothing else"
    if statement.not_resources or not statement.resources:
        yield f"{statement.name} names no objects"
    for arn in statement.resources:
        bucket, _, key = arn.rpartition(":::")[2].partition("/")
        if "*" in bucket or "?" in bucket:
            yield f"{statement.name} reads objects of any bucket: {arn!r}"
        elif bucket in tenant_buckets:
            yield f"{statement.name} reads the tenants' bucket {bucket!r}"
        elif key.startswith(("*", "?")):
            yield f"{statement.name} reads all of bucket {bucket!r}: name the prefix of the bundle"


def _tenant_buckets(plan: Plan) -> Iterator[str]:
    """Buckets in which some role reads what its session's tags name."""
    for resource in plan.of_type(*PERMISSIONS):
        try:
            found = [s for s in allows(resource, plan) if s.covered(_OBJECTS)]
        except (NotConcerned, Undecided, ValueError):
            continue  # the checks of that document say so
        for statement in found:
            for arn in statement.resources:
                if PRINCIPAL_TAG.search(arn):
                    yield arn.rpartition(":::")[2].partition("/")[0]


def _denies(resource: Resource, plan: Plan) -> Iterator[str]:
    if not trusts_agentcore(resource):
        raise NotConcerned
    statements, _ = of_role(resource, plan)
    refusals = [s for s in statements if not s.allow and not s.conditions]
    everywhere = [s for s in refusals if "*" in s.resources]
    if missing := [action for action in _MUST_DENY if not any(s.covers(action) for s in everywhere)]:
        shown = ", ".join(missing[:4]) + (f" and {len(missing) - 4} more" if len(missing) > 4 else "")
        yield f"no unconditional Deny on * covers {shown}"
    if not any(s.covers("s3:GetObject") for s in refusals):
        yield "no Deny covers s3:GetObject on the tenants' bucket"


CHECKS: Final = (
    Check(
        id="CKV_AGENTCORE_14",
        name="A role that AgentCore works in may become nobody else",
        severity=Severity.CRITICAL,
        why="Code in the microVM holds these credentials. If they may assume a tenant's role, that code is every "
        "tenant.",
        fix="Let a broker outside of the microVM verify the token and hand out tenant credentials.",
        types=_ROLE,
        rule=_no_identities,
    ),
    Check(
        id="CKV_AGENTCORE_15",
        name="A role that AgentCore works in reaches no tenant's data and no model",
        severity=Severity.CRITICAL,
        why="The role carries no tenant, so a right to tables, memories or documents is a right to everybody's, and a "
        "right to models goes round guardrail and tier.",
        fix="Leave the right to the tenant role; the execution role reads its own bundle, by bucket and prefix.",
        types=_ROLE,
        rule=_no_data,
    ),
    Check(
        id="CKV_AGENTCORE_16",
        name="A role that AgentCore works in denies what would reach a tenant",
        severity=Severity.HIGH,
        why="A role of the same account needs only to trust this one, and a bucket policy only to name it; neither "
        "asks "
        "for an Allow here. A Deny holds against both, and against an Allow that somebody adds later.",
        fix="Deny on * without conditions: sts:AssumeRole*, sts:TagSession, bedrock:Invoke*, dynamodb:*, the memory "
        "data "
        "actions; and s3:* on the tenants' bucket.",
        types=_ROLE,
        rule=_denies,
    ),
)
