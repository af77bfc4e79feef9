"""Trust policies: who may become a role, and with which tags."""

import re
from collections.abc import Iterator
from typing import Final

from policy_checks.check import Check, Severity
from policy_checks.documents import WORKS_IN, role_name, trust, trusts_agentcore
from policy_checks.iam import Statement
from policy_checks.plan import ACCOUNT, UNKNOWN, NotConcerned, Plan, Resource, Undecided

_ROLE: Final = ("aws_iam_role",)
_ASSUME: Final = ("sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML")
_OWN_ACCOUNT: Final = ("lambda.amazonaws.com", "ec2.amazonaws.com", "ecs-tasks.amazonaws.com")
"""Services that take a role from iam:PassRole of the same account only, and send no source with it."""
_PRINCIPAL: Final = re.compile(r"arn:[^:]+:(?:iam|sts)::(\d{12}):(?:role|user|assumed-role|federated-user)/.+")
_COMPARES: Final = ("stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike")
_REQUEST_TAG: Final = "aws:requesttag/"


def _named(resource: Resource, plan: Plan) -> Iterator[str]:
    elsewhere: list[str] = []
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
            elif kind == "AWS" and not (found := _PRINCIPAL.fullmatch(value)):
                yield f"{statement.name} trusts {value!r}, which is no ARN of a role, of a session or of a user"
            elif kind == "AWS" and found:
                if plan.account is None:
                    elsewhere.append(value)
                elif found[1] != plan.account:
                    yield f"{statement.name} trusts {value}, of another account than this one ({plan.account})"
            elif kind == "Federated":
                yield from _federated(statement, value)
            elif kind != "Service":
                yield f"{statement.name} trusts {kind} {value!r}, which is neither a role nor a service"
    if elsewhere:
        plan.own_account()


def _federated(statement: Statement, provider: str) -> Iterator[str]:
    """Everybody has an account at an identity provider: the condition says who of them is meant."""
    saml = ":saml-provider/" in provider
    for name in ("aud",) if saml else ("aud", "sub"):
        conditions = [
            c
            for c in statement.conditions
            if c.key.rpartition(":")[2] == name and c.binds and c.operator in ("stringequals", "stringlike")
        ]
        values = [value for c in conditions for value in c.values]
        if not values:
            yield f"{statement.name} trusts everybody whom {provider} knows: no StringEquals on its {name}"
        for value in values:
            literal = re.split(r"[*?$]", value)[0]
            # "repo:owner/*" of GitHub is every repository of an owner, and "repo:*" every repository that there is.
            if literal != value and not re.match(r"[^:]+:[^:]+:.", literal):
                yield f"{statement.name}: {name} {value!r} is many: no wildcard may stand so far in front"


def _sourced(resource: Resource, plan: Plan) -> Iterator[str]:
    seen = False
    for statement in trust(resource):
        services = [v for k, v in statement.principals if k == "Service" and v not in _OWN_ACCOUNT]
        if not statement.allow or not services:
            continue
        for key, fits in (("aws:sourceaccount", _is_account), ("aws:sourcearn", _is_source)):
            bound = [c for c in statement.on(key) if c.binds and c.operator in _COMPARES and c.values]
            if not bound:
                yield f"{statement.name} trusts {', '.join(services)} without a condition on {key}"
            for value in dict.fromkeys(value for c in bound for value in c.values):
                if problem := fits(value, plan):
                    yield f"{statement.name}: {key} {value!r} {problem}"
        seen = True
    if seen:
        plan.own_account()


def _is_account(value: str, plan: Plan) -> str:
    """Say what is wrong with a source's account, nothing if it is this one."""
    if not ACCOUNT.fullmatch(value):
        return "is no account"
    return "is another account" if plan.account not in (None, value) else ""


def _is_source(value: str, plan: Plan) -> str:
    """Say what is wrong with a source's ARN, nothing if it is of this account."""
    parts = value.split(":", 5)
    if len(parts) < 6 or re.search(r"[*?]", parts[0] + parts[1] + parts[2]):
        return "names no service"
    if problem := _is_account(parts[4], plan):
        return f"meets resources of others: {parts[4]!r} {problem}"
    return ""


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
            c.operator == "stringequals" and c.binds and c.values and not any(re.search(r"[*$]", v) for v in c.values)
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
    hostile, undecided = _hostile(plan)
    for statement in statements:
        for kind, value in statement.principals:
            if kind == "Service":
                yield f"{statement.name} lets the service {value} be a tenant"
            elif kind == "AWS" and (why := hostile.get((role_name(value) or "").lower())):
                yield f"{statement.name} trusts {value}, in which AgentCore works ({why})"
    if undecided:
        raise Undecided(undecided)


def _hostile(plan: Plan) -> tuple[dict[str, str], str]:
    """Roles that the microVM's code is in, or gets into by one role after another.

    Returns:
        Why, by name in lower case; and what is unknown.
    """
    hostile: dict[str, str] = {}
    undecided = ""
    trusted_by: dict[str, set[str]] = {}  # by role, who may become it
    for role in plan.of_type("aws_iam_role"):
        name = role.get("name")
        try:
            if trusts_agentcore(role):
                if not isinstance(name, str):
                    undecided = f"name of {role.address}"
                    continue
                hostile[name.lower()] = role.address
            elif isinstance(name, str):
                allowed = [value for s in trust(role) if s.allow for kind, value in s.principals if kind == "AWS"]
                trusted_by[name.lower()] = {(role_name(value) or "").lower() for value in allowed}
        except (Undecided, ValueError):
            undecided = f"assume_role_policy of {role.address}"
    for resource in plan.of_type(*WORKS_IN):
        argument = WORKS_IN[resource.type]
        arn = resource.get(argument)
        if arn is UNKNOWN and plan.configured(resource, argument):
            names = [role.get("name") for role in plan.references(resource, argument) if role.type == "aws_iam_role"]
            if not names or UNKNOWN in names:
                undecided = undecided or f"{argument} of {resource.address}"
        else:
            names = [role_name(str(arn))]
        for name in names:
            if isinstance(name, str):
                hostile.setdefault(name.lower(), resource.address)
    while further := {
        n: ways & hostile.keys() for n, ways in trusted_by.items() if n not in hostile and ways & hostile.keys()
    }:
        hostile |= {name: f"by way of {', '.join(sorted(ways))}" for name, ways in further.items()}
    return hostile, undecided


CHECKS: Final = (
    Check(
        id="CKV_AGENTCORE_17",
        name="A trust policy names who of this account may become the role",
        severity=Severity.CRITICAL,
        why="* is every account of AWS, :root every role of an account that is allowed to assume roles, another "
        "account decides itself who its role is, and an identity provider knows everybody.",
        fix="Name the one role or service of this account that needs it. With an identity provider, compare aud and "
        "sub.",
        types=_ROLE,
        rule=_named,
    ),
    Check(
        id="CKV_AGENTCORE_18",
        name="A service is trusted for resources of this account only",
        severity=Severity.HIGH,
        why="A service works for all accounts. Without aws:SourceAccount and aws:SourceArn somebody else's runtime or "
        "gateway may be made with this role (confused deputy).",
        fix="Add StringEquals on aws:SourceAccount and ArnLike on aws:SourceArn, with service and account in it.",
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
        why="If the execution role may become a tenant, by itself or by way of another role, code in the microVM "
        "chooses the tenant, whatever the token says.",
        fix="Trust the broker's role alone, which no code in the microVM can become.",
        types=_ROLE,
        rule=_not_the_microvm,
    ),
)
