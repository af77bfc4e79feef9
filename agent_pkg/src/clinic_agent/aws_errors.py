"""How AWS errors become refusals: throttles are 429, everything else is 503. Nothing of AWS's message is passed on."""

from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from clinic_agent.errors import AgentError, Throttled, Unavailable

AWS_ERRORS: Final = (ClientError, BotoCoreError)

_THROTTLES: Final = frozenset(
    {
        "ThrottlingException",
        "ThrottledException",
        "Throttling",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceQuotaExceededException",
        "SlowDown",
        "EC2ThrottledException",  # of Lambda
    }
)


def error_code(error: BaseException) -> str:
    """Return the AWS error code, or the exception's class name where there is none. Safe to log."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "ClientError"))
    return type(error).__name__


def as_agent_error(error: BaseException, *, part: str) -> AgentError:
    """Map an AWS error to a refusal.

    Args:
        error: What a boto3 call raised.
        part: What could not be reached, such as `memory`; becomes the code `memory_unavailable`.
    """
    if error_code(error) in _THROTTLES:
        return Throttled("throttled", f"The {part} service is busy. Try again shortly.")
    return Unavailable(f"{part}_unavailable", f"The {part} service cannot be reached at the moment.")
