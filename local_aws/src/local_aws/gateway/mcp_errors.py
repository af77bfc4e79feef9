"""What an MCP client is told when something goes wrong: a JSON-RPC error with a stable code in its `data`.

Nothing of it names a policy, a function, a header or a value that was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
PARSE_ERROR: Final = -32700
DENIED: Final = -32002
THROTTLED: Final = -32000


class McpRefusal(Exception):
    """A request that is answered with a JSON-RPC error.

    Args:
        number: JSON-RPC's.
        code: Stable, for programs.
        message: For people.
        tool: Wire name, if the request names a tool that there is.
        retryable: Whether the same request may succeed later.
        status: HTTP status; most errors of MCP come with 200.
        headers: Response headers that belong to the status.
    """

    def __init__(
        self,
        *,
        number: int,
        code: str,
        message: str,
        tool: str | None = None,
        retryable: bool = False,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.number = number
        self.code = code
        self.message = message
        self.tool = tool
        self.retryable = retryable
        self.status = status
        self.headers = dict(headers or {})

    def data(self, request_id: str) -> dict[str, Any]:
        """Build the error's `data`."""
        tool = {} if self.tool is None else {"tool": self.tool}
        return {"code": self.code, **tool, "retryable": self.retryable, "request_id": request_id}

    def body(self, request_id: str, *, message_id: Any = None) -> dict[str, Any]:
        """Build the whole JSON-RPC answer."""
        error = {"code": self.number, "message": self.message, "data": self.data(request_id)}
        return {"jsonrpc": "2.0", "id": message_id, "error": error}


def invalid_request(message: str, *, status: int = 400, number: int = INVALID_REQUEST) -> McpRefusal:
    """The body is no JSON-RPC message that is served here."""
    return McpRefusal(number=number, code="invalid_request", message=message, status=status)


def payload_too_large(max_bytes: int) -> McpRefusal:
    """The body is larger than the service takes."""
    message = f"The request is over {max_bytes} bytes."
    return McpRefusal(number=INVALID_REQUEST, code="payload_too_large", message=message, status=413)


def session_not_found() -> McpRefusal:
    """No such MCP session, or not yours any more, or never: one answer for all of them."""
    message = "No such MCP session; initialize again."
    return McpRefusal(number=INVALID_REQUEST, code="session_not_found", message=message, status=404)


def unknown_tool() -> McpRefusal:
    """No tool of that name."""
    return McpRefusal(number=INVALID_PARAMS, code="unknown_tool", message="There is no tool of that name.")


def invalid_arguments(tool: str, problem: str) -> McpRefusal:
    """The arguments do not fit the tool's schema."""
    return McpRefusal(number=INVALID_PARAMS, code="invalid_arguments", message=f"{tool}: {problem}.", tool=tool)


def tool_denied(tool: str) -> McpRefusal:
    """The policies do not allow the call."""
    message = f"{tool}: the call is not allowed for this user at this time."
    return McpRefusal(number=DENIED, code="tool_denied", message=message, tool=tool)


def throttled(message: str, *, retry_after: int = 1) -> McpRefusal:
    """Too many requests."""
    return McpRefusal(
        number=THROTTLED,
        code="throttled",
        message=message,
        retryable=True,
        status=429,
        headers={"Retry-After": str(retry_after)},
    )


def interceptor_failed() -> McpRefusal:
    """The interceptor did not say that the request may go on, so it may not."""
    message = "The request could not be checked."
    return McpRefusal(number=INTERNAL_ERROR, code="interceptor_failed", message=message, retryable=True)


def target_failed(tool: str) -> McpRefusal:
    """The tool could not be run."""
    message = f"{tool}: the tool failed."
    return McpRefusal(number=INTERNAL_ERROR, code="target_failed", message=message, tool=tool, retryable=True)


def target_timeout(tool: str) -> McpRefusal:
    """The tool took too long."""
    message = f"{tool}: the tool took too long."
    return McpRefusal(number=INTERNAL_ERROR, code="target_timeout", message=message, tool=tool, retryable=True)
