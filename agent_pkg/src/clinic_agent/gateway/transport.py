"""One JSON-RPC message to the Gateway and its answer, over HTTP: MCP's streamable HTTP transport, the client's half.

On urllib3, which botocore has loaded anyway (docs/decisions/0010). Nothing is retried or followed here.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3
from botocore.httpsession import get_cert_path
from urllib3.exceptions import ConnectTimeoutError, HTTPError, ReadTimeoutError
from urllib3.util.ssl_ import create_urllib3_context

CONNECT_SECONDS: Final = 3.0
CALL_SECONDS: Final = 30.0
"""Longest wait for a complete answer. The service's own limit is 15 minutes, and calls have been seen to hang."""
DRAIN_SECONDS: Final = 0.5
"""How long a stream may stay open once it has given its answer; after that the connection is given up."""
MAX_ANSWER_BYTES: Final = 1_048_576
"""The Gateway passes up to 6 MB on; a model's whole window is about half a megabyte."""
MOST_CONNECTIONS: Final = 8
"""As many as a turn may call tools at once."""

_CHUNK_BYTES: Final = 65_536


class Broken(Exception):
    """The connection could not be used, or ended before the answer. The call can be repeated on another one."""


class TimedOut(Exception):
    """There was no answer in time. The call may still be running."""


class BadAnswer(Exception):
    """The answer is too large or no JSON-RPC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back for one message."""

    status: int  # HTTP
    session_id: str | None
    message: dict[str, Any] | None  # the JSON-RPC answer; None if there is none, as for a notification


class Transport:
    """The HTTP connections of one MCP session. Threads may share it."""

    def __init__(self, url: str) -> None:
        """Prepare the connections to an MCP endpoint; none is opened.

        Args:
            url: Address of the endpoint, http or https.

        Raises:
            ValueError: If the address is neither.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("GATEWAY_URL: must be an http(s) address")
        self._path = parts.path or "/"
        shared: dict[str, Any] = {"port": parts.port, "maxsize": MOST_CONNECTIONS, "block": False, "retries": False}
        if parts.scheme == "http":
            self._pool = urllib3.HTTPConnectionPool(parts.hostname, **shared)
        else:
            # Made once and given to the pool, which would make one for each connection, in 18 ms.
            context = create_urllib3_context()
            context.load_verify_locations(get_cert_path(True))
            self._pool = urllib3.HTTPSConnectionPool(parts.hostname, ssl_context=context, **shared)

    def post(self, message: Mapping[str, Any], headers: Mapping[str, str]) -> Reply:
        """Send a message and wait for its answer.

        Raises:
            Broken, TimedOut, BadAnswer: If there is none.
        """
        deadline = time.monotonic() + CALL_SECONDS
        try:
            response = self._pool.urlopen(
                "POST",
                self._path,
                body=json.dumps(message, separators=(",", ":")).encode(),
                headers={
                    "Accept": "application/json, text/event-stream",
                    "Content-Type": "application/json",
                    **headers,
                },
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=CALL_SECONDS),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,  # none was asked for, and a small answer must not grow
            )
        except (ConnectTimeoutError, ReadTimeoutError):
            raise TimedOut from None
        except (HTTPError, OSError):
            raise Broken from None
        try:
            answer = _answer(response, message.get("id"), deadline)
        except BaseException:
            response.close()
            raise
        return Reply(status=response.status, session_id=response.headers.get("Mcp-Session-Id"), message=answer)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._pool.close()


class _Body:
    """An answer's body, read as it comes, within its size and its time."""

    def __init__(self, response: urllib3.BaseHTTPResponse, deadline: float) -> None:
        self.deadline = deadline
        self._response = response
        self._size = 0

    def read(self) -> bytes:
        """Return the next piece; empty at the end, by when the connection is free for the next call."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimedOut
        # urllib3's own limit starts anew with every read, so a trickle would never end.
        if (socket := getattr(self._response.connection, "sock", None)) is not None:
            socket.settimeout(left)
        try:
            piece = self._response.read1(_CHUNK_BYTES, decode_content=False)
        except (ReadTimeoutError, TimeoutError):
            raise TimedOut from None
        except (HTTPError, OSError):
            raise Broken from None
        self._size += len(piece)
        if self._size > MAX_ANSWER_BYTES:
            raise BadAnswer
        if not piece:
            self._response.drain_conn()
        return piece


def _answer(response: urllib3.BaseHTTPResponse, message_id: Any, deadline: float) -> dict[str, Any] | None:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    body = _Body(response, deadline)
    if kind == "text/event-stream":
        return _from_stream(response, body, message_id)
    source = b"".join(iter(body.read, b""))
    if kind != "application/json" or not source:
        return None
    found = _parsed(source)
    if found is None:
        raise BadAnswer
    return found


def _from_stream(response: urllib3.BaseHTTPResponse, body: _Body, message_id: Any) -> dict[str, Any]:
    """Wait for the answer among the events of a stream; the others (progress, log lines) are passed over."""
    answer: dict[str, Any] | None = None
    rest = b""
    try:
        while piece := body.read():
            *events, rest = (rest + piece).replace(b"\r\n", b"\n").split(b"\n\n")
            for event in events:
                lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
                found = _parsed(b"\n".join(lines))
                if answer is None and found is not None and found.get("id") == message_id and "method" not in found:
                    answer = found
                    body.deadline = min(body.deadline, time.monotonic() + DRAIN_SECONDS)
    except (TimedOut, Broken):
        if answer is None:
            raise
        response.close()
    if answer is None:
        raise Broken  # the stream ended first
    return answer


def _parsed(source: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(source)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
