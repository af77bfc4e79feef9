"""What the Gateway and its tools refuse, and who is told: the model, which can do better, or the caller.

What is down ends the turn: an answer without the clinic's own data would be a guess. What the model got wrong, or may
not do, is told to the model. JSON-RPC numbers come first, since on AWS `data` may be missing.
"""

import json
import re
from enum import IntEnum
from typing import Any, Final

from clinic_agent.credentials import refusal as broker_refusal
from clinic_agent.errors import AgentError, Forbidden, NotAuthenticated, Throttled, Unavailable

TOOLS_DENIED: Final = (
    "Your organisation's plan does not allow the assistant at this time. Ask your administrator when it does."
)

_CODE: Final = re.compile(r"[a-z][a-z_]{0,63}")
_MESSAGE_CHARS: Final = 300
_OF_THE_BROKER: Final = frozenset({"invalid_token", "tenant_suspended", "tier_mismatch", "quota_exceeded"})


class RpcNumber(IntEnum):
    """The JSON-RPC error numbers that say more than that something failed."""

    INVALID_PARAMS = -32602  # no such tool, or wrong arguments
    INVALID_REQUEST = -32600
    DENIED = -32002  # by policy
    THROTTLED = -32000


class ToolRefused(Exception):
    """A tool call was refused in a way that the model should know of."""

    def __init__(self, *, tool: str, code: str, message: str) -> None:
        self.code = code
        self.text = json.dumps({"error": {"code": code, "message": f"{tool}: {message}"}}, ensure_ascii=False)
        super().__init__(f"{tool}: {code}")


def tools_unavailable() -> Unavailable:
    """Build the error for a Gateway that is down, or answers what is no answer."""
    return Unavailable("tools_unavailable", "The assistant's tools cannot be reached at the moment.")


def rpc_error(tool: str, *, status: int, error: Any) -> Exception:
    """Map a refusal of the Gateway.

    Args:
        tool: Name that the model knows.
        status: HTTP status of the answer.
        error: The JSON-RPC error in it; None if it had none.

    Returns:
        `ToolRefused` for the model, or an `AgentError` that ends the turn.
    """
    if status == 401:
        return NotAuthenticated()
    number = error.get("code") if isinstance(error, dict) else None
    code = _code(error.get("data")) if isinstance(error, dict) else None
    match number:
        case RpcNumber.INVALID_PARAMS if code == "unknown_tool":
            return ToolRefused(tool=tool, code="unknown_tool", message="is not offered any more")
        case RpcNumber.INVALID_PARAMS:
            message = f"did not accept its arguments. {_short(error.get('message'))}".strip()
            return ToolRefused(tool=tool, code="invalid_arguments", message=message)
        case RpcNumber.DENIED:
            message = "is not allowed for this organisation at this time. Answer without it, and say so."
            return ToolRefused(tool=tool, code="tool_denied", message=message)
        case RpcNumber.THROTTLED:
            return _throttled()
        case RpcNumber.INVALID_REQUEST if status == 413 or code == "payload_too_large":
            return ToolRefused(tool=tool, code="payload_too_large", message="was given too much text")
    return http_error(status)


def http_error(status: int) -> AgentError:
    """Map an HTTP status of the Gateway that came without a JSON-RPC error."""
    match status:
        case 401:
            return NotAuthenticated()
        case 403:
            return Forbidden("tools_denied", TOOLS_DENIED)
        case 429:
            return _throttled()
        case _:
            return tools_unavailable()


def answer_text(tool: str, result: Any) -> str:
    """Return a tool's answer as text for the model.

    Raises:
        ToolRefused: If the tool refused, in a way that the model should know of.
        AgentError: If what the tool reads is down, or the caller is not served any more.
    """
    if not isinstance(result, dict):
        raise tools_unavailable()
    content = result.get("content")
    blocks = content if isinstance(content, list) else []
    texts = [block.get("text") for block in blocks if isinstance(block, dict) and block.get("type") == "text"]
    text = "\n".join(part for part in texts if isinstance(part, str))
    if not text and "structuredContent" in result:
        text = json.dumps(result["structuredContent"], ensure_ascii=False)
    error = _tool_error(text)
    code = _code(error)
    if code == "not_found":
        return text  # an answer as good as any
    if code is not None:
        raise _typed(tool, code, error)
    if result.get("isError") or error is not None:
        raise tools_unavailable()  # in a form that nobody knows: it cannot be told from an outage
    return text


def _typed(tool: str, code: str, error: Any) -> Exception:
    if code in _OF_THE_BROKER:
        return broker_refusal({"code": code})
    if code == "throttled":
        return _throttled()
    if code.endswith("_unavailable"):
        # Worded here: the text of a tool does not go to the caller.
        return Unavailable(code, f"The {code.removesuffix('_unavailable')} service cannot be reached at the moment.")
    if code in ("internal", "direct_call"):
        return tools_unavailable()
    return ToolRefused(tool=tool, code=code, message=_short(error.get("message")) or "refused the call")


def _throttled() -> Throttled:
    return Throttled("throttled", "The assistant's tools are busy. Try again shortly.")


def _tool_error(text: str) -> Any:
    if '"error"' not in text:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found.get("error") if isinstance(found, dict) else None


def _code(value: Any) -> str | None:
    code = value.get("code") if isinstance(value, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def _short(message: Any) -> str:
    return " ".join(message.split())[:_MESSAGE_CHARS] if isinstance(message, str) else ""
