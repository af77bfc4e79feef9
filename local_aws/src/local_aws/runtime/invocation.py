"""One invocation: the body in, the agent's answer out, byte for byte as it comes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import httpx
from starlette.types import Send

from local_aws.agentcore.errors import RequestError
from local_aws.runtime import headers


class StreamBrokenError(Exception):
    """The agent's answer broke off after its beginning was passed on; all that is left is to cut the connection."""


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
