"""Endpoints of the emulator that AWS does not have, `/_local/...`, for the programs that run the laptop and for tests.

They need the header `X-Local-Secret`; whoever does not know the secret sees nothing there.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

MAX_BODY_BYTES: Final = 16_384
_HEADER: Final = b"x-local-secret"

Application = Callable[[Any, Any, Any], Awaitable[None]]
Handler = Callable[[bytes], tuple[int, dict[str, Any]]]
"""Takes a body and gives status and content, or raises InvalidRequestError."""


class InvalidRequestError(Exception):
    """The request's body is not what the endpoint takes; the text says what it takes."""


async def read_body(receive: Any, limit: int) -> bytes:
    """Read a request's body.

    Raises:
        InvalidRequestError: If it is longer than `limit` bytes.
    """
    body: bytes = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if len(body) > limit:
            raise InvalidRequestError("the body is too long")
        if not message.get("more_body"):
            return body


async def send_json(
    send: Any, status: int, content: dict[str, Any], more_headers: dict[str, str] | None = None
) -> None:
    """Answer a request with JSON."""
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode(), value.encode()) for name, value in (more_headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def with_endpoint(
    application: Application,
    handler: Handler,
    *,
    method: str,
    path: str,
    secret: str | None,
    max_body_bytes: int = MAX_BODY_BYTES,
) -> Application:
    """Put an endpoint in front of an application; without `secret` it answers 404 to everybody."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != path:
            await application(scope, receive, send)
            return
        given = dict(scope["headers"]).get(_HEADER, b"")
        if scope["method"] != method or not secret or not hmac.compare_digest(given, secret.encode()):
            await send_json(send, 404, {"error": {"code": "not_found", "message": "not found"}})
            return
        try:
            status, content = handler(await read_body(receive, max_body_bytes))
        except InvalidRequestError as failure:
            status, content = 400, {"error": {"code": "invalid_request", "message": str(failure)}}
        await send_json(send, status, content)

    return serve
