"""What of a request's headers is checked, and what reaches the agent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from starlette.datastructures import Headers

from local_aws.agentcore.errors import bad_request
from local_aws.agentcore.requests import single

SESSION_HEADER: Final = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"
REQUEST_ID_HEADER: Final = "X-Amzn-Bedrock-AgentCore-Runtime-Request-Id"
_SESSION_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{32,255}")
_MAX_VALUE_BYTES: Final = 4096
"""Longest value of an allowlisted header. Source: AgentCore developer guide, "Pass custom headers"."""
_ALWAYS_FORWARDED: Final = ("content-type", "accept")
_RETURNED: Final = frozenset(
    {b"content-type", b"content-length", b"content-encoding", b"cache-control", b"retry-after"}
)


def session_id(headers: Headers) -> str:
    """Return the session id of a request.

    Raises:
        RequestError: 400, if there is none or it is not one.
    """
    value = single(headers, SESSION_HEADER)
    if value is None:
        # AWS starts a new session for a request without an id. Here the id is asked for: our clients have to choose
        # one, because memory and the agent's serialisation of requests depend on it.
        raise bad_request(f"{SESSION_HEADER} is missing; send 33 to 256 letters, digits, '-' and '_'.")
    if not _SESSION_ID.fullmatch(value):
        raise bad_request(f"{SESSION_HEADER} has to be 33 to 256 letters, digits, '-' and '_', the first no sign.")
    return value


def forwarded(headers: Headers, *, session: str, request_id: str, allowed: frozenset[str]) -> list[tuple[bytes, bytes]]:
    """Choose the headers that the agent gets.

    Args:
        headers: As the client sent them.
        session: The checked session id.
        request_id: The stand-in's own; a client's is dropped, since it would end up in logs.
        allowed: The runtime's allowlist in lower case. `Authorization` passes only if listed, as on AWS.

    Raises:
        RequestError: 400, if one of them was sent twice or is too long.
    """
    chosen = [(SESSION_HEADER.encode(), session.encode()), (REQUEST_ID_HEADER.encode(), request_id.encode())]
    reserved = {SESSION_HEADER.lower(), REQUEST_ID_HEADER.lower()}
    for name in sorted({*_ALWAYS_FORWARDED, *allowed} - reserved):
        value = single(headers, name)
        if value is None:
            continue
        if len(value) > _MAX_VALUE_BYTES:
            raise bad_request(f"{name} is longer than {_MAX_VALUE_BYTES} bytes.")
        chosen.append((name.encode(), value.encode("latin-1")))  # as it came
    return chosen


def returned(raw: Iterable[tuple[bytes, bytes]], *, session: str, request_id: str) -> list[tuple[bytes, bytes]]:
    """Choose the agent's response headers that the client gets, and add the stand-in's."""
    chosen = [(name.lower(), value) for name, value in raw if name.lower() in _RETURNED]
    own = {SESSION_HEADER: session, REQUEST_ID_HEADER: request_id}
    return chosen + [(name.lower().encode(), value.encode()) for name, value in own.items()]
