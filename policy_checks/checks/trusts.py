"""Trust policies: who may become a role, and with which tags."""

import re
from collections.abc import Iterator
from typing import Final

from policy_checks.check import Check, Severity
from policy_checks.documents import role_name, trust, trusts_agentcore
from policy_checks.iam import Statement
from policy_checks.plan import UNKNOWN, NotConcerned, Plan, Resource, Undecided

_ROLE: Final = ("aws_iam_role",)
_ASSUME: Final = ("sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML")
_OWN_ACCOUNT: Final = ("lambda.amazonaws.com", "ec2.amazonaws.com", "ecs-tasks.amazonaws.com")
"""Services that take a role from iam:PassRole of the same account only, and send no source with it."""
_REQUEST_TAG: Final = "aws:requesttag/"


def _named(resource: Resource, plan: Plan) -> Iterator[str]:
    for statement in trust(resource):
        if not statement.allow:
            continue
        if statement.not_principals or not statement.principals:
            yield f"{statement.name} names nobody, so it trusts everybody else"
        for kind, value in statement.principals:
            if "*" in value:
                yield f"{statement.name} trusts {value!r}"
            elif kind == "AWS" and re.fullmatch(r"\d{12}|arn:[^:]+:iam::\d{12}:root", value):
                yield f"{statement.name} trusts the whole account {value!r}: every role with an Allow of its own"


def _sourced(resource: Resource, plan: Plan) -> Iterator[str]:
    for statement in trust(resource):
        services = [v for k, v in statement.principals if k == "Service" and v not in _OWN_ACCOUNT]
        if not statement.allow or not services:
            continue
        bound = {c.key for c in statement.conditions if c.binds and c.operator != "null" and "*" not in c.values}
        for key in ("aws:sourceaccount", "aws:sourcearn"):
            if key not in bound:
                yield f"{statement.name} trusts {', '.join(services)} without a condition on {key}"


def _tag_statements(resource: Resource) -> list[Statement]:
    """What lets callers set tags; a role for which there is nothing of the kind is no tenant's."""
    found = [s for s in trust(resource) if s.allow and s.covers("sts:TagSession")]
    if not found:
        raise NotConcerned
    return found


def _allowed_tags(resource: Resource, plan: Plan) -> Iterator[str]:
    for statement in _tag_statements(resource):
        lists = [
            c
            for c in statement.on("aws:TagKeys")
            if c.qualifier == "forallvalues" and c.operator == "stringequals" and not c.if_exists
        ]
        if not lists:
            yield f"{statement.name} has no ForAllValues:StringEquals on aws:TagKeys, so any further tag may be set"
        keys = {value.lower() for c in lists for value in c.values}
        if missing := sorted(key for key in keys if _REQUEST_TAG + key not in statement.demanded()):
            yield f"{statement.name} does not ask by Null that the tags {', '.join(missing)} are set"
        if "tier" in keys and not any(
            c.operator == "stringequals" and c.binds and c.values and not any("*" in value for value in c.values)
            for c in statement.on("aws:RequestTag/Tier")
        ):
            yield f"{statement.name} does not compare the tag Tier with the tiers that there are"


def _no_bare_sessions(resource: Resource, plan: Plan) -> Iterator[str]:
    tagged = _tag_statements(resource)
    keys = {
        value.lower() for s in tagged for c in s.on("aws:TagKeys") if c.operator == "stringequals" for value in c.values
    }
    for statement in trust(resource):
        if not statement.allow or not statement.covered(_ASSUME):
            continue
        demanded = {key for key in statement.demanded() if key.startswith(_REQUEST_TAG)}
        if not demanded:
            yield f"{statement.name} allows a session without any tag"
        elif missing := sorted(key for key in keys if _REQUEST_TAG + key not in demanded):
            yield f"{statement.name} allows a session without the tags {', '.join(missing)}"


def _not_the_microvm(resource: Resource, plan: Plan) -> Iterator[str]:
    statements = [s for s in trust(resource) if s.allow]
    _tag_statements(resource)
    plan.related()
    hostile: dict[str, str] = {}
    undecided = ""
    for role in plan.of_type("aws_iam_role"):
        try:
            if trusts_agentcore(role) and isinstance(name := role.get("name"), str):
                hostile[name] = role.address
        except (Undecided, ValueError):
            undecided = role.address
    for runtime in plan.of_type("aws_bedrockagentcore_agent_runtime"):
        arn = runtime.get("role_arn")
        if arn is not UNKNOWN and arn and (name := role_name(str(arn))):
            hostile.setdefault(name, runtime.address)
    for statement in statements:
        for kind, value in statement.principals:
            if kind == "Service":
                yield f"{statement.name} lets the service {value} be a tenant"
            elif kind == "AWS" and (address := hostile.get(role_name(value) or "")):
                yield f"{statement.name} trusts {value}, in which AgentCore works ({address})"
    if undecided:
        raise Undecided(f"assume_role_policy of {undecided}")


CHECKS: Final = (
    Check(
        id="CKV_AGENTCORE_17",
        name="A trust policy names who may become the role",
        severity=Severity.CRITICAL,
        why="* is every account of AWS, and :root every role of an account that is allowed to assume roles.",
        fix="Name the one role or service that needs it.",
        types=_ROLE,
        rule=_named,
    ),
    Check(
        id="CKV_AGENTCORE_18",
        name="A service is trusted for resources of this account only",
        severity=Severity.HIGH,
        why="A service works for all accounts. Without aws:SourceAccount and aws:SourceArn somebody else's runtime or "
        "gateway may be made with this role (confused deputy).",
        fix="Add StringEquals on aws:SourceAccount and ArnLike on aws:SourceArn.",
        types=_ROLE,
        rule=_sourced,
    ),
    Check(
        id="CKV_AGENTCORE_19",
        name="Who tags sessions may set the listed tags only, and has to set them all",
        severity=Severity.CRITICAL,
        why="Tags are the tenant. Without a list of keys a caller adds further ones (Admin = true), without Null it "
        "leaves some out, without an enumeration it invents a tier.",
        fix="On sts:TagSession: ForAllValues:StringEquals aws:TagKeys, Null aws:RequestTag/<each> = false, "
        "StringEquals "
        "aws:RequestTag/Tier.",
        types=_ROLE,
        rule=_allowed_tags,
    ),
    Check(
        id="CKV_AGENTCORE_20",
        name="A role for tagged sessions gives no session without tags",
        severity=Severity.HIGH,
        why="A call without tags never asks for sts:TagSession, so its conditions do not count. The session then is "
        "nobody's, and every policy that forgets a tag lets it in.",
        fix="Put the same Null test of aws:RequestTag on the statement that allows sts:AssumeRole.",
        types=_ROLE,
        rule=_no_bare_sessions,
    ),
    Check(
        id="CKV_AGENTCORE_21",
        name="A tenant role does not trust what runs in the microVM",
        severity=Severity.CRITICAL,
        why="If the execution role may become a tenant, code in the microVM chooses the tenant, whatever the token "
        "says.",
        fix="Trust the broker's role alone, which no code in the microVM can become.",
        types=_ROLE,
        rule=_not_the_microvm,
    ),
)
