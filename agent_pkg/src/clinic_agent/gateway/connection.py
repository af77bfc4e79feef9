"""One MCP session with the Gateway: opened when needed, opened again when it is lost."""

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from clinic_agent.gateway.refusals import ToolRefused, http_error, rpc_error, tools_unavailable
from clinic_agent.gateway.transport import BadAnswer, Broken, Reply, TimedOut, Transport

PROTOCOL_VERSION: Final = "2025-06-18"
"""What is asked for; the Gateway may answer with another one, which is then kept to."""
MOST_PAGES: Final = 20

_CLIENT: Final = {"name": "clinic-agent", "version": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """An MCP session that was begun. Two are the same only if they are one object."""

    number: int
    session_id: str | None
    version: str


class GatewayConnection:
    """The connection of one owner's session. Threads may share it, other owners never.

    The bearer is asked for with each message, so a renewed token takes effect at once. A call whose connection was lost
    is made once more on a new one; all tools only read.
    """

    def __init__(self, *, url: str, token: Callable[[], str]) -> None:
        """Prepare the connection; nothing is sent yet.

        Args:
            url: The Gateway's MCP endpoint.
            token: Returns the owner's latest access token.
        """
        self._transport = Transport(url)
        self._token = token
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._link: _Link | None = None
        self._links = 0
        self._calls = 0

    @property
    def calling(self) -> bool:
        """Whether a call is under way, such as one of a turn that was cancelled."""
        return self._calls > 0

    @property
    def link_number(self) -> int:
        """Which MCP session this is: it counts up each time that one is begun."""
        return self._links

    def list_tools(self) -> list[dict[str, Any]]:
        """Return all tools that the caller may call, as MCP describes them. Blocks.

        Raises:
            AgentError: If the Gateway refuses or is down.
        """
        tools: list[dict[str, Any]] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            result = self._request("tools/list", {"cursor": cursor} if cursor else {}, tool="tools/list")
            page, cursor = result.get("tools"), result.get("nextCursor")
            if not isinstance(page, list) or not (cursor is None or isinstance(cursor, str)):
                break
            tools += page
            if not cursor:
                return tools
        raise tools_unavailable()

    def call_tool(self, wire_name: str, arguments: Mapping[str, Any], *, tool: str) -> dict[str, Any]:
        """Call a tool and return its MCP result. Blocks.

        Args:
            wire_name: Name on the Gateway, `<target>___<tool>`.
            arguments: As the model gave them.
            tool: Name that the model knows, for refusals.

        Raises:
            ToolRefused: If the model should know of the refusal.
            AgentError: If the turn cannot go on.
        """
        return self._request("tools/call", {"name": wire_name, "arguments": dict(arguments)}, tool=tool)

    def close(self) -> None:
        """Close the connections. The Gateway ends the session by itself."""
        self._transport.close()

    def _request(self, method: str, params: Mapping[str, Any], *, tool: str) -> dict[str, Any]:
        with self._lock:
            self._calls += 1
        try:
            reply = self._sent(method, params)
        finally:
            with self._lock:
                self._calls -= 1
        message = reply.message or {}
        if reply.status == 200 and isinstance(message.get("result"), dict):
            result: dict[str, Any] = message["result"]
            return result
        raise rpc_error(tool, status=reply.status, error=message.get("error"))

    def _sent(self, method: str, params: Mapping[str, Any]) -> Reply:
        """Send a request, once more on a new connection if the first is lost or the session has gone."""
        last: Exception | None = None
        for _ in range(2):
            link = None
            try:
                link = self._opened()
                reply = self._post(link, {"id": next(self._ids), "method": method, "params": params})
                if reply.status != 404:  # the session is unknown: it ran out, or the Gateway was restarted
                    return reply
            except Broken as error:
                last = error
            except (TimedOut, BadAnswer):
                raise tools_unavailable() from None
            self._forget(link)
        raise tools_unavailable() from last

    def _opened(self) -> _Link:
        with self._lock:
            if self._link is None:
                self._link = self._begin()
            return self._link

    def _forget(self, link: _Link | None) -> None:
        with self._lock:
            if self._link is link:  # another thread may have begun a new one already
                self._link = None

    def _begin(self) -> _Link:
        params = {"protocolVersion": PROTOCOL_VERSION, "capabilities": {}, "clientInfo": _CLIENT}
        reply = self._post(None, {"id": next(self._ids), "method": "initialize", "params": params})
        message = reply.message or {}
        result = message.get("result")
        if reply.status != 200 or not isinstance(result, dict):
            error = rpc_error("initialize", status=reply.status, error=message.get("error"))
            raise tools_unavailable() if isinstance(error, ToolRefused) else error
        version = result.get("protocolVersion")
        self._links += 1
        link = _Link(
            number=self._links,
            session_id=reply.session_id,
            version=version if isinstance(version, str) else PROTOCOL_VERSION,
        )
        reply = self._post(link, {"method": "notifications/initialized"})
        if not 200 <= reply.status < 300:
            raise http_error(reply.status)
        return link

    def _post(self, link: _Link | None, message: Mapping[str, Any]) -> Reply:
        headers = {"Authorization": f"Bearer {self._token()}"}
        if link is not None:
            headers["MCP-Protocol-Version"] = link.version
            if link.session_id is not None:
                headers["Mcp-Session-Id"] = link.session_id
        return self._transport.post({"jsonrpc": "2.0", **message}, headers)
