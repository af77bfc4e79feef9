"""Which MCP messages the interceptor lets through: one JSON-RPC object, of a known method, within limits."""

import json
from collections.abc import Mapping
from typing import Any, Final

MAX_ARGUMENTS_BYTES: Final = 16_384
MAX_BODY_BYTES: Final = 65_536
"""AgentCore itself lets 6 MB through."""

_METHODS: Final = frozenset({"initialize", "ping", "tools/list", "tools/call", "logging/setLevel", "server/discover"})
"""The Gateway's policies decide about tools only, so nothing else that could read data passes. `server/discover` is
what newer clients ask first, content to be told that there is none."""


class Refusal(Exception):
    """The request goes no further; the client gets a JSON-RPC error."""

    def __init__(self, status: int, number: int, code: str, message: str, *, retryable: bool = False) -> None:
        self.status = status  # HTTP
        self.number = number  # JSON-RPC
        self.code = code
        self.message = message
        self.retryable = retryable
        super().__init__(code)


def check_message(body: Any, *, method: Any, tool_arguments: Mapping[str, frozenset[str]]) -> str:
    """Check a message, and return what to log of it: the method, and the tool where one is called.

    Args:
        body: The message, as the Gateway parsed it.
        method: HTTP method; what is not POST (the end of a session, a stream of notifications) has no message.
        tool_arguments: The arguments of each tool, by its wire name.

    Raises:
        Refusal: If it is not to pass.
    """
    if method in ("DELETE", "GET") and not body:
        return f"{method} passed"
    if not isinstance(body, dict):
        raise _invalid_request("The body must be one JSON-RPC message; batches are not taken.")
    name = body.get("method")
    if body.get("jsonrpc") != "2.0" or not isinstance(name, str):
        raise _invalid_request("The body is no JSON-RPC 2.0 request or notification.")
    if _size(body) > MAX_BODY_BYTES:
        raise _too_large(f"The message is over {MAX_BODY_BYTES} bytes.")
    if name.startswith("notifications/"):
        return "notification passed"
    if name not in _METHODS:
        raise Refusal(200, -32601, "method_not_found", "This gateway does not offer that method.")
    if message_id(body) is None:
        raise _invalid_request("id: must be a string of 1 to 128 characters or a whole number")
    if name != "tools/call":
        return f"{name} passed"
    return f"{name} {_check_call(body.get('params'), tool_arguments)} passed"


def message_id(body: Any) -> str | int | None:
    """Return a message's id; None if it has none, or none that a client would send."""
    found = body.get("id") if isinstance(body, dict) else None
    if type(found) is int or (isinstance(found, str) and 1 <= len(found) <= 128):
        return found
    return None


def _check_call(params: Any, tool_arguments: Mapping[str, frozenset[str]]) -> str:
    if not isinstance(params, dict):
        raise _invalid_request("params: must be an object")
    tool, arguments = params.get("name"), params.get("arguments", {})
    if not isinstance(tool, str) or tool not in tool_arguments:
        raise Refusal(200, -32602, "unknown_tool", "params.name: there is no such tool")
    if not isinstance(arguments, dict):
        raise _invalid_arguments(f"{tool}: arguments must be an object")
    if _size(arguments) > MAX_ARGUMENTS_BYTES:
        raise _too_large(f"{tool}: arguments over {MAX_ARGUMENTS_BYTES} bytes")
    unknown = [name for name in arguments if name not in tool_arguments[tool]]
    if unknown:
        # What the client sent is shortened and escaped: answers end up in logs and in models' contexts.
        raise _invalid_arguments(f"{tool}: {unknown[0][:40]!a} is no argument of this tool")
    return tool


def _size(value: Any) -> int:
    try:
        return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"))
    except RecursionError:
        raise _invalid_request("The message is nested too deeply.") from None


def _invalid_request(message: str) -> Refusal:
    return Refusal(400, -32600, "invalid_request", message)


def _invalid_arguments(message: str) -> Refusal:
    return Refusal(200, -32602, "invalid_arguments", message)


def _too_large(message: str) -> Refusal:
    return Refusal(413, -32600, "payload_too_large", message)
