"""The OpenAI-compatible server that really answers model calls."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

_CONNECT_SECONDS: Final = 3.0
_CHAT: Final = "/v1/chat/completions"


class ModelCallError(Exception):
    """A model call that AWS would answer with an error.

    Attributes:
        code: The Bedrock error code.
        status: The HTTP status that goes with it.
    """

    def __init__(self, message: str, *, code: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def unavailable(reason: str) -> ModelCallError:
    """Make the failure of a model that cannot be reached or fails itself."""
    return ModelCallError(f"The model is unavailable: {reason}", code="ServiceUnavailableException", status=503)


def _check(response: httpx.Response) -> None:
    status = response.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS:
        raise ModelCallError("Too many requests, please wait", code="ThrottlingException", status=429)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise unavailable(f"it answered {status}")
    if status != httpx.codes.OK:  # the text may quote the conversation: it stays out of the message
        raise ModelCallError(f"The model refused the request with {status}", code="ValidationException", status=400)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelServer:
    """Where the model server is and how long to wait for it."""

    url: str  # without /v1
    name: str | None = None  # what the server calls its model; None: as Bedrock calls it
    timeout_seconds: float  # without a byte, not for the whole answer
    # httpx would load the certificates for every client, which takes 20 ms.
    _tls: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False, compare=False)

    @property
    def _timeout(self) -> httpx.Timeout:
        return httpx.Timeout(self.timeout_seconds, connect=_CONNECT_SECONDS)

    @property
    def _named(self) -> dict[str, str]:
        return {"model": self.name} if self.name else {}

    @asynccontextmanager
    async def stream(self, payload: Mapping[str, Any]) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """Open a streamed chat request; leaving the context closes the connection, which stops the model.

        Yields:
            The chunks as they arrive. They end with the server's end mark; without it, iterating raises.

        Raises:
            ModelCallError: On entering, if the server is down, slow or overloaded, or refuses the request; while
                iterating, if the stream breaks.
        """
        body = {**payload, **self._named, "stream": True, "stream_options": {"include_usage": True}}
        async with httpx.AsyncClient(timeout=self._timeout, trust_env=False, verify=self._tls) as client:
            try:
                response = await client.send(client.build_request("POST", self.url + _CHAT, json=body), stream=True)
            except (httpx.HTTPError, httpx.InvalidURL) as failure:
                raise unavailable(type(failure).__name__) from failure
            try:
                _check(response)
                yield _chunks(response)
            finally:
                await response.aclose()


async def _chunks(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    try:
        async for line in response.aiter_lines():
            name, _, value = line.partition(":")
            if name != "data":
                continue
            if value.strip() == "[DONE]":
                return
            chunk = json.loads(value)
            if not isinstance(chunk, dict) or "error" in chunk:
                raise unavailable("it reported an error in its stream")
            yield chunk
    except httpx.HTTPError as failure:
        raise unavailable(type(failure).__name__) from failure
    except ValueError as failure:
        raise unavailable("its stream holds something else than JSON") from failure
    raise unavailable("its stream ended early")
