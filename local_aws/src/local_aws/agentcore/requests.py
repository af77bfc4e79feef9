"""Reading a request: headers that must not be ambiguous, a body of bounded size, and a client that may hang up."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import Receive

from local_aws.agentcore.errors import RequestError, bad_request

_BODY_SECONDS: Final = 30.0


class ClientGoneError(Exception):
    """The client hung up; there is nobody to answer."""


def single(headers: Headers, name: str) -> str | None:
    """Return a header's value, or None if it was not sent.

    Raises:
        RequestError: 400, if it was sent twice: whoever reads the other one would see another request.
    """
    values = headers.getlist(name)
    if len(values) > 1:
        raise bad_request(f"{name} was sent more than once.")
    return values[0] if values else None


async def read_body(receive: Receive, *, max_bytes: int) -> bytes:
    """Read a request's body.

    Raises:
        RequestError: 413 if it is too large, 408 if it takes too long.
        ClientGoneError: If the client hangs up first.
    """
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                part: bytes = message.get("body", b"")
                size += len(part)
                if size > max_bytes:
                    text = f"The body is over {max_bytes} bytes."
                    raise RequestError(status=413, code="PayloadTooLarge", message=text)
                parts.append(part)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError as failure:
        text = f"The body did not arrive within {_BODY_SECONDS:.0f} s."
        raise RequestError(status=408, code="RequestTimeout", message=text, retryable=True) from failure


def check_length(content_length: str | None, *, max_bytes: int) -> None:
    """Refuse a body that says itself that it is too large, before reading it.

    Raises:
        RequestError: 413, or 400 if it says something else than a number.
    """
    if content_length is None:
        return
    if not content_length.isascii() or not content_length.isdecimal():
        raise bad_request("Content-Length is not a number.")
    if int(content_length) > max_bytes:
        raise RequestError(status=413, code="PayloadTooLarge", message=f"The body is over {max_bytes} bytes.")


async def while_connected(receive: Receive, work: Coroutine[Any, Any, None]) -> None:
    """Do the work for as long as the client listens; cancel it at once when the client hangs up.

    Raises:
        ClientGoneError: If the client hung up first.
    """
    working = asyncio.ensure_future(work)
    listening = asyncio.ensure_future(_hung_up(receive))
    try:
        await asyncio.wait({working, listening}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGoneError
        await working
    finally:
        for task in (working, listening):
            task.cancel()
        # Until the work has let go of the agent's connection, so that the agent learns of it now.
        await asyncio.gather(working, listening, return_exceptions=True)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
