"""What goes wrong in a stand-in.

* `StandInError`
  * `InvalidConfigError`: it refuses to start
  * `RequestError`: it answers with an HTTP status and `{"error": {"code", "message", "request_id", "retryable"}}`
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class StandInError(Exception):
    """Base of everything that the stand-ins raise."""


class InvalidConfigError(StandInError):
    """The configuration says something that the stand-in cannot do."""

    def __init__(self, *, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")


class RequestError(StandInError):
    """A request that is answered with an error.

    Args:
        status: HTTP status.
        code: Stable, for programs.
        message: For people; never holds anything of a token.
        retryable: Whether the same request may succeed later.
        headers: Response headers that belong to the status, such as `Retry-After` in seconds.
    """

    def __init__(
        self,
        *,
        status: int,
        code: str,
        message: str,
        retryable: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retryable = retryable
        self.headers = dict(headers or {})

    def body(self, request_id: str) -> dict[str, Any]:
        """Build the JSON body of the answer."""
        error = {"code": self.code, "message": self.message, "request_id": request_id, "retryable": self.retryable}
        return {"error": error}


def bad_request(message: str) -> RequestError:
    """400: the client has to send something else."""
    return RequestError(status=400, code="ValidationException", message=message)


def not_found(message: str) -> RequestError:
    """404: no such thing."""
    return RequestError(status=404, code="ResourceNotFoundException", message=message)


def unauthorized(message: str) -> RequestError:
    """401: no token, or none that verifies. Says nothing about why, which would help whoever forges one."""
    return RequestError(
        status=401, code="invalid_token", message=message, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}
    )


def forbidden() -> RequestError:
    """403: a genuine token that the authorizer does not admit."""
    return RequestError(
        status=403, code="AccessDeniedException", message="The token does not satisfy the authorizer's rules."
    )


def unavailable(code: str, message: str) -> RequestError:
    """503: something the stand-in needs is not there for now."""
    return RequestError(status=503, code=code, message=message, retryable=True, headers={"Retry-After": "1"})
