"""Cedar: what the policies of a gateway lean on."""

import re
from collections.abc import Iterator
from typing import Final

from policy_checks import cedar
from policy_checks.check import Check, Severity
from policy_checks.plan import Plan, Resource

_POLICY: Final = ("aws_bedrockagentcore_policy",)
_IDENTITY: Final = re.compile(
    r"^(clinic|tenant|organi[sz]ation|org|customer|account|hospital|tier|plan|user|user_?name|sub|subject|email|owner|"
    r"actor|role|roles|group|groups|principal|scope|claims?)(_?(id|ids|name|key))?$",
    re.IGNORECASE,
)


def _read(resource: Resource) -> list[cedar.Policy]:
    statement = resource.known("definition", "cedar", "statement")
    return cedar.parse(str(statement)) if statement else []


def _principal(resource: Resource, plan: Plan) -> Iterator[str]:
    for policy in _read(resource):
        if not policy.permit:
            continue
        bound = [c for c in policy.when if re.search(r'principal\.getTag\(\s*"tier"\s*\)\s*==\s*"[^"]+"', c)]
        if not bound:
            yield 'a permit does not compare principal.getTag("tier") with a tier, so it holds for every user'
        elif all("||" in cedar.without_strings(c) or re.search(r"\bif\b", cedar.without_strings(c)) for c in bound):
            yield "a permit has an alternative beside the tier, so it may hold without it"


def _scope(resource: Resource, plan: Plan) -> Iterator[str]:
    for policy in _read(resource):
        if not policy.permit:
            continue
        if not re.fullmatch(r'resource\s*==\s*AgentCore::Gateway::"[^"*]+"', policy.resource):
            yield 'a permit names no gateway (resource == AgentCore::Gateway::"...")'
        if policy.principal != "principal is AgentCore::OAuthUser" and "principal ==" not in policy.principal:
            yield "a permit does not say that the principal is an OAuthUser"
        if not re.search(r'AgentCore::Action::"[^"]+___[^"]+"', policy.action):
            yield "a permit names no tool, so tools that are added later are permitted too"


def _own_words(resource: Resource, plan: Plan) -> Iterator[str]:
    for policy in _read(resource):
        text = policy.conditions
        names = re.findall(r"context\.input\.(\w+)", text)
        names += re.findall(r'context\.input\[\s*"([^"]+)"\s*\]', text)
        names += re.findall(r'context\.input\s+has\s+"?(\w+)"?', text)
        for name in dict.fromkeys(names):
            if _IDENTITY.match(name):
                yield f"context.input.{name} is what the model says, and no identity"


CHECKS: Final = (
    Check(
        id="CKV_AGENTCORE_31",
        name="A Cedar permit holds for one tier of the token",
        severity=Severity.HIGH,
        why="Nothing is allowed that no policy permits, so a permit without the tier is the tools for everybody.",
        fix='Write when { principal.hasTag("tier") && principal.getTag("tier") == "<tier>" } without alternatives.',
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
