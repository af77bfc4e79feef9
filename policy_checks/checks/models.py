"""Models: called with the guardrail, and by name."""

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


def _guarded(resource: Resource, plan: Plan) -> Iterator[str]:
    for statement in allows(resource, plan):
        if not statement.covered(_INVOKE):
            continue
        bound = [
            c
            for c in statement.on("bedrock:GuardrailIdentifier")
            if c.binds
            and c.operator in ("stringequals", "arnequals")
            and c.values
            and not any("*" in v for v in c.values)
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
            if "*" in arn.rpartition(":")[2] or arn == "*":
                yield f"{statement.name} allows {arn!r}, which is no single model"


CHECKS: Final = (
    Check(
        id="CKV_AGENTCORE_34",
        name="A model may be called with its guardrail only",
        severity=Severity.HIGH,
        why="A guardrail is an argument of the call: whoever leaves it out is not guarded, unless IAM refuses the "
        "call.",
        fix="Add StringEquals on bedrock:GuardrailIdentifier with ARN and version.",
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
