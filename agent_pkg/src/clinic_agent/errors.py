"""Every refusal that a caller can meet: a stable code, an HTTP status and a sentence that holds no internal detail.

    AgentError
    ├── Internal (500)          internal
    ├── BadRequest (400)        invalid_json, invalid_prompt, invalid_session_id, …
    ├── NotAuthenticated (401)  invalid_token
    ├── Forbidden (403)         identity_conflict, session_owner, tenant_suspended, tier_mismatch, tools_denied
    ├── NotFound (404)          not_found: the same for what does not exist and for what is another tenant's
    ├── SessionBusy (409)       session_busy
    ├── TooLarge (413)          prompt_too_large, payload_too_large, conversation_too_large
    ├── GuardrailBlocked (422)  guardrail_blocked
    ├── Throttled (429)         throttled, quota_exceeded; retryable
    └── Unavailable (503)       identity_unavailable, broker_unavailable, model_unavailable, tools_unavailable, …

Messages name fields and rules, never tokens, prompts, patient data or another tenant.
"""

from typing import ClassVar


class AgentError(Exception):
    """A refusal with a stable code. Only `code` and `message` ever reach the caller."""

    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    retry_after_seconds: ClassVar[int | None] = None

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")

    def as_dict(self, request_id: str) -> dict[str, object]:
        """Return the error as it goes over the wire (JSON body or `error` event)."""
        return {"code": self.code, "message": self.message, "request_id": request_id, "retryable": self.retryable}


class Internal(AgentError):
    """A mistake of ours. The log has its class under the request id; the caller learns no more."""

    def __init__(self) -> None:
        super().__init__("internal", "Something went wrong here. The request id helps to find out what.")


class BadRequest(AgentError):
    """The request is malformed; sending it again cannot help."""

    status = 400


class NotAuthenticated(AgentError):
    """No access token that this platform trusts."""

    status = 401

    def __init__(self, message: str = "The access token is missing, expired or not valid here. Sign in again.") -> None:
        super().__init__("invalid_token", message)


class Forbidden(AgentError):
    """The caller is known, and this is not theirs."""

    status = 403


class NotFound(AgentError):
    """No such thing for this caller; whether another tenant has it is not said."""

    status = 404

    def __init__(self, message: str) -> None:
        super().__init__("not_found", message)


class SessionBusy(AgentError):
    """Another request of the session is running: requests of one session are serialised."""

    status = 409
    retryable = True
    retry_after_seconds = 1

    def __init__(self) -> None:
        super().__init__(
            "session_busy", "This session is answering another request. Wait for it, then send this again."
        )


class TooLarge(AgentError):
    """The prompt or the body is over its limit."""

    status = 413


class GuardrailBlocked(AgentError):
    """The tier's guardrail stopped the question or the answer; the turn is not remembered."""

    status = 422

    def __init__(self, message: str) -> None:
        super().__init__("guardrail_blocked", message)


class Throttled(AgentError):
    """A limit was met; the same request may pass later."""

    status = 429
    retryable = True
    retry_after_seconds = 5


class Unavailable(AgentError):
    """Something the request needs is down. Nothing was stored; the same request may pass later."""

    status = 503
    retryable = True
    retry_after_seconds = 5
