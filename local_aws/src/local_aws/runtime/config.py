"""What the stand-in runs, read from the file it is started with.

The file holds Terraform's `runtime` output, in the form of an `aws_bedrockagentcore_agent_runtime`, and this laptop's
settings. Whatever the stand-in could only pretend to do is refused when it starts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from local_aws.runtime.errors import InvalidConfigError
from local_aws.runtime.reader import Reader
from local_aws.stack.processes import GRACE_SECONDS

DEFAULT_ENDPOINT: Final = "DEFAULT"
"""The endpoint that every runtime has and that follows its newest version."""
_RESERVED_HEADERS: Final = re.compile(r"x-amz-.*|x-amzn-(?!bedrock-agentcore-runtime-custom-).*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRule:
    """One `custom_claim`: the token's claim has to be a string, or a list that holds one of these strings."""

    name: str
    is_list: bool
    accepted: frozenset[str]

    def admits(self, claims: Mapping[str, Any]) -> bool:
        """Tell whether a token with these claims passes."""
        value = claims.get(self.name)
        if not self.is_list:
            return isinstance(value, str) and value in self.accepted
        return isinstance(value, list) and any(isinstance(item, str) and item in self.accepted for item in value)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizerConfig:
    """`authorizer_configuration.custom_jwt_authorizer`; an empty set means that the field is not checked."""

    discovery_url: str
    allowed_clients: frozenset[str] = frozenset()
    allowed_audience: frozenset[str] = frozenset()
    allowed_scopes: frozenset[str] = frozenset()
    custom_claims: tuple[ClaimRule, ...] = ()


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
class RuntimeConfig:
    """Everything the stand-in is started with."""

    name: str
    arn: str
    role_arn: str
    code: CodeLocation
    environment: Mapping[str, str] = field(repr=False)
    authorizer: AuthorizerConfig
    allowed_headers: frozenset[str]  # lower case
    idle_timeout_seconds: float
    max_lifetime_seconds: float
    endpoints: frozenset[str]
    laptop: LaptopSettings


def runtime_arn(*, name: str, region: str, account_id: str) -> str:
    """Build a runtime's ARN; AWS appends ten characters to the name, here they depend on what it is made from."""
    suffix = hashlib.sha256(f"{account_id}/{region}/{name}".encode()).hexdigest()[:10]
    return f"arn:aws:bedrock-agentcore:{region}:{account_id}:runtime/{name}-{suffix}"


def load_config(path: Path) -> RuntimeConfig:
    """Read a configuration file.

    Raises:
        InvalidConfigError: If it cannot be read or holds something that the stand-in cannot do.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as failure:
        raise InvalidConfigError(field=str(path), problem=f"cannot be read as JSON ({failure})") from failure
    return parse_config(data)


def parse_config(data: Any) -> RuntimeConfig:
    """Check a configuration.

    Raises:
        InvalidConfigError: With the path of the field and what is wrong with it.
    """
    top = Reader("config", data)
    runtime = top.object("runtime")
    laptop = _laptop(top)
    name = runtime.text("agent_runtime_name")
    if runtime.object("protocol_configuration").text("server_protocol") != "HTTP":
        raise InvalidConfigError(field="config.runtime.protocol_configuration", problem="only HTTP is served here")
    lifecycle = runtime.object("lifecycle_configuration")
    return RuntimeConfig(
        name=name,
        arn=runtime.optional_text("agent_runtime_arn")
        or runtime_arn(name=name, region=laptop.region, account_id=laptop.account_id),
        role_arn=runtime.text("role_arn"),
        code=_code(runtime),
        environment=runtime.text_map("environment_variables"),
        authorizer=_authorizer(runtime.object("authorizer_configuration").object("custom_jwt_authorizer")),
        allowed_headers=_headers(runtime),
        idle_timeout_seconds=lifecycle.number("idle_runtime_session_timeout"),
        max_lifetime_seconds=lifecycle.number("max_lifetime"),
        endpoints=_endpoints(runtime),
        laptop=laptop,
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
    sha256 = runtime.text("code_sha256")
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise InvalidConfigError(field="config.runtime.code_sha256", problem=f"{sha256!r} is not a SHA-256 in hex")
    location = code.object("code").object("s3")
    return CodeLocation(
        bucket=location.text("bucket"), key=location.text("prefix"), sha256=sha256, entry_point=entry_point[0]
    )


def _authorizer(authorizer: Reader) -> AuthorizerConfig:
    url = authorizer.text("discovery_url")
    if not re.fullmatch(r"https?://[^?#]+/\.well-known/openid-configuration", url):
        problem = f"{url!r} has to end in /.well-known/openid-configuration, with no query and no fragment"
        raise InvalidConfigError(field=f"{authorizer.path}.discovery_url", problem=problem)
    config = AuthorizerConfig(
        discovery_url=url,
        allowed_clients=frozenset(authorizer.texts("allowed_clients", optional=True)),
        allowed_audience=frozenset(authorizer.texts("allowed_audience", optional=True)),
        allowed_scopes=frozenset(authorizer.texts("allowed_scopes", optional=True)),
        custom_claims=tuple(_claim_rule(rule) for rule in authorizer.objects("custom_claim")),
    )
    if not (config.allowed_clients or config.allowed_audience or config.allowed_scopes or config.custom_claims):
        raise InvalidConfigError(field=authorizer.path, problem="admits every token of the issuer; name a rule")
    return config


def _claim_rule(rule: Reader) -> ClaimRule:
    kind = rule.text("inbound_token_claim_value_type")
    match = rule.object("authorizing_claim_match_value")
    operator, value = match.text("claim_match_operator"), match.object("claim_match_value")
    if (kind, operator) not in {("STRING", "EQUALS"), ("STRING_ARRAY", "CONTAINS"), ("STRING_ARRAY", "CONTAINS_ANY")}:
        problem = f"{operator!r} does not go with {kind!r}"
        raise InvalidConfigError(field=f"{match.path}.claim_match_operator", problem=problem)
    accepted = (
        value.texts("match_value_string_list") if operator == "CONTAINS_ANY" else [value.text("match_value_string")]
    )
    return ClaimRule(
        name=rule.text("inbound_token_claim_name"), is_list=kind == "STRING_ARRAY", accepted=frozenset(accepted)
    )


def _headers(runtime: Reader) -> frozenset[str]:
    block = runtime.optional_object("request_header_configuration")
    names = [] if block is None else block.texts("request_header_allowlist")
    for name in names:
        if _RESERVED_HEADERS.fullmatch(name):
            problem = f"{name!r} is reserved; AWS refuses it"
            raise InvalidConfigError(field="config.runtime.request_header_configuration", problem=problem)
    return frozenset(name.lower() for name in names)


def _endpoints(runtime: Reader) -> frozenset[str]:
    """Collect the endpoints, all of which have to serve the one version whose code is recorded."""
    block = runtime.optional_object("endpoints")
    versions = {} if block is None else {name: block.object(name).text("agent_runtime_version") for name in block.names}
    newest = runtime.optional_text("agent_runtime_version") or max(versions.values(), default="1", key=_version_number)
    for name, version in versions.items():
        if version != newest:
            problem = f"serves version {version}, but only the code of version {newest} is recorded"
            raise InvalidConfigError(field=f"config.runtime.endpoints.{name}", problem=problem)
    return frozenset({DEFAULT_ENDPOINT, *versions})


def _version_number(version: str) -> int:
    return int(version) if version.isdecimal() else 0
