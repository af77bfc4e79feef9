"""A direct client of the Gateway, as an attacker or another program would have one: MCP over plain HTTP.

It sends what it is told, also what no well-behaved client would. The agent has a client of its own.
"""

import itertools
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import httpx

from scripts.clients.runtime import Stack

PROTOCOL_VERSION: Final = "2025-06-18"
CALL_SECONDS: Final = 60.0
_ACCEPT: Final = "application/json, text/event-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the Gateway answered to one message."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: Any = field(repr=False)

    @property
    def error(self) -> dict[str, Any] | None:
        """The JSON-RPC error, or the HTTP error in the same form; None if there is none."""
        found = self.body.get("error") if isinstance(self.body, dict) else None
        return found if isinstance(found, dict) else None

    @property
    def code(self) -> str | None:
        """The stable code of the error: of the Gateway, or of the tool behind it; None if all went well."""
        if self.error is not None:
            data = self.error.get("data")
            code = data.get("code") if isinstance(data, dict) else self.error.get("code")
            return str(code)
        if self.status >= httpx.codes.BAD_REQUEST:
            return "unknown"
        answered = self.answer
        inner = answered.get("error") if isinstance(answered, dict) else None
        return str(inner["code"]) if isinstance(inner, dict) else None

    @property
    def result(self) -> dict[str, Any]:
        """The JSON-RPC result; empty if there is none."""
        found = self.body.get("result") if isinstance(self.body, dict) else None
        return found if isinstance(found, dict) else {}

    @property
    def answer(self) -> Any:
        """What the tool answered, decoded; None if there is no answer of a tool."""
        texts = [part["text"] for part in self.result.get("content", []) if part.get("type") == "text"]
        return json.loads("".join(texts)) if texts else None

    @property
    def tools(self) -> list[str]:
        """The wire names that a listing named."""
        return [tool["name"] for tool in self.result.get("tools", [])]

    @property
    def request_id(self) -> str | None:
        """Under which id the Gateway logged the request."""
        return self.headers.get("x-amzn-requestid")

    @property
    def outcome(self) -> str:
        """`answered`, or HTTP status and code of the refusal."""
        return "answered" if self.code is None else f"{self.status} {self.code}"


class GatewaySession:
    """An MCP session of one user."""

    def __init__(self, stack: Stack, access_token: str | None, *, headers: Mapping[str, str] | None = None) -> None:
        """Prepare a session; `connect` begins it.

        Args:
            stack: Content of stack.json.
            access_token: Sent as the bearer; None sends none.
            headers: Sent with every message, whatever they are.
        """
        self.url: str = stack["gateway_url"]
        self.access_token = access_token
        self.headers = dict(headers or {})
        self.session_id: str | None = None
        self._ids = itertools.count(1)

    def connect(self) -> Reply:
        """Begin the session."""
        client = {"name": "direct-client", "version": "1"}
        hello = {"protocolVersion": PROTOCOL_VERSION, "capabilities": {}, "clientInfo": client}
        reply = self.request("initialize", hello)
        if reply.code is None:
            self.session_id = reply.headers.get("mcp-session-id")
            self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return reply

    def list_tools(self) -> Reply:
        """List the tools that this user may call."""
        return self.request("tools/list", {})

    def call(self, tool: str, arguments: Mapping[str, Any] | None = None) -> Reply:
        """Call a tool by its wire name."""
        return self.request("tools/call", {"name": tool, "arguments": dict(arguments or {})})

    def request(self, method: str, params: Mapping[str, Any]) -> Reply:
        """Send a request and wait for its answer."""
        return self.send({"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": dict(params)})

    def send(self, message: Any) -> Reply:
        """Send any message."""
        response = httpx.post(
            self.url, json=message, headers=self._all_headers(), timeout=CALL_SECONDS, trust_env=False, verify=_tls()
        )
        return reply_of(response)

    def _all_headers(self) -> dict[str, str]:
        chosen = {"Accept": _ACCEPT, "MCP-Protocol-Version": PROTOCOL_VERSION, **self.headers}
        if self.access_token is not None:
            chosen["Authorization"] = f"Bearer {self.access_token}"
        if self.session_id is not None:
            chosen.setdefault("Mcp-Session-Id", self.session_id)
        return chosen


def reply_of(response: httpx.Response) -> Reply:
    """Read a whole response of the Gateway: one JSON object, or the last event of a stream."""
    text = response.text
    if response.headers.get("content-type", "").startswith("text/event-stream"):
        events = [line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:")]
        text = events[-1] if events else ""
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    return Reply(status=response.status_code, headers=response.headers, body=body)


@cache
def _tls() -> ssl.SSLContext:
    """Read the certificates once: it takes longer than a call."""
    return httpx.create_ssl_context()


def connected(stack: Stack, access_token: str | None, *, headers: Mapping[str, str] | None = None) -> GatewaySession:
    """Return a session that has begun.

    Raises:
        PermissionError: If the Gateway refuses it; the message is status and code.
    """
    session = GatewaySession(stack, access_token, headers=headers)
    reply = session.connect()
    if reply.code is not None:
        raise PermissionError(reply.outcome)
    return session
