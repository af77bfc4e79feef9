"""What the stand-in runs: the runtime's versions and endpoints that Terraform recorded, and this laptop's settings.

The file that it is started with names the recorded state and the history of versions. Whatever the stand-in could only
pretend to do is refused when it starts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from local_aws.agentcore.errors import InvalidConfigError
from local_aws.agentcore.jwt_rules import AuthorizerConfig, parse_authorizer
from local_aws.agentcore.reader import Reader
from local_aws.recorded_state import RecordedState, RecordedStateError
from local_aws.runtime.history import HISTORY_FILE, RUNTIME, VersionHistory
from local_aws.stack.processes import GRACE_SECONDS

ENDPOINT: Final = "aws_bedrockagentcore_agent_runtime_endpoint"
CHECKSUM_TAG: Final = "BundleSha256"
"""Tag of the runtime that holds the SHA-256 of its bundle, in hex: AgentCore itself takes a bundle as it finds it."""

DEFAULT_ENDPOINT: Final = "DEFAULT"
"""The endpoint that every runtime has and that follows its newest version."""
_RESERVED_HEADERS: Final = re.compile(r"x-amz-.*|x-amzn-(?!bedrock-agentcore-runtime-custom-).*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLocation:
    """Where the bundle is, and what it has to be."""

    bucket: str
    key: str
    sha256: str  # hexadecimal
    entry_point: str  # a Python file in the bundle's root


@dataclass(frozen=True, slots=True, kw_only=True)
class LaptopSettings:
    """What AWS decides for itself, and a laptop has to be told."""

    aws_endpoint_url: str
    region: str
    account_id: str
    work_dir: Path  # bundles are unpacked here, sessions have their working directories here
    log_dir: Path
    warm_spares: int = 0  # processes started ahead, as AgentCore keeps pre-warmed microVMs
    max_sessions: int = 40
    max_payload_bytes: int = 1_048_576  # AWS: 100,000,000
    connect_timeout_seconds: float = 5.0
    stream_timeout_seconds: float = 3600.0  # AWS: 60 minutes for a stream
    start_timeout_seconds: float = 120.0  # AWS: a microVM has to be healthy within 120 s
    stop_grace_seconds: float = GRACE_SECONDS  # between SIGTERM and SIGKILL


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeVersion:
    """One version of the runtime, complete in itself: AgentCore takes nothing of another version."""

    number: str
    role_arn: str
    code: CodeLocation
    environment: Mapping[str, str] = field(repr=False)
    authorizer: AuthorizerConfig
    allowed_headers: frozenset[str]  # lower case
    idle_timeout_seconds: float
    max_lifetime_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeConfig:
    """Everything the stand-in is started with."""

    name: str
    arn: str
    newest: str  # number
    versions: Mapping[str, RuntimeVersion]  # by number: those that endpoints name, and no others
    endpoints: Mapping[str, str]  # number of the version that each serves
    laptop: LaptopSettings


def load_config(path: Path) -> RuntimeConfig:
    """Read a configuration file and the recorded state that it names.

    Raises:
        InvalidConfigError: If one of them cannot be read or holds something that the stand-in cannot do.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as failure:
        raise InvalidConfigError(field=str(path), problem=f"cannot be read as JSON ({failure})") from failure
    top = Reader("config", data)
    try:
        return parse_config(data, RecordedState.load(Path(top.text("state"))), VersionHistory.load(_history(top)))
    except RecordedStateError as failure:
        raise InvalidConfigError(field="config.state", problem=str(failure)) from failure


def parse_config(data: Any, state: RecordedState, history: VersionHistory) -> RuntimeConfig:
    """Check a configuration.

    Args:
        data: The laptop's settings, decoded.
        state: What Terraform recorded.
        history: The runtime's versions so far. It need not hold the newest, which the state does.

    Raises:
        InvalidConfigError: With the path of the field and what is wrong with it.
        RecordedStateError: If not exactly one runtime is recorded.
    """
    runtime = Reader(RUNTIME, dict(state.one(RUNTIME)))
    arn, newest = runtime.text("agent_runtime_arn"), runtime.text("agent_runtime_version")
    known = history.versions if history.arn == arn else {}
    recorded = _version(runtime)
    if newest in known and _version(Reader(f"{RUNTIME} (version {newest})", dict(known[newest]))) != recorded:
        problem = f"version {newest} is recorded with other content than before, and a version never changes"
        raise InvalidConfigError(field=RUNTIME, problem=problem)
    endpoints = {DEFAULT_ENDPOINT: newest}
    versions = {newest: recorded}
    for endpoint in (Reader(ENDPOINT, dict(values)) for values in state.of_type(ENDPOINT)):
        name, number = endpoint.text("name"), endpoint.text("agent_runtime_version")
        if number not in versions:
            if number not in known:
                problem = (
                    f"serves version {number}, of which nothing is known here; name one of"
                    f" {', '.join(sorted({newest, *known}, key=_order))}, or start anew with `make down up`"
                )
                raise InvalidConfigError(field=f"{ENDPOINT}.{name}", problem=problem)
            versions[number] = _version(Reader(f"{RUNTIME} (version {number})", dict(known[number])))
        endpoints[name] = number
    return RuntimeConfig(
        name=runtime.text("agent_runtime_name"),
        arn=arn,
        newest=newest,
        versions=versions,
        endpoints=endpoints,
        laptop=_laptop(Reader("config", data)),
    )


