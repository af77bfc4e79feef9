"""What a client may send: a JSON object with a prompt."""

from dataclasses import dataclass
from typing import Any, Final

from clinic_agent.errors import BadRequest, Forbidden, TooLarge
from clinic_agent.identity import TenantContext
from clinic_agent.keys import InvalidKey, check_session_id

MAX_PROMPT_CHARS: Final = 8_000
MAX_BODY_BYTES: Final = 65_536
"""AgentCore itself lets 100 MB through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A well-formed request."""

    prompt: str
    session_id: str


def read_question(payload: Any, session_id: str | None, tenant: TenantContext) -> Question:
    """Check the payload and the session id of a verified caller.

    Fields that name a tenant change nothing. Where one contradicts the token, the request is refused: somebody is
    mistaken about who they are, or tries something.

    Raises:
        BadRequest, TooLarge: If something is missing, of the wrong type or over its limit.
        Forbidden: If a field claims another identity than the token's.
    """
    if not isinstance(payload, dict):
        raise BadRequest("invalid_payload", 'The body must be a JSON object such as {"prompt": "…"}.')
    prompt = payload.get("prompt")
    if not isinstance(prompt, str):
        raise BadRequest("invalid_prompt", f"prompt: must be a string, got {_json_type(prompt)}")
    if not prompt.strip():
        raise BadRequest("invalid_prompt", "prompt: must not be empty")
    if len(prompt) > MAX_PROMPT_CHARS:
        raise TooLarge("prompt_too_large", f"prompt: {len(prompt)} characters, at most {MAX_PROMPT_CHARS} are allowed")
    if "\0" in prompt or any("\ud800" <= char <= "\udfff" for char in prompt):
        raise BadRequest("invalid_prompt", "prompt: holds a NUL or an unpaired surrogate")
    for field in ("tier", "clinic_id", "user_id"):
        if field in payload and payload[field] != getattr(tenant, field):
            raise Forbidden("identity_conflict", f"{field}: contradicts the access token, which alone names the caller")
    return Question(prompt=prompt, session_id=_session_id(session_id))


def _session_id(value: str | None) -> str:
    if value is None:
        raise BadRequest("invalid_session_id", "Header X-Amzn-Bedrock-AgentCore-Runtime-Session-Id is missing.")
    try:
        return check_session_id(value)
    except InvalidKey as error:
        raise BadRequest("invalid_session_id", str(error)) from None


def _json_type(value: Any) -> str:
    names = {type(None): "nothing", bool: "a boolean", int: "a number", float: "a number", list: "an array"}
    return names.get(type(value), "an object")
