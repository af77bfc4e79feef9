"""Roles that AgentCore works in: whatever runs in a microVM, a hijacked model included, holds their credentials.

What such a role needs is short, and what it must not have is not: so the checks know the former.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from policy_checks import stores
from policy_checks.check import Check, Severity
from policy_checks.checks.memories import DATA as MEMORY
from policy_checks.documents import of_role, role_name, trust, trusts_agentcore
from policy_checks.iam import Statement, within
from policy_checks.plan import UNKNOWN, NotConcerned, Plan, Resource, Undecided

_ROLE: Final = ("aws_iam_role",)
IDENTITIES: Final = (
    "sts:*",
    "iam:*",
    "cognito-identity:*",
    "rolesanywhere:*",
    "sso:*",
    "bedrock-agentcore:GetWorkloadAccessToken*",
    "bedrock-agentcore:GetResource*",
)
"""Actions by which somebody becomes somebody else, or lets others do so."""

_MUST_DENY: Final = (
    "sts:AssumeRole*",
    "sts:TagSession",
    "bedrock:Invoke*",
    "bedrock:Retrieve*",
    "bedrock-mantle:*",
    "dynamodb:*",
    *MEMORY,
)

_FUNCTION: Final = re.compile(r"arn:[^:*?]+:lambda:[^:*?]+:[^:*?]+:function:[^:*?]+(:[^:*?]+)?")
_KEY: Final = re.compile(r"arn:[^:*?]+:kms:[^:*?]+:[^:*?]+:key/[^*?]+")
_OWN_LOGS: Final = re.compile(r"arn:[^:*?]+:logs:[^:*?]+:[^:*?]+:log-group:/aws/bedrock-agentcore/.+")
_AGENTCORE: Final = re.compile(r"arn:[^:*?]+:bedrock-agentcore:[^:*?]+:[^:*?]+:(policy-engines?|gateway|tool)/[^*?/].*")

_LOGS: Final = ("logs:createloggroup", "logs:createlogstream", "logs:describelogstreams", "logs:putlogevents")
_GATEWAY: Final = (
    "bedrock-agentcore:authorizeaction",
    "bedrock-agentcore:checkauthorizepermissions",
    "bedrock-agentcore:getpolicyengine",
    "bedrock-agentcore:invokegateway",
    "bedrock-agentcore:invokewebsearch",
    "bedrock-agentcore:partiallyauthorizeactions",
)
_RUNTIME_NEEDS: Final[Mapping[str, re.Pattern[str] | None]] = {
    "lambda:invokefunction": _FUNCTION,
    "s3:getobject": None,  # looked at more closely
    "kms:decrypt": _KEY,
    **dict.fromkeys(_LOGS, _OWN_LOGS),
}
_GATEWAY_NEEDS: Final[Mapping[str, re.Pattern[str] | None]] = {
    "lambda:invokefunction": _FUNCTION,
    "kms:creategrant": _KEY,
    "kms:decrypt": _KEY,
    "kms:describekey": _KEY,
    "kms:generatedatakey": _KEY,
    **dict.fromkeys(_GATEWAY, _AGENTCORE),
}


def _no_identities(resource: Resource, plan: Plan) -> Iterator[str]:
    for statement in _of_agentcore(resource, plan):
        if isinstance(statement, str):
            yield statement
        elif statement.allow and (found := statement.touches(IDENTITIES)):
            yield f"{statement.name} allows {', '.join(found)}"


def _no_data(resource: Resource, plan: Plan) -> Iterator[str]:
    statements = list(_of_agentcore(resource, plan))
    gateway = _is_gateways(resource, plan)
    needs = _GATEWAY_NEEDS if gateway else _RUNTIME_NEEDS
    for statement in statements:
        if isinstance(statement, str):
            yield statement
        elif statement.allow:
            yield from _unneeded(statement, needs, plan)
            if not gateway:
                yield from _functions(statement, plan)


def _unneeded(statement: Statement, needs: Mapping[str, re.Pattern[str] | None], plan: Plan) -> Iterator[str]:
    if statement.not_actions or not statement.actions:
        yield f"{statement.name} allows everything that it does not name"
    if statement.not_resources or not statement.resources:
        yield f"{statement.name} allows something on everything that it does not name"
    tenants_keys = stores.keys(plan)
    for action in statement.actions:
        if action.lower() not in needs:
            yield f"{statement.name} allows {action}, which this role does not need: {', '.join(sorted(needs))} it does"
            continue
        pattern = needs[action.lower()]
        for arn in statement.resources:
            if pattern and not pattern.fullmatch(arn):
                yield f"{statement.name} allows {action} on {arn!r}, which is not what this role needs it for"
            if arn in tenants_keys:
                yield f"{statement.name} allows {action} on the key of the tenants' data {arn!r}"
    if statement.covers("s3:GetObject"):
        yield from _objects(statement, plan)
    if needs is _RUNTIME_NEEDS and statement.covers("kms:Decrypt") and not _through_s3(statement):
        yield f"{statement.name} decrypts whatever the key is for: no condition that kms:ViaService is S3"
    if statement.covers("kms:CreateGrant") and not any(c.binds for c in statement.on("kms:GrantConstraintType")):
        yield f"{statement.name} allows grants for whatever purpose: no condition on kms:GrantConstraintType"


def _objects(statement: Statement, plan: Plan) -> Iterator[str]:
    tenants = stores.buckets(plan)
    for arn in statement.resources:
        place = stores.bucket_and_key(arn)
        if place is None or stores.is_pattern(place[0]):
            yield f"{statement.name} reads objects of any bucket: {arn!r}"
        elif place[0] in tenants:
            yield f"{statement.name} reads the tenants' bucket {place[0]!r}"
        elif not place[1] or place[1].startswith(("*", "?")):
            yield f"{statement.name} reads all of bucket {place[0]!r}: name the prefix of the bundle"


def _through_s3(statement: Statement) -> bool:
    return any(
        c.binds and c.operator == "stringequals" and c.values and all(value.startswith("s3.") for value in c.values)
        for c in statement.on("kms:ViaService")
    )


def _functions(statement: Statement, plan: Plan) -> Iterator[str]:
    """The microVM asks the broker; if it could call other functions, it would go round the gateway."""
    if not statement.covers("lambda:InvokeFunction"):
        return
    brokers = _broker_roles(plan)
    called = {arn.split(":")[6] for arn in statement.resources if _FUNCTION.fullmatch(arn)}
    for function in plan.of_type("aws_lambda_function"):
        name, role = function.get("function_name"), function.get("role")
        if brokers and name in called and isinstance(role, str) and role_name(role) not in brokers:
            yield f"{statement.name} calls {name}, which makes no sessions of tenants: only the broker is asked"


def _broker_roles(plan: Plan) -> set[str]:
    """Names of the roles that may make tagged sessions."""
    found = set()
    for role in plan.of_type("aws_iam_role"):
        try:
            statements = [s for s in trust(role) if s.allow and s.covers("sts:TagSession")]
        except (Undecided, ValueError):
            continue
        found |= {
            name for s in statements for kind, value in s.principals if kind == "AWS" if (name := role_name(value))
        }
    return found


def _denies(resource: Resource, plan: Plan) -> Iterator[str]:
    statements = [s for s in _of_agentcore(resource, plan) if not isinstance(s, str)]
    refusals = [s for s in statements if not s.allow and not s.conditions]
    everywhere = [s for s in refusals if s.reaches_all("*")]
    if missing := [action for action in _MUST_DENY if not any(s.includes(action) for s in everywhere)]:
        shown = ", ".join(missing[:4]) + (f" and {len(missing) - 4} more" if len(missing) > 4 else "")
        yield f"no unconditional Deny on * covers {shown}"
    documents = [s for s in refusals if s.includes("s3:*")]
    if not documents:
        yield "no unconditional Deny covers s3:* on the tenants' bucket"
        return
    tenants = stores.buckets(plan)
    for name, arn in sorted(tenants.items()):
        if open_ones := [p for p in (arn, f"{arn}/*") if not any(s.reaches_all(p) for s in documents)]:
            yield f"no unconditional Deny of s3:* covers {', '.join(open_ones)} of the tenants' bucket {name!r}"
    if unnamed := stores.unnamed(plan):
        raise Undecided(f"the name of {unnamed.address}")
    if not tenants and not any(s.reaches_all("*") for s in documents):
        raise Undecided("the tenants' bucket, which is not in this plan")


def _of_agentcore(role: Resource, plan: Plan) -> Iterator[Statement | str]:
    """Statements of a role in which AgentCore works, and what is wrong where there is none to look at.

    Raises:
        NotConcerned: If AgentCore does not work in this role.
    """
    if not trusts_agentcore(role):
        raise NotConcerned
    statements, foreign = of_role(role, plan)
    for name in foreign:
        yield f"{name} is attached, and what it allows does not stand in the plan"
    yield from statements


def _is_gateways(role: Resource, plan: Plan) -> bool:
    """Whether this is the role of a gateway and of nothing else; whose it is, its trust policy and the plan say."""
    for runtime in plan.of_type("aws_bedrockagentcore_agent_runtime"):
        arn = runtime.get("role_arn")
        if role in plan.references(runtime, "role_arn"):
            return False
        if arn is not UNKNOWN and role_name(str(arn)) == role.get("name"):
            return False
    return all(
        any(
            condition.binds
            and condition.values
            and all(within(source, "arn:*:bedrock-agentcore:*:*:gateway/*") for source in condition.values)
            for condition in statement.on("aws:SourceArn")
        )
        for statement in trust(role)
        if statement.allow
    )


CHECKS: Final = (
    Check(
        id="CKV_AGENTCORE_14",
        name="A role that AgentCore works in may become nobody else",
        severity=Severity.CRITICAL,
        why="Code in the microVM holds these credentials. If they may assume a tenant's role, that code is every "
        "tenant.",
        fix="Let a broker outside of the microVM verify the token and hand out tenant credentials. Allow nothing of "
        "sts and iam, and attach policies of this plan only.",
        types=_ROLE,
        rule=_no_identities,
    ),
    Check(
        id="CKV_AGENTCORE_15",
        name="A role that AgentCore works in may do what it needs and nothing else",
        severity=Severity.CRITICAL,
        why="The role carries no tenant, so a right to tables, memories, documents or their key is a right to "
        "everybody's, and a right to models goes round guardrail and tier. What is not needed is not listed "
        "anywhere, so the check knows what is.",
        fix="A runtime's role calls the broker, reads its bundle by bucket and prefix, decrypts it and writes its own "
        "logs. A gateway's role calls its functions and its policy engine, and uses the gateway's key. Name each "
        "action, and each function and key by its ARN.",
        types=_ROLE,
        rule=_no_data,
    ),
    Check(
        id="CKV_AGENTCORE_16",
        name="A role that AgentCore works in denies what would reach a tenant",
        severity=Severity.HIGH,
        why="A role of the same account needs only to trust this one, and a bucket policy only to name it; neither "
        "asks for an Allow here. A Deny holds against both, and against an Allow that somebody adds later.",
        fix="Deny on * without conditions: sts:AssumeRole*, sts:TagSession, bedrock:Invoke*, bedrock:Retrieve*, "
        "bedrock-mantle:*, dynamodb:*, the memory data actions; and s3:* on every bucket of the tenants and its "
        "objects.",
        types=_ROLE,
        rule=_denies,
    ),
)
