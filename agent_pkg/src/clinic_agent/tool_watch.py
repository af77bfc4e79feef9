"""What a turn keeps an eye on while its tools run: outages, and how many calls there are."""

from typing import Final

from strands.hooks import AfterToolCallEvent, BeforeToolsEvent

from clinic_agent.errors import AgentError, BadRequest, NotFound
from clinic_agent.metering import UsageMeter

MAX_TOOL_CALLS: Final = 8
"""Tool calls of one turn; more are refused, and the model is told so. Strands' own limits do not cap them."""


class ToolOutages:
    """Ends the turn when what a tool reads is down, or the caller is not served any more.

    An answer without the clinic's own data would be a guess. What the model got wrong (an unknown patient, a bad
    argument) is told to the model, which can do better.
    """

    def __init__(self) -> None:
        self._error: AgentError | None = None

    def note(self, event: AfterToolCallEvent) -> None:
        """Look at a call that has ended."""
        if isinstance(event.exception, AgentError) and not isinstance(event.exception, BadRequest | NotFound):
            self._error = event.exception

    def check(self) -> None:
        """End the turn if a call has shown an outage.

        Raises:
            AgentError: What the call ended with.
        """
        if self._error is not None:
            raise self._error


class ToolCap:
    """Refuses the tool calls of a turn beyond `MAX_TOOL_CALLS`."""

    def __init__(self, meter: UsageMeter) -> None:
        self._meter = meter

    def check(self, event: BeforeToolsEvent) -> None:
        """Look at the calls that the model asks for."""
        if sum(self._meter.tools.values()) > MAX_TOOL_CALLS:
            event.cancel = f"At most {MAX_TOOL_CALLS} tool calls are allowed in a turn. Answer with what you have."
