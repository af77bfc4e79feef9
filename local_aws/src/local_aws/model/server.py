"""HTTP: chat completions, and a control endpoint with which tests make the server slow, busy, down or broken.

They can decide what it says as well.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from local_aws.model.completions import MODEL, Completion, complete
from local_aws.model.conversation import InvalidChatError

Mode = Literal["normal", "slow", "throttled", "down", "break"]

DEFAULT_DELAY_MS: Final = 50
_MAX_DELAY_MS: Final = 60_000
_MAX_SAY_CHARS: Final = 10_000
_CHUNKS_BEFORE_BREAK: Final = 3
_SECRET_HEADER: Final = "x-local-secret"  # noqa: S105 - the name of a header


@dataclass(slots=True, kw_only=True)
class Control:
    """How the server behaves at the moment."""

    mode: Mode = "normal"
    delay_ms_per_chunk: int = DEFAULT_DELAY_MS  # counts in mode "slow"
    say: str = ""  # begins every answer in words, so that a test decides what the model says


def _error(status: int, message: str, kind: str) -> Response:
    return JSONResponse({"error": {"message": message, "type": kind}}, status_code=status)


class _Stream(Response):
    """Server-sent events; in mode `break` the connection is closed in the middle."""

    def __init__(self, completion: Completion, control: Control, *, include_usage: bool) -> None:
        super().__init__(media_type="text/event-stream")
        del self.headers["content-length"]
        self._completion, self._control, self._include_usage = completion, control, include_usage

    async def _lines(self) -> AsyncIterator[bytes]:
        slow = self._control.mode == "slow"
        for chunk in self._completion.chunks(include_usage=self._include_usage):
            yield b"data: " + json.dumps(chunk).encode() + b"\n\n"
            if slow:
                await asyncio.sleep(self._control.delay_ms_per_chunk / 1000)
        yield b"data: [DONE]\n\n"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        breaks = self._control.mode == "break"
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        sent = 0
        async for line in self._lines():
            if breaks and sent == _CHUNKS_BEFORE_BREAK:
                return  # without the end of the response the server closes the connection
            await send({"type": "http.response.body", "body": line, "more_body": True})
            sent += 1
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def create_application(*, control: Control, secret: str | None) -> Starlette:
    """Build the application.

    Args:
        control: The behaviour, which the control endpoint changes.
        secret: What callers of the control endpoint must know; without one it answers 404.
    """

    async def chat(request: Request) -> Response:
        if control.mode == "throttled":
            return _error(429, "Too many requests", "rate_limit_exceeded")
        if control.mode == "down":
            return _error(503, "The model is down", "unavailable")
        try:
            body: Any = await request.json()
            completion = complete(body, say=control.say)
        except (ValueError, InvalidChatError) as failure:
            return _error(400, str(failure), "invalid_request_error")
        if body.get("stream"):
            options = body.get("stream_options") or {}
            return _Stream(completion, control, include_usage=bool(options.get("include_usage")))
        if control.mode == "break":
            return _error(500, "The model failed", "server_error")
        if control.mode == "slow":
            await asyncio.sleep(control.delay_ms_per_chunk / 1000)
        return JSONResponse(completion.whole())

    async def models(request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "local"}]})

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok", "model": MODEL})

    async def change(request: Request) -> Response:
        given = request.headers.get(_SECRET_HEADER, "").encode()
        if not secret or not hmac.compare_digest(given, secret.encode()):
            return _error(404, "not found", "not_found")
        try:
            wanted: Any = await request.json()
            mode = wanted.get("mode", "normal")
            delay = int(wanted.get("delay_ms_per_chunk", DEFAULT_DELAY_MS))
            say = wanted.get("say", "")
        except (ValueError, AttributeError, TypeError):
            return _error(400, "a mode and a delay in milliseconds are needed", "invalid_request_error")
        if mode not in get_args(Mode) or not 0 <= delay <= _MAX_DELAY_MS:
            return _error(400, f"mode: one of {', '.join(get_args(Mode))}; delay: 0 to {_MAX_DELAY_MS} ms", "invalid")
        if not isinstance(say, str) or len(say) > _MAX_SAY_CHARS:
            return _error(400, f"say: a text of at most {_MAX_SAY_CHARS} characters", "invalid")
        control.mode, control.delay_ms_per_chunk, control.say = mode, delay, say
        return JSONResponse({"mode": mode, "delay_ms_per_chunk": delay, "say": say})

    return Starlette(
        routes=[
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/v1/models", models),
            Route("/health", health),
            Route("/control", change, methods=["POST"]),
        ]
    )
