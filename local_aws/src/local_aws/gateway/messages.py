"""JSON-RPC messages: strict parsing, so that everybody who reads a request after the gateway reads the same one."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, NoReturn

from local_aws.gateway.mcp_errors import PARSE_ERROR, invalid_request


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One request, or a notification if `id` is None."""

    id: str | int | None
    method: str
    params: dict[str, Any] = field(repr=False)

    def body(self) -> dict[str, Any]:
        """Return it as decoded JSON."""
        given = {} if self.id is None else {"id": self.id}
        return {"jsonrpc": "2.0", **given, "method": self.method, "params": self.params}


def parse_message(raw: bytes) -> Message:
    """Read a request body.

    Raises:
        McpRefusal: If it is no JSON, says a name twice, or is not one JSON-RPC request or notification.
    """
    try:
        decoded = json.loads(raw.decode("utf-8"), object_pairs_hook=_unambiguous, parse_constant=_no_constant)
        if b"\\ud" in raw.lower():  # half a character, which no UTF-8 can say: whoever writes it on would fail
            json.dumps(decoded, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as failure:
        # Not quoted: the parser's message may hold a piece of the body.
        raise invalid_request("The body is no JSON in UTF-8.", number=PARSE_ERROR) from failure
    return read_message(decoded)


def read_message(decoded: Any) -> Message:
    """Read decoded JSON.

    Raises:
        McpRefusal: If it is not one JSON-RPC request or notification.
    """
    refusal = invalid_request("The body has to be one JSON-RPC request or notification.")
    if not isinstance(decoded, dict) or decoded.get("jsonrpc") != "2.0":
        raise refusal
    message_id, method, params = decoded.get("id"), decoded.get("method"), decoded.get("params", {})
    if not isinstance(method, str) or not isinstance(params, dict):
        raise refusal
    if "id" in decoded and (isinstance(message_id, bool) or not isinstance(message_id, str | int)):
        raise refusal
    return Message(id=message_id, method=method, params=params)


def reply(message: Message, result: Any) -> dict[str, Any]:
    """Build the answer to a request."""
    return {"jsonrpc": "2.0", "id": message.id, "result": result}


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
