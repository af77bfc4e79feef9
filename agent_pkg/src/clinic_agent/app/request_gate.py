"""What stands before the SDK's request handling: a size limit, a time limit, and errors in our one form.

The SDK reads bodies of any size and quotes exceptions to the caller.
"""

import asyncio
import json
import uuid
from typing import Any, Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clinic_agent.app.payload import MAX_BODY_BYTES
from clinic_agent.errors import AgentError, BadRequest, TooLarge

BODY_SECONDS: Final = 20.0
"""How long a client may take to send its body."""


def error_response(error: AgentError, request_id: str) -> JSONResponse:
    """Build the HTTP answer of a refusal."""
    headers = {"Cache-Control": "no-store"}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    return JSONResponse({"error": error.as_dict(request_id)}, status_code=error.status, headers=headers)


class RequestGate:
    """ASGI middleware: reads and checks the body of an invocation, then hands it on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read(receive)
            _check_json(body)
        except TimeoutError:
            refusal: AgentError = BadRequest("body_timeout", f"The body did not arrive within {BODY_SECONDS:.0f} s.")
            await error_response(refusal, str(uuid.uuid4()))(scope, receive, send)
        except AgentError as error:
            await error_response(error, str(uuid.uuid4()))(scope, receive, send)
        else:
            await self._app(scope, _Replay(body, receive), send)


class _Replay:
    """Gives the body that was read once more, then what the client sends after it (that it hung up)."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        return await self._receive()


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("disconnected", "The client hung up before the body was complete.")
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise TooLarge("payload_too_large", f"The body is over {MAX_BODY_BYTES} bytes.")
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _check_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):  # not JSON, not UTF-8, nested too deeply
        raise BadRequest("invalid_json", "The body is not valid JSON in UTF-8.") from None
