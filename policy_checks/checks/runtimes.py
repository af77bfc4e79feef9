"""Runtimes: the token reaches the agent, sessions end, endpoints stay."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policy_checks.check import Check, Severity
from policy_checks.plan import UNKNOWN, Plan, Resource, Undecided, listed

_RUNTIME: Final = ("aws_bedrockagentcore_agent_runtime",)
_ENDPOINT: Final = "aws_bedrockagentcore_agent_runtime_endpoint"
IDLE_SECONDS: Final = 900
"""Longest time that an idle microVM may wait; the service's own default."""

_SECRET_NAME: Final = re.compile(
    r"(^|_)(SECRET|TOKEN|PASS|PWD|CREDENTIALS?|(API|ACCESS|PRIVATE|SECRET|SIGNING|ENCRYPTION)_?KEY)(_?(VALUE|\d+))?$"
    r"|PASSWORD|PASSWD|PASSPHRASE",
    re.IGNORECASE,
)
_SECRET_VALUE: Final = re.compile(
    r"AKIA[0-9A-Z]{16}|ASIA[0-9A-Z]{16}|\b(gh[pousr]_|github_pat_|xox[abpr]-|sk-|glpat-|AIza)[\w-]{16,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.|://[^/\s:@]+:[^/\s@]+@"
)
_POINTER: Final = re.compile(r"arn:[^:]+:(secretsmanager|ssm|kms):.*")


def _header(resource: Resource, plan: Plan) -> Iterator[str]:
    path = ("request_header_configuration", "request_header_allowlist")
    names = listed(resource.known(*path), what=".".join(path))
    if "authorization" not in {str(name).lower() for name in names}:
        yield "request_header_allowlist does not hold Authorization, so the agent never sees the token"


def _idle(resource: Resource, plan: Plan) -> Iterator[str]:
    seconds = plan.given(resource, "lifecycle_configuration", "idle_runtime_session_timeout")
    if seconds is None:
        yield f"lifecycle_configuration.idle_runtime_session_timeout is not set; write down at most {IDLE_SECONDS}"
    elif float(seconds) > IDLE_SECONDS:
        yield f"lifecycle_configuration.idle_runtime_session_timeout is {seconds}, more than {IDLE_SECONDS}"


def _pinned(resource: Resource, plan: Plan) -> Iterator[str]:
    if resource.type == _ENDPOINT:
        if str(resource.known("name")).upper() == "DEFAULT":
            yield "it is named DEFAULT, which AgentCore moves to every new version"
        if not plan.given(resource, "agent_runtime_version"):
            yield "agent_runtime_version is not set, so the endpoint moves to every new version"
        return
    plan.related()
    if not plan.of_type(_ENDPOINT):
        yield "no endpoint in this plan: callers are left with DEFAULT, which AgentCore moves to every new version"


def _no_secrets(resource: Resource, plan: Plan) -> Iterator[str]:
    path = ("environment", "variables") if resource.type == "aws_lambda_function" else ("environment_variables",)
    found = resource.known(*path)
    variables: Mapping[str, Any] = found[0] if isinstance(found, list) and found else found or {}
    unknown = []
    for name, value in variables.items():
        if value is UNKNOWN:
            if _SECRET_NAME.search(name):
                unknown.append(name)
            continue
        text = "" if value is None else str(value)
        # The value itself is never shown.
        if _SECRET_VALUE.search(text):
            yield f"the value of {name} looks like a credential"
        elif _SECRET_NAME.search(name) and text and not _POINTER.fullmatch(text):
            yield f"{name} is the name of a secret, and its value is no ARN of one"
    if unknown:
        raise Undecided(f"the values of {', '.join(unknown)}")


CHECKS: Final = (
    Check(
        id="CKV_AGENTCORE_22",
        name="The runtime passes the verified token on to the agent",
        severity=Severity.HIGH,
        why="AgentCore checks the token and then takes it away unless Authorization is listed. An agent without it has "
        "only the payload to tell who is asking, and the payload is the caller's.",
        fix="Put Authorization into request_header_configuration.request_header_allowlist.",
        types=_RUNTIME,
        rule=_header,
    ),
    Check(
        id="CKV_AGENTCORE_23",
        name="An idle session ends within 15 minutes",
        severity=Severity.MEDIUM,
        why="A microVM that waits holds a user's session, its workspace and its credentials, and costs memory.",
        fix=f"Set lifecycle_configuration.idle_runtime_session_timeout to {IDLE_SECONDS} seconds or less.",
        types=_RUNTIME,
        rule=_idle,
    ),
    Check(
        id="CKV_AGENTCORE_24",
        name="Callers use an endpoint that stays on its version",
        severity=Severity.HIGH,
        why="DEFAULT, and an endpoint without a version, serve whatever was published last: nobody promoted it, and "
        "there is no way back.",
        fix="Make an endpoint of another name with agent_runtime_version.",
        types=(*_RUNTIME, _ENDPOINT),
        rule=_pinned,
    ),
    Check(
        id="CKV_AGENTCORE_25",
        name="No secret stands in environment variables",
        severity=Severity.HIGH,
        why="Environment variables are shown by the console and the API, stand in Terraform's state, and all code "
        "in the "
        "microVM reads them.",
        fix="Store it in Secrets Manager and pass its ARN.",
        types=("aws_bedrockagentcore_agent_runtime", "aws_lambda_function"),
        rule=_no_secrets,
    ),
)