def _history(top: Reader) -> Path:
    """Return the file of the history: next to the recorded state, unless the configuration says otherwise."""
    named = top.optional_text("versions")
    return Path(named) if named is not None else Path(top.text("state")).with_name(HISTORY_FILE)


def _order(number: str) -> tuple[int, str]:
    return (int(number) if number.isdecimal() else 0, number)


def _version(runtime: Reader) -> RuntimeVersion:
    if runtime.object("protocol_configuration").text("server_protocol") != "HTTP":
        raise InvalidConfigError(field=f"{runtime.path}.protocol_configuration", problem="only HTTP is served here")
    lifecycle = runtime.object("lifecycle_configuration")
    return RuntimeVersion(
        number=runtime.text("agent_runtime_version"),
        role_arn=runtime.text("role_arn"),
        code=_code(runtime),
        environment=runtime.text_map("environment_variables"),
        authorizer=parse_authorizer(runtime.object("authorizer_configuration")),
        allowed_headers=_headers(runtime),
        idle_timeout_seconds=lifecycle.number("idle_runtime_session_timeout"),
        max_lifetime_seconds=lifecycle.number("max_lifetime"),
    )


def _laptop(top: Reader) -> LaptopSettings:
    defaults = LaptopSettings(aws_endpoint_url="", region="", account_id="", work_dir=Path(), log_dir=Path())
    return LaptopSettings(
        aws_endpoint_url=top.text("aws_endpoint_url").rstrip("/"),
        region=top.text("region"),
        account_id=top.text("account_id"),
        work_dir=Path(top.text("work_dir")),
        log_dir=Path(top.text("log_dir")),
        warm_spares=int(top.number("warm_spares", defaults.warm_spares)),
        max_sessions=int(top.number("max_sessions", defaults.max_sessions)),
        max_payload_bytes=int(top.number("max_payload_bytes", defaults.max_payload_bytes)),
        connect_timeout_seconds=top.number("connect_timeout_seconds", defaults.connect_timeout_seconds),
        stream_timeout_seconds=top.number("stream_timeout_seconds", defaults.stream_timeout_seconds),
        start_timeout_seconds=top.number("start_timeout_seconds", defaults.start_timeout_seconds),
        stop_grace_seconds=top.number("stop_grace_seconds", defaults.stop_grace_seconds),
    )


def _code(runtime: Reader) -> CodeLocation:
    code = runtime.object("agent_runtime_artifact").object("code_configuration")
    entry_point = code.texts("entry_point")
    # AWS also takes a wrapper before the file (`opentelemetry-instrument main.py`), which is not run here.
    if len(entry_point) != 1 or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.py", entry_point[0]):
        raise InvalidConfigError(field=f"{code.path}.entry_point", problem=f"{entry_point!r} is not one Python file")
    sha256 = runtime.text_map("tags").get(CHECKSUM_TAG, "")
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        problem = f"{sha256!r} is not a SHA-256 in hex"
        raise InvalidConfigError(field=f"{runtime.path}.tags.{CHECKSUM_TAG}", problem=problem)
    location = code.object("code").object("s3")
    return CodeLocation(
        bucket=location.text("bucket"), key=location.text("prefix"), sha256=sha256, entry_point=entry_point[0]
    )


def _headers(runtime: Reader) -> frozenset[str]:
    block = runtime.optional_object("request_header_configuration")
    names = [] if block is None else block.texts("request_header_allowlist")
    for name in names:
        if _RESERVED_HEADERS.fullmatch(name):
            problem = f"{name!r} is reserved; AWS refuses it"
            raise InvalidConfigError(field=f"{runtime.path}.request_header_configuration", problem=problem)
    return frozenset(name.lower() for name in names)
