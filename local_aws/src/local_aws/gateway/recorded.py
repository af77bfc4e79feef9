"""The gateway that Terraform recorded: authorizer, interceptor, targets with their tools, policy engine and policies.

Whatever the stand-in could only pretend to do is refused when the state is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from local_aws.agentcore.errors import InvalidConfigError
from local_aws.agentcore.jwt_rules import AuthorizerConfig, parse_authorizer
from local_aws.agentcore.reader import Reader
from local_aws.gateway.tool_schema import ValueSchema, parse_input_schema
from local_aws.recorded_state import RecordedState, RecordedStateError

WEB_SEARCH: Final = "web-search"
"""The one connector that the stand-in has."""
_WEB_SEARCH_TOOL: Final = "WebSearch"
_DEFAULT_SESSION_SECONDS: Final = 3600
"""Source: AgentCore developer guide, "Use MCP sessions with your gateway"."""
_RESERVED_ACTIONS: Final = frozenset({"Mcp", "CallTool"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool of one target."""

    name: str  # without the target
    target: str
    description: str
    schema: ValueSchema

    @property
    def wire_name(self) -> str:
        """The name that clients and policies use."""
        return f"{self.target}___{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where calls go."""

    id: str
    name: str
    lambda_arn: str | None  # None: the web-search connector
    allowed_headers: Sequence[str]
    tools: Sequence[Tool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One Cedar statement."""

    id: str
    name: str
    statement: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interceptor:
    """The REQUEST interceptor."""

    lambda_arn: str
    pass_headers: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """Everything that Terraform decides about the gateway."""

    id: str
    arn: str
    name: str
    role_arn: str
    authorizer: AuthorizerConfig
    interceptor: Interceptor | None
    enforce: bool  # False: LOG_ONLY
    policies: Sequence[Policy]
    targets: Sequence[Target]
    session_seconds: int | None  # None: no MCP sessions
    supported_versions: Sequence[str]  # empty: what the SDK has
    instructions: str | None

    @property
    def tools(self) -> dict[str, Tool]:
        """The tools by wire name."""
        return {tool.wire_name: tool for target in self.targets for tool in target.tools}


def read_gateway(state: RecordedState) -> GatewayConfig:
    """Read the one gateway of a state.

    Raises:
        InvalidConfigError: With the path of the field and what is wrong with it.
    """
    try:
        gateway = Reader("gateway", dict(state.one("aws_bedrockagentcore_gateway")))
    except RecordedStateError as failure:
        raise InvalidConfigError(field="state", problem=str(failure)) from failure
    for name, expected in (("authorizer_type", "CUSTOM_JWT"), ("protocol_type", "MCP")):
        if gateway.text(name) != expected:
            raise InvalidConfigError(field=f"gateway.{name}", problem=f"only {expected} is served here")
    targets = [
        _target(Reader(f"gateway_target[{index}]", dict(values)))
        for index, values in enumerate(state.of_type("aws_bedrockagentcore_gateway_target"))
        if values.get("gateway_identifier") == gateway.text("gateway_id")
    ]
    _check_names(targets)
    protocol = _mcp(gateway)
    engine = gateway.object("policy_engine_configuration")
    mode = engine.text("mode")
    if mode not in {"ENFORCE", "LOG_ONLY"}:
        raise InvalidConfigError(field=f"{engine.path}.mode", problem=f"{mode!r} is neither ENFORCE nor LOG_ONLY")
    return GatewayConfig(
        id=gateway.text("gateway_id"),
        arn=gateway.text("gateway_arn"),
        name=gateway.text("name"),
        role_arn=gateway.text("role_arn"),
        authorizer=parse_authorizer(gateway.object("authorizer_configuration")),
        interceptor=_interceptor(gateway),
        enforce=mode == "ENFORCE",
        policies=_policies(state, engine_arn=engine.text("arn")),
        targets=tuple(targets),
        session_seconds=_session_seconds(protocol),
        supported_versions=() if protocol is None else protocol.texts("supported_versions", optional=True),
        instructions=None if protocol is None or not protocol.has("instructions") else protocol.text("instructions"),
    )


def _mcp(gateway: Reader) -> Reader | None:
    protocol = gateway.optional_object("protocol_configuration")
    mcp = None if protocol is None else protocol.optional_object("mcp")
    if mcp is not None:
        streaming = mcp.optional_object("streaming_configuration")
        if mcp.has("search_type"):
            raise InvalidConfigError(field=f"{mcp.path}.search_type", problem="semantic search is not served here")
        if streaming is not None and streaming.has("enable_response_streaming"):
            raise InvalidConfigError(field=streaming.path, problem="responses are not streamed here")
    return mcp


def _session_seconds(mcp: Reader | None) -> int | None:
    block = None if mcp is None else mcp.optional_object("session_configuration")
    if block is None:
        return None
    seconds = int(block.number("session_timeout_in_seconds", _DEFAULT_SESSION_SECONDS))
    if not 900 <= seconds <= 28_800:
        raise InvalidConfigError(field=f"{block.path}.session_timeout_in_seconds", problem="has to be 900 to 28800")
    return seconds


def _interceptor(gateway: Reader) -> Interceptor | None:
    blocks = gateway.objects("interceptor_configuration")
    if not blocks:
        return None
    if len(blocks) > 1 or blocks[0].texts("interception_points") != ["REQUEST"]:
        raise InvalidConfigError(field="gateway.interceptor_configuration", problem="one for REQUEST is served here")
    block = blocks[0]
    options = block.optional_object("input_configuration")
    return Interceptor(
        lambda_arn=block.object("interceptor").object("lambda").text("arn"),
        pass_headers=options is not None and options.has("pass_request_headers"),
    )


def _target(target: Reader) -> Target:
    name = target.text("name")
    path = f"gateway_target.{name}"
    mcp = target.object("target_configuration").object("mcp")
    metadata = target.optional_object("metadata_configuration")
    if metadata is not None:
        for field_name in ("allowed_query_parameters", "allowed_response_headers"):
            if metadata.has(field_name):
                raise InvalidConfigError(field=f"{path}.{field_name}", problem="is not passed on here")
    block = mcp.optional_object("lambda")
    if block is not None:
        if block.object("tool_schema").has("s3"):
            raise InvalidConfigError(field=f"{path}.tool_schema", problem="only inline_payload is read here")
        tools = tuple(
            Tool(
                name=entry.text("name"),
                target=name,
                description=entry.text("description"),
                schema=parse_input_schema(entry.object("input_schema")),
            )
            for entry in block.object("tool_schema").objects("inline_payload")
        )
        if not target.object("credential_provider_configuration").has("gateway_iam_role"):
            raise InvalidConfigError(field=path, problem="a Lambda target needs gateway_iam_role")
    else:
        tools = _connector(mcp.object("connector"), target=name)
    return Target(
        id=target.text("target_id"),
        name=name,
        lambda_arn=None if block is None else block.text("lambda_arn"),
        allowed_headers=() if metadata is None else metadata.texts("allowed_request_headers", optional=True),
        tools=tools,
    )


def _connector(connector: Reader, *, target: str) -> tuple[Tool, ...]:
    """Read a connector. Tool and arguments come with it on AWS: Terraform has name and description alone."""
    connector_id = connector.object("source").text("connector_id")
    if connector_id != WEB_SEARCH:
        raise InvalidConfigError(field=f"{connector.path}.source", problem=f"{connector_id!r} is not served here")
    enabled = connector.texts("enabled", optional=True)
    description = "Search the web. Returns ranked extracts with title, URL and publication date."
    for block in connector.objects("configuration"):
        if block.text("name") != _WEB_SEARCH_TOOL or block.has("parameter_override"):
            raise InvalidConfigError(field=block.path, problem=f"only a description of {_WEB_SEARCH_TOOL} is read here")
        if block.has("parameter_values") and json.loads(block.text("parameter_values")):
            raise InvalidConfigError(field=f"{block.path}.parameter_values", problem="are not applied here")
        description = block.text("description") if block.has("description") else description
    if enabled and _WEB_SEARCH_TOOL not in enabled:
        return ()
    properties: Mapping[str, ValueSchema] = {
        "query": ValueSchema(type="string", description="What to search for, 1 to 200 characters."),
        "maxResults": ValueSchema(type="integer", description="How many results, 1 to 25; 10 if absent."),
    }
    schema = ValueSchema(type="object", properties=properties, required=frozenset({"query"}))
    return (Tool(name=_WEB_SEARCH_TOOL, target=target, description=description, schema=schema),)


def _check_names(targets: Sequence[Target]) -> None:
    names = [target.name for target in targets]
    tools = [tool.wire_name for target in targets for tool in target.tools]
    for name in [*names, *tools]:
        if [*names, *tools].count(name) > 1 or name in _RESERVED_ACTIONS:
            raise InvalidConfigError(field="gateway_target", problem=f"{name!r} is there twice, or reserved")
    if not tools:
        raise InvalidConfigError(field="gateway_target", problem="the gateway has no tools; apply its targets first")
    for name in tools:
        if not re.fullmatch(r"[A-Za-z0-9-]{1,100}___[A-Za-z0-9_-]{1,128}", name):
            raise InvalidConfigError(field="gateway_target", problem=f"{name!r} is no tool name")


def _policies(state: RecordedState, *, engine_arn: str) -> tuple[Policy, ...]:
    engines: list[Mapping[str, Any]] = [
        engine
        for engine in state.of_type("aws_bedrockagentcore_policy_engine")
        if engine.get("policy_engine_arn") == engine_arn
    ]
    if len(engines) != 1:
        problem = f"{engine_arn} is not recorded; apply the policy engine too"
        raise InvalidConfigError(field="gateway.policy_engine_configuration.arn", problem=problem)
    found = []
    for values in state.of_type("aws_bedrockagentcore_policy"):
        if values.get("policy_engine_id") != engines[0].get("policy_engine_id"):
            continue
        policy = Reader(f"policy.{values.get('name')}", dict(values))
        statement = policy.object("definition").object("cedar").text("statement")
        found.append(Policy(id=policy.text("policy_id"), name=policy.text("name"), statement=statement))
    return tuple(found)
