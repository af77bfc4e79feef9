"""One invocation: the body in, the agent's answer out, byte for byte as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final

import httpx
from starlette.types import Receive, Send

from local_aws.runtime import headers
from local_aws.runtime.errors import RequestError, bad_request

_BODY_SECONDS: Final = 30.0


class ClientGoneError(Exception):
    """The client hung up; there is nobody to answer."""


class StreamBrokenError(Exception):
    """The agent's answer broke off after its beginning was passed on; all that is left is to cut the connection."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarder:
    """Passes invocations to session processes."""

    client: httpx.AsyncClient
    connect_timeout_seconds: float
    stream_timeout_seconds: float

    async def forward(
        self,
        send: Send,
        *,
        port: int,
        request_headers: list[tuple[bytes, bytes]],
        body: bytes,
        session: str,
        request_id: str,
    ) -> int:
        """Send a request to a process and its answer to the client.

        Returns:
            The HTTP status that the agent answered.

        Raises:
            RequestError: 502 or 504, if the agent fails before its answer began.
            StreamBrokenError: If it fails after that.
        """
        timeout = httpx.Timeout(None, connect=self.connect_timeout_seconds)
        request = self.client.build_request(
            "POST",
            f"http://127.0.0.1:{port}/invocations",
            content=body,
            headers=[*request_headers, (b"accept-encoding", b"identity")],
            timeout=timeout,
        )
        started = False
        try:
            async with asyncio.timeout(self.stream_timeout_seconds):
                response = await self.client.send(request, stream=True)
                try:
                    passed = headers.returned(response.headers.raw, session=session, request_id=request_id)
                    await send({"type": "http.response.start", "status": response.status_code, "headers": passed})
                    started = True
                    async for chunk in response.aiter_raw():
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                finally:
                    await response.aclose()
        except TimeoutError as failure:
            if started:
                raise StreamBrokenError from failure
            raise RequestError(status=504, code="RuntimeTimeout", message="The agent took too long.") from failure
        except httpx.HTTPError as failure:
            if started:
                raise StreamBrokenError from failure
            text = "The agent broke off before it answered."
            raise RequestError(status=502, code="RuntimeClientError", message=text, retryable=True) from failure
        return response.status_code
