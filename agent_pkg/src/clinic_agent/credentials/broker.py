"""The client of the credentials broker: the Lambda outside the microVM that alone may assume the tenant role."""

import json
from datetime import datetime
from typing import Any, Protocol

from clinic_agent.aws_errors import AWS_ERRORS, as_agent_error
from clinic_agent.credentials.grant import Grant, TierSettings
from clinic_agent.errors import AgentError, Forbidden, NotAuthenticated, Throttled, Unavailable


class Broker(Protocol):
    """Grants tenant credentials for an access token."""

    def grant(self, token: str) -> Grant:
        """Exchange an access token for credentials of its tenant. Blocks for one call.

        Raises:
            NotAuthenticated: If the broker does not trust the token.
            Forbidden: If the clinic is suspended or its tier is not the token's.
            Throttled: If a limit was met.
            Unavailable: If the broker is down or answers nonsense.
        """


class LambdaBroker:
    """Asks the broker's Lambda function. It gets the token and nothing else that could name a tenant."""

    def __init__(self, *, client: Any, function: str) -> None:
        self._client = client  # a boto3 Lambda client with the execution role's credentials
        self._function = function

    def grant(self, token: str) -> Grant:
        try:
            response = self._client.invoke(FunctionName=self._function, Payload=json.dumps({"token": token}).encode())
            failed = "FunctionError" in response
            answer = json.load(response["Payload"])
        except AWS_ERRORS as error:
            raise as_agent_error(error, part="broker") from None
        except (ValueError, KeyError):
            raise _unavailable() from None
        if failed or not isinstance(answer, dict):
            raise _unavailable()
        if "error" in answer:
            raise refusal(answer["error"])
        try:
            return _parse(answer)
        except (KeyError, TypeError, ValueError):
            raise _unavailable() from None


def refusal(error: Any) -> AgentError:
    """Map a refusal of the broker to the error that the caller sees."""
    code = error.get("code") if isinstance(error, dict) else None
    match code:
        case "invalid_token":
            return NotAuthenticated()
        case "tenant_suspended":
            return Forbidden("tenant_suspended", "This organisation or user is not active. Ask your administrator.")
        case "tier_mismatch":
            return Forbidden("tier_mismatch", "Your organisation's plan has changed. Sign in again.")
        case "quota_exceeded":
            return Throttled("quota_exceeded", "Your organisation's quota is used up.")
        case "throttled":
            return Throttled("throttled", "Too many requests for credentials. Try again shortly.")
        case _:
            return _unavailable()


def _parse(answer: dict[str, Any]) -> Grant:
    credentials = answer["credentials"]
    expires_at = datetime.fromisoformat(credentials["expires_at"])
    if expires_at.tzinfo is None:
        raise ValueError("expires_at has no time zone")
    return Grant(
        access_key_id=credentials["access_key_id"],
        secret_access_key=credentials["secret_access_key"],
        session_token=credentials["session_token"],
        expires_at=expires_at,
        tier=TierSettings.from_dict(answer["tier"]),
    )


def _unavailable() -> Unavailable:
    return Unavailable("broker_unavailable", "Tenant credentials cannot be issued at the moment.")
