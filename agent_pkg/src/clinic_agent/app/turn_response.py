"""The HTTP answer to an invocation: a status that tells the truth, then server-sent events."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from clinic_agent import events
from clinic_agent.app.request_gate import error_response
from clinic_agent.errors import AgentError, Internal

logger = logging.getLogger(__name__)

Turn = Callable[[], AsyncGenerator[events.Event, None]]


class TurnResponse(Response):
    """Runs a turn while it is sent.

    What goes wrong before the first event is an HTTP error; after that, an `error` event. When the client hangs up, the
    turn is cancelled at once. The SDK's own streaming does neither: its errors are HTTP 200, and it works on unheard.
    """

    media_type = "text/event-stream"

    def __init__(self, turn: Turn, *, request_id: str) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        # Of unknown length.
        self.raw_headers = [header for header in self.raw_headers if header[0] != b"content-length"]
        self._turn = turn
        self._request_id = request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send(scope, receive, send))
        hang_up = asyncio.create_task(_hang_up(receive))
        try:
            await asyncio.wait({sending, hang_up}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            hang_up.cancel()
            sending.cancel()  # does nothing to one that has ended
            results = await asyncio.gather(sending, return_exceptions=True)
        if isinstance(results[0], Exception):
            raise results[0]

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._turn()) as turn:
            try:
                first = await anext(turn)
            except Exception as error:
                await error_response(self._refusal(error), self._request_id)(scope, receive, send)
                return
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._body(send, first)
            try:
                async for event in turn:
                    await self._body(send, event)
            except Exception as error:
                await self._body(send, events.error(self._refusal(error).as_dict(self._request_id)))
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _refusal(self, error: Exception) -> AgentError:
        """Return what the caller is told: of a mistake of ours, nothing but the request id."""
        if isinstance(error, AgentError):
            return error
        # The class alone: messages and tracebacks can hold prompts.
        logger.error("error=<%s>, request_id=<%s> | request failed", type(error).__name__, self._request_id)
        return Internal()

    async def _body(self, send: Send, event: events.Event) -> None:
        await send({"type": "http.response.body", "body": events.encode(event), "more_body": True})


async def _hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
