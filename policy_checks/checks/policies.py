"""Cedar: what the policies of a gateway lean on."""

import re
from collections.abc import Iterator
from typing import Final

from policy_checks import cedar
from policy_checks.check import Check, Severity
from policy_checks.iam import InvalidDocument
from policy_checks.plan import Plan, Resource

_POLICY: Final = ("aws_bedrockagentcore_policy",)
_TIER: Final = re.compile(
    r'principal\s*\.\s*getTag\(\s*"tier"\s*\)\s*==\s*"[^"*]+"|"[^"*]+"\s*==\s*principal\s*\.\s*getTag\(\s*"tier"\s*\)'
)
_GATEWAY: Final = re.compile(r'resource\s*==\s*AgentCore::Gateway::"[^"*]+"')
_USER: Final = re.compile(r'principal\s+is\s+AgentCore::OAuthUser|principal\s*==\s*AgentCore::OAuthUser::"[^"*]+"')
_ACTION: Final = r'AgentCore::Action::"[^"*]+___[^"*]+"'
_TOOLS: Final = re.compile(
    rf"action\s*(?:==|\bin\b)\s*{_ACTION}|action\s+in\s*\[\s*{_ACTION}(?:\s*,\s*{_ACTION})*\s*,?\s*\]"
)
_IDENTITY: Final = re.compile(
    r"^(my_?|current_?|own_?|caller_?|request(ing|er)?_?|auth_?)?"
    r"(clinic|tenant|organi[sz]ation|org|customer|account|hospital|tier|plan|user|user_?name|sub|subject|email|owner|"
    r"actor|role|roles|group|groups|principal|scope|claims?)(_?(id|ids|name|key|code|number|no|ref|slug|uuid))?$",
    re.IGNORECASE,
)


def _read(resource: Resource) -> list[cedar.Policy]:
    statement = resource.known("definition", "cedar", "statement")
    if not statement:
        raise InvalidDocument("definition.cedar.statement: is missing, so nobody can tell what it permits")
    return cedar.parse(str(statement))


def _principal(resource: Resource, plan: Plan) -> Iterator[str]:
    for policy in _read(resource):
        if not policy.permit:
            continue
        needed = [part for condition in policy.when for part in cedar.conjuncts(condition)]
        if any(_TIER.fullmatch(part) for part in needed):
            continue
        if any(_TIER.search(part) for part in (*policy.when, *policy.unless)):
            yield "a permit has an alternative beside the tier, or turns the comparison round: it may hold without it"
        else:
            yield 'a permit does not compare principal.getTag("tier") with a tier, so it holds for every user'


def _scope(resource: Resource, plan: Plan) -> Iterator[str]:
    for policy in _read(resource):
        if not policy.permit:
            continue
        if not _GATEWAY.fullmatch(policy.resource):
            yield 'a permit names no gateway (resource == AgentCore::Gateway::"...")'
        if not _USER.fullmatch(policy.principal):
            yield "a permit does not say that the principal is an OAuthUser"
        if not _TOOLS.fullmatch(policy.action):
            yield (
                "a permit names something else than tools (<target>___<tool>), so tools that are added later are "
                "permitted too"
            )


def _own_words(resource: Resource, plan: Plan) -> Iterator[str]:
    for policy in _read(resource):
        for path in dict.fromkeys(cedar.paths(policy.conditions)):
            steps = path.split(".")[1:]
            if not steps or steps == ["input"]:
                yield f"{path} is compared as a whole, and what the model says may stand for an identity in it"
            elif steps[0] == "input" and any(_IDENTITY.match(step) for step in steps[1:]):
                yield f"{path} is what the model says, and no identity"


CHECKS: Final = (
    Check(
        id="CKV_AGENTCORE_31",
        name="A Cedar permit holds for one tier of the token",
        severity=Severity.HIGH,
        why="Nothing is allowed that no policy permits, so a permit without the tier is the tools for everybody.",
        fix='Write when { principal.hasTag("tier") && principal.getTag("tier") == "<tier>" }: the comparison by '
        "itself, "
        "with && beside other conditions. || and if may stand in brackets within those.",
        types=_POLICY,
        rule=_principal,
    ),
    Check(
        id="CKV_AGENTCORE_32",
        name="A Cedar permit names principal type, tools and gateway",
        severity=Severity.HIGH,
        why="A scope that is left open grows by itself: another gateway of the engine, another tool of a target.",
        fix='permit(principal is AgentCore::OAuthUser, action in [AgentCore::Action::"<target>___<tool>"], resource == '
        'AgentCore::Gateway::"<ARN>").',
        types=_POLICY,
        rule=_scope,
    ),
    Check(
        id="CKV_AGENTCORE_33",
        name="No Cedar policy takes an argument for an identity",
        severity=Severity.CRITICAL,
        why="context.input holds what the model wrote, and a prompt can make it write any clinic or tier.",
        fix="Compare tags of the principal, which come from the verified token.",
        types=_POLICY,
        rule=_own_words,
    ),
)
