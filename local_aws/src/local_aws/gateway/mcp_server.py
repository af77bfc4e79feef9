"""The MCP side, on the official SDK: it validates messages, negotiates versions, and calls the two handlers below.

The SDK's single-exchange driver is used, one call for each HTTP request. Its session manager would keep a task and
four streams per session and pass every message through them, which costs milliseconds, for a state that the gateway
does not have: every request is authorized by its own token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import mcp_types as types
from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.runner import serve_one
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import ValidationError

from local_aws.agentcore.errors import InvalidConfigError
from local_aws.gateway.gateway import Caller, Gateway
from local_aws.gateway.mcp_errors import INVALID_PARAMS, METHOD_NOT_FOUND, McpRefusal
from local_aws.gateway.messages import Message

_ASSUMED_VERSION: Final = "2025-03-26"
"""Of a request without `MCP-Protocol-Version`. Source: MCP 2025-11-25, "Protocol version header"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """What the handlers get to see of a request, beside its parameters."""

    gateway: Gateway
    caller: Caller


@dataclass(slots=True, kw_only=True)
class _Exchange:
    """The SDK's `DispatchContext` of one HTTP request. Its answer is one JSON object: nothing goes back before."""

    request_id: str | int | None
    message_metadata: ServerMessageMetadata
    transport: TransportContext = field(
        default_factory=lambda: TransportContext(kind="streamable-http", can_send_request=False)
    )
    cancel_requested: anyio.Event = field(default_factory=anyio.Event)
    can_send_request: bool = False

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        raise NoBackChannelError(method)

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None) -> None:
        """Drop it."""

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Drop it."""


def served_versions(recorded: Sequence[str]) -> tuple[str, ...]:
    """Return the protocol versions that a gateway serves, oldest first; without any recorded, the SDK's.

    Raises:
        InvalidConfigError: If the SDK knows none of the recorded ones.
    """
    found = tuple(version for version in HANDSHAKE_PROTOCOL_VERSIONS if not recorded or version in recorded)
    if not found:
        problem = f"{list(recorded)} are not served here, only {list(HANDSHAKE_PROTOCOL_VERSIONS)}"
        raise InvalidConfigError(field="gateway.protocol_configuration.mcp.supported_versions", problem=problem)
    return found


class McpServer:
    """Answers requests."""

    def __init__(self) -> None:
        self._server: Server[Any] = Server("agentcore-gateway", on_list_tools=_list_tools, on_call_tool=_call_tool)

    async def answer(
        self, message: Message, *, gateway: Gateway, caller: Caller, version: str | None
    ) -> dict[str, Any]:
        """Answer one request.

        Args:
            message: As the interceptor left it.
            gateway: The one that answers.
            caller: Who asks.
            version: Of the header `MCP-Protocol-Version`, one that is served.

        Returns:
            The JSON-RPC `result`.

        Raises:
            McpRefusal: If there is an error instead.
        """
        params = message.params
        if message.method == "initialize":
            params = _negotiated(params, served_versions(gateway.config.supported_versions))
        exchange = _Exchange(
            request_id=message.id,
            message_metadata=ServerMessageMetadata(request_context=_Call(gateway=gateway, caller=caller)),
        )
        connection = Connection.from_envelope(version or _ASSUMED_VERSION, None, None)
        try:
            result = await serve_one(
                self._server, exchange, message.method, params, connection=connection, lifespan_state={}
            )
        except MCPError as failure:
            known = failure.code != METHOD_NOT_FOUND
            code = "invalid_request" if known else "method_not_found"
            text = "The parameters are not those of the method." if known else "There is no such method."
            raise McpRefusal(number=failure.code, code=code, message=text) from failure
        except ValidationError as failure:
            # Not pydantic's message, which quotes the input.
            code = "invalid_arguments" if message.method == "tools/call" else "invalid_request"
            text = "The parameters are not those of the method."
            raise McpRefusal(number=INVALID_PARAMS, code=code, message=text) from failure
        if message.method == "initialize" and gateway.config.instructions:
            return {**result, "instructions": gateway.config.instructions}
        return result


def _negotiated(params: dict[str, Any], served: Sequence[str]) -> dict[str, Any]:
    """Ask the SDK for the newest version that is served, if the client asks for another."""
    return params if params.get("protocolVersion") in served else {**params, "protocolVersion": served[-1]}


async def _list_tools(
    context: ServerRequestContext[Any, _Call], _: types.PaginatedRequestParams | None
) -> types.ListToolsResult:
    call = _call(context)
    return types.ListToolsResult.model_validate({"tools": call.gateway.list_tools(call.caller)})


async def _call_tool(
    context: ServerRequestContext[Any, _Call], params: types.CallToolRequestParams
) -> types.CallToolResult:
    call = _call(context)
    result = await call.gateway.call_tool(call.caller, name=params.name, arguments=params.arguments or {})
    return types.CallToolResult.model_validate(result)


def _call(context: ServerRequestContext[Any, _Call]) -> _Call:
    if context.request is None:
        raise AssertionError("every exchange carries its call")
    return context.request
