"""What decides at the gateway."""

from collections.abc import Iterator
from typing import Final

from policy_checks.check import Check, Severity
from policy_checks.plan import UNKNOWN, Plan, Resource

_GATEWAY: Final = ("aws_bedrockagentcore_gateway",)


def _engine(resource: Resource, plan: Plan) -> Iterator[str]:
    if not resource.blocks("policy_engine_configuration"):
        yield "policy_engine_configuration is missing, so every user may call every tool"
    elif resource.get("policy_engine_configuration", "arn") in (None, ""):
        yield "policy_engine_configuration names no engine"


def _enforced(resource: Resource, plan: Plan) -> Iterator[str]:
    mode = resource.known("policy_engine_configuration", "mode")
    if mode != "ENFORCE":
        yield f"policy_engine_configuration.mode is {mode!r}, so refusals are written down and not carried out"


def _errors(resource: Resource, plan: Plan) -> Iterator[str]:
    level = resource.get("exception_level")
    if level is UNKNOWN:
        level = plan.given(resource, "exception_level")
    if level:
        yield f"exception_level is {level!r}, so callers are told ARNs and errors of functions"


CHECKS: Final = (
    Check(
        id="CKV_AGENTCORE_4",
        name="The gateway has a policy engine",
        severity=Severity.HIGH,
        why="Without one, whoever passes the authorizer may call each tool of each target: tiers differ in nothing.",
        fix="Set policy_engine_configuration with the ARN of the policy engine.",
        types=_GATEWAY,
        rule=_engine,
    ),
    Check(
        id="CKV_AGENTCORE_5",
        name="The policy engine of a production gateway enforces",
        severity=Severity.CRITICAL,
        why="With LOG_ONLY a denied call is carried out all the same. It is for trying policies out, elsewhere.",
        fix="Set policy_engine_configuration.mode = ENFORCE (variable policy_mode).",
        types=_GATEWAY,
        rule=_enforced,
        production=True,
    ),
    Check(
        id="CKV_AGENTCORE_6",
        name="The gateway tells callers nothing of its inside",
        severity=Severity.MEDIUM,
        why="With exception_level DEBUG, answers hold ARNs and the errors of functions, for every caller.",
        fix="Leave exception_level out.",
        types=_GATEWAY,
        rule=_errors,
    ),
)
