"""Calls of the smoke test: each has a time limit, and each ends as one of four kinds.

A refusal counts only if the platform decided it. No answer, a time-out and an answer of 5xx decided nothing: they are
never "refused as expected".
"""

import json
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from scripts.clients.canary import LIVE
from scripts.clients.gateway import GatewaySession, Reply, reply_of
from scripts.clients.runtime import Answer, Session, Stack, answer_of

CALL_SECONDS: Final = 120.0
"""Longest time of one call; the cold start of a session is part of it."""
CONNECT_SECONDS: Final = 10.0
MAX_ANSWER_BYTES: Final = 4_000_000
_UNDECIDED: Final = frozenset({408, 409, 429})
"""Statuses that say nothing on whether the caller may: too late, busy, too many."""
_MALFORMED: Final = (ValueError, KeyError, TypeError, AttributeError)
_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_INTERNAL_ERROR: Final = "-32603"
"""JSON-RPC's code for a server that failed."""


class Kind(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"
    REFUSED = "refused"
    WRONG = "wrong answer"
    UNREACHABLE = "could not be reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a call ended, and with what."""

    kind: Kind
    detail: str = ""  # status and code of a refusal, or what is wrong; never what an answer says
    status: int | None = None
    text: str = field(default="", repr=False)  # of the answer
    data: Any = field(default=None, repr=False)  # what a tool answered
    version: str | None = None  # of the agent that answered


class Budget:
    """The time that is left of a whole run."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def for_call(self) -> float:
        """Return how long the next call may take, in seconds; 0 or less if none is left."""
        return min(CALL_SECONDS, self._until - time.monotonic())


class NoAnswer(Exception):
    """There was no whole answer. The message is one that may be shown."""


def send(url: str, *, body: bytes, headers: Mapping[str, str], budget: Budget) -> httpx.Response:
    """POST, and read the whole answer within the time that is left.

    Raises:
        NoAnswer: If nobody listens there, the connection breaks, the answer is too long or it takes too long.
    """
    seconds = budget.for_call()
    if seconds <= 0:
        raise NoAnswer("no time left")
    until = time.monotonic() + seconds
    local = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
    limits = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
    content = bytearray()
    try:
        with (
            # A proxy of the environment is for what lies outside of this machine.
            httpx.Client(timeout=limits, trust_env=not local, verify=_tls()) as client,
            client.stream("POST", url, content=body, headers=dict(headers)) as response,
        ):
            for piece in response.iter_bytes():
                content += piece
                if len(content) > MAX_ANSWER_BYTES:
                    raise NoAnswer(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
                if time.monotonic() > until:
                    raise NoAnswer(f"not ready after {seconds:.0f} s")
            kept = {"content-type", "mcp-session-id", "x-amzn-requestid"}
            chosen = {name: value for name, value in response.headers.items() if name in kept}
            return httpx.Response(response.status_code, headers=chosen, content=bytes(content))
    except httpx.TimeoutException:
        raise NoAnswer(f"no answer within {seconds:.0f} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
        raise NoAnswer(type(error).__name__) from None


@cache
def _tls() -> ssl.SSLContext:
    """Read the certificates once: it takes longer than a call."""
    return httpx.create_ssl_context()


class SmokeSession(Session):
    """A conversation whose calls are bounded."""

    def __init__(
        self, stack: Stack, access_token: str | None, *, budget: Budget, session_id: str | None = None
    ) -> None:
        # All of them at the endpoint under test, which runtime_url names, whatever share a candidate has.
        super().__init__(stack, access_token, session_id=session_id, endpoint=LIVE)
        self._budget = budget

    def ask_for_ending(self, prompt: str, **fields: str) -> Ending:
        """Ask, with more fields in the body if given, and say how it ended."""
        body = json.dumps({"prompt": prompt, **fields}).encode()
        return _ending_of(lambda: self.send(body), _runtime_ending)

    def send(self, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """Send any body, and wait for the whole answer.

        Raises:
            NoAnswer: If there is none.
        """
        given = self.headers() if headers is None else headers
        return answer_of(send(self.url, body=body, headers=given, budget=self._budget))


class SmokeGateway(GatewaySession):
    """An MCP session whose calls are bounded."""

    def __init__(
        self, stack: Stack, access_token: str | None, *, budget: Budget, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(stack, access_token, headers=headers)
        self._budget = budget

    def send(self, message: Any) -> Reply:
        """Send any message.

        Raises:
            NoAnswer: If there is no answer.
        """
        body, headers = json.dumps(message).encode(), {"Content-Type": "application/json", **self._all_headers()}
        return reply_of(send(self.url, body=body, headers=headers, budget=self._budget))

    def begin(self) -> Ending:
        """Begin the session."""
        return _ending_of(self.connect, _gateway_ending)

    def listing(self) -> Ending:
        """List the tools; `data` holds their wire names."""
        return _ending_of(self.list_tools, _listing_ending)

    def use(self, tool: str, arguments: Mapping[str, Any] | None = None) -> Ending:
        """Call a tool by its wire name; `data` holds what it answered."""
        return _ending_of(lambda: self.call(tool, arguments), _tool_ending)


def _ending_of(call: Callable[[], Any], read: Callable[[Any], Ending]) -> Ending:
    try:
        return read(call())
    except NoAnswer as error:
        return Ending(kind=Kind.UNREACHABLE, detail=str(error))
    except _MALFORMED as error:
        return Ending(kind=Kind.WRONG, detail=f"an answer in no known form ({type(error).__name__})")


def _refusal(status: int, code: str) -> Ending:
    """Tell a refusal from a platform that could not decide, by HTTP status."""
    detail = f"{status} {code}"
    if status in _UNDECIDED or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Ending(kind=Kind.UNREACHABLE, detail=detail, status=status)
    if status >= httpx.codes.BAD_REQUEST:
        return Ending(kind=Kind.REFUSED, detail=detail, status=status)
    return Ending(kind=Kind.WRONG, detail=detail, status=status)


def _runtime_ending(answer: Answer) -> Ending:
    if answer.status != httpx.codes.OK:
        code = answer.error.get("code") if answer.error else None
        return _refusal(answer.status, _shown(code))
    if answer.error is not None:
        code = _shown(answer.error.get("code"))
        broken = code.endswith("_unavailable") or code in ("internal", "throttled", "quota_exceeded")
        # No stream: 200 with something else.
        kind = Kind.UNREACHABLE if broken else Kind.REFUSED if answer.events else Kind.WRONG
        return Ending(kind=kind, detail=f"200 {code}", status=answer.status)
    done = answer.events[-1] if answer.events else {}
    if done.get("type") != "done" or not answer.text.strip():
        return Ending(kind=Kind.WRONG, detail="200 without a whole answer", status=answer.status)
    version = done.get("agent_version")
    return Ending(
        kind=Kind.ANSWERED,
        status=answer.status,
        text=answer.text,
        version=version if isinstance(version, str) else None,
    )


def _gateway_ending(reply: Reply) -> Ending:
    if reply.status >= httpx.codes.BAD_REQUEST:
        return _refusal(reply.status, _shown(reply.code))
    if reply.status != httpx.codes.OK:
        return Ending(kind=Kind.WRONG, detail=f"{reply.status}, no answer", status=reply.status)
    if reply.error is not None:
        data = reply.error.get("data")
        code = _shown(data.get("code") if isinstance(data, dict) else reply.error.get("code"))
        kind = Kind.UNREACHABLE if code == _INTERNAL_ERROR or _broke(code) else Kind.REFUSED
        return Ending(kind=kind, detail=f"200 {code}", status=reply.status)
    if not reply.result:
        return Ending(kind=Kind.WRONG, detail="200 without a result", status=reply.status)
    return Ending(kind=Kind.ANSWERED, status=reply.status)


def _listing_ending(reply: Reply) -> Ending:
    ending = _gateway_ending(reply)
    if ending.kind is not Kind.ANSWERED:
        return ending
    return Ending(kind=Kind.ANSWERED, status=reply.status, data=reply.tools)


def _tool_ending(reply: Reply) -> Ending:
    ending = _gateway_ending(reply)
    if ending.kind is not Kind.ANSWERED:
        return ending
    try:
        data = reply.answer
    except ValueError:  # words instead of JSON: so the service itself tells that a call is not allowed
        if reply.result.get("isError") is True:
            return Ending(kind=Kind.REFUSED, detail="200 isError", status=reply.status)
        raise
    if not isinstance(data, dict):
        return Ending(kind=Kind.WRONG, detail="200 without an answer of the tool", status=reply.status)
    if isinstance(data.get("error"), dict):
        code = _shown(data["error"].get("code"))
        kind = Kind.UNREACHABLE if _broke(code) else Kind.REFUSED
        return Ending(kind=kind, detail=f"200 {code}", status=reply.status, data=data)
    return Ending(kind=Kind.ANSWERED, status=reply.status, data=data)


def _broke(code: str) -> bool:
    return code.endswith("_unavailable") or code in ("internal", "throttled")


def _shown(code: object) -> str:
    """Shorten a code of the other side: what it sends is not ours, and may be anything."""
    text = str(code) if isinstance(code, str | int) else ""
    return text if _CODE.fullmatch(text) else "unknown"
