"""The Gateway's tools as the model sees them: listed, named, called, and kept for a while."""

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final

from strands.types._events import ToolResultEvent  # how a tool tells hooks of an exception without it being logged
from strands.types.tools import AgentTool, ToolGenerator, ToolSpec, ToolUse

from clinic_agent.errors import AgentError, Internal
from clinic_agent.gateway.connection import GatewayConnection
from clinic_agent.gateway.refusals import ToolRefused, answer_text, tools_unavailable

LISTING_SECONDS: Final = 60.0
"""How long a listing serves, and so how long a session may go on, without tools, after its access hours have ended. A
tool that was taken away meanwhile is refused when called, and the listing dropped."""

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # of Converse
_LISTING_CHANGED: Final = frozenset({"tool_denied", "unknown_tool"})

logger = logging.getLogger(__name__)


class GatewayTools:
    """The tools that one owner may call, through that owner's own connection."""

    def __init__(self, connection: GatewayConnection, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._clock = clock
        self._listing: tuple[float, int, Sequence[AgentTool]] | None = None  # listed at, on which link
        self._early: Future[Sequence[AgentTool]] | None = None

    def cached(self) -> Sequence[AgentTool] | None:
        """Return the tools if no call is needed for it."""
        listing = self._listing
        if listing is None:
            return None
        listed_at, link, tools = listing
        fresh = self._clock() - listed_at < LISTING_SECONDS and link == self._connection.link_number
        return tools if fresh else None

    def load(self) -> Sequence[AgentTool]:
        """Return the tools, listed anew if need be; empty if the caller may call none. Blocks.

        Raises:
            AgentError: If the Gateway refuses or is down.
        """
        if (early := self._early) is not None:
            return early.result()
        tools = self.cached()
        return self._list() if tools is None else tools

    def load_early(self) -> None:
        """Begin to connect and list in a thread; the next `load` waits for it."""
        early: Future[Sequence[AgentTool]] = Future()
        self._early = early

        def run() -> None:
            try:
                early.set_result(self._list())
            except BaseException as error:
                early.set_exception(error)
            finally:
                self._early = None  # what it found is cached; a failure that nobody waited for is tried again

        threading.Thread(target=run, name="gateway", daemon=True).start()

    def call(self, tool: str, wire_name: str, arguments: Any) -> str:
        """Call a tool and return its answer as text. Blocks; may be called by several threads at once.

        Raises:
            ToolRefused: If the model should know of the refusal.
            AgentError: If the turn cannot go on.
        """
        if not isinstance(arguments, dict):
            raise ToolRefused(tool=tool, code="invalid_arguments", message="takes its arguments as one object")
        try:
            return answer_text(tool, self._connection.call_tool(wire_name, arguments, tool=tool))
        except ToolRefused as refused:
            if refused.code in _LISTING_CHANGED:
                self._listing = None
            raise

    def _list(self) -> Sequence[AgentTool]:
        try:
            described = self._connection.list_tools()
        except ToolRefused:
            raise tools_unavailable() from None
        tools: dict[str, AgentTool] = {}
        for entry in described:
            found = _tool(self, entry)
            if found is None or found.tool_name in tools:
                # A mistake of the platform's, and of a kind that must not go unnoticed: which of two would be called?
                name = "" if found is None else found.tool_name
                logger.error("tool=<%s> | the gateway lists a tool twice, or one without name or schema", name)
                raise tools_unavailable()
            tools[found.tool_name] = found
        listed = tuple(tools.values())
        # An empty one is not kept: the next question may come within the access hours.
        self._listing = (self._clock(), self._connection.link_number, listed) if listed else None
        return listed


class GatewayTool(AgentTool):
    """One tool, for Strands."""

    def __init__(self, tools: GatewayTools, *, wire_name: str, spec: ToolSpec) -> None:
        super().__init__()
        self._tools = tools
        self._wire_name = wire_name
        self._spec = spec

    @property
    def tool_name(self) -> str:
        return self._spec["name"]

    @property
    def tool_spec(self) -> ToolSpec:
        return self._spec

    @property
    def tool_type(self) -> str:
        return "gateway"

    async def stream(self, tool_use: ToolUse, invocation_state: dict[str, Any], **kwargs: Any) -> ToolGenerator:
        """Call the tool in a thread. Errors are results: Strands would log the traceback of an exception."""
        failed: AgentError | None = None
        try:
            text = await asyncio.to_thread(self._tools.call, self.tool_name, self._wire_name, tool_use["input"])
            status = "success"
        except ToolRefused as refused:
            text, status = refused.text, "error"
        except Exception as error:
            if not isinstance(error, AgentError):
                # A mistake of ours. The class alone: a message could hold what the tool was asked.
                logger.error("tool=<%s>, error=<%s> | tool call failed", self.tool_name, type(error).__name__)
            failed = error if isinstance(error, AgentError) else Internal()
            text, status = failed.message, "error"
        result: Any = {"toolUseId": tool_use["toolUseId"], "status": status, "content": [{"text": text}]}
        yield ToolResultEvent(result, exception=failed)


def bare_name(wire_name: str) -> str:
    """Return the name that the model knows: what follows the target, in snake case."""
    name = wire_name.rpartition("___")[2]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _tool(tools: GatewayTools, entry: Any) -> GatewayTool | None:
    wire_name, schema = (entry.get("name"), entry.get("inputSchema")) if isinstance(entry, dict) else (None, None)
    if not isinstance(wire_name, str) or not isinstance(schema, dict):
        return None
    name = bare_name(wire_name)
    if not _NAME.fullmatch(name):
        return None
    spec: ToolSpec = {
        "name": name,
        "description": str(entry.get("description") or name),
        "inputSchema": {"json": schema},
    }
    return GatewayTool(tools, wire_name=wire_name, spec=spec)
