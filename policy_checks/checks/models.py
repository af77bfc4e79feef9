"""Models: called with the guardrail, and by name."""

import re
from collections.abc import Iterator
from typing import Final

from policy_checks.check import Check, Severity
from policy_checks.documents import PERMISSIONS, allows
from policy_checks.plan import Plan, Resource

_INVOKE: Final = (
    "bedrock:InvokeModel",
    "bedrock:InvokeModelWithResponseStream",
    "bedrock:InvokeModelWithBidirectionalStream",
)


_UNGUARDED: Final = (
    "bedrock:CreateModelInvocationJob",
    "bedrock:InvokeAgent*",
    "bedrock:InvokeBuilder*",
    "bedrock:InvokeFlow*",
    "bedrock:InvokeInlineAgent*",
    "bedrock:RetrieveAndGenerate*",
    "bedrock-mantle:*",
)
"""Further ways to a model, on which no condition asks for a guardrail."""


def _guarded(resource: Resource, plan: Plan) -> Iterator[str]:
    for statement in allows(resource, plan):
        if found := statement.touches(_UNGUARDED):
            yield f"{statement.name} allows {', '.join(found)}, where no condition can ask for a guardrail"
        if not statement.covered(_INVOKE):
            continue
        bound = [
            c
            for c in statement.on("bedrock:GuardrailIdentifier")
            if c.binds
            and c.operator in ("stringequals", "arnequals")
            and c.values
            and not any(re.search(r"[*?$]", v) for v in c.values)
        ]
        if not bound:
            yield f"{statement.name} allows models without asking for a guardrail"


def _named(resource: Resource, plan: Plan) -> Iterator[str]:
    for statement in allows(resource, plan):
        if not statement.covered(_INVOKE):
            continue
        if statement.not_resources:
            yield f"{statement.name} names the models that it excludes"
        for arn in statement.resources:
            name = arn.split(":", 5)[-1]  # a model's id may hold colons
            if re.search(r"[*?$]", name):
                yield f"{statement.name} allows {arn!r}, which is no single model"


CHECKS: Final = (
    Check(
        id="CKV_AGENTCORE_34",
        name="A model may be called with its guardrail only",
        severity=Severity.HIGH,
        why="A guardrail is an argument of the call: whoever leaves it out is not guarded, unless IAM refuses the "
        "call.",
        fix="Add StringEquals on bedrock:GuardrailIdentifier with ARN and version, and allow no other way to a model "
        "(agents, flows, batch jobs, bedrock-mantle).",
        types=PERMISSIONS,
        rule=_guarded,
    ),
    Check(
        id="CKV_AGENTCORE_35",
        name="A policy names the models that it allows",
        severity=Severity.MEDIUM,
        why="A pattern allows models that are published later, at prices and with data rules that nobody agreed to.",
        fix="Name the tier's model by its ARN.",
        types=PERMISSIONS,
        rule=_named,
    ),
)
