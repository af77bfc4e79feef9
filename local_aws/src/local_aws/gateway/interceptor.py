"""The REQUEST interceptor: a function that sees every message, and may change it, answer it or refuse it.

How the service behaves when an interceptor fails is not documented. Here everything but a well-formed permission to
go on ends the request.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local_aws.gateway.lambda_client import LambdaClient, LambdaError
from local_aws.gateway.mcp_errors import McpRefusal, interceptor_failed
from local_aws.gateway.messages import Message, read_message
from local_aws.gateway.recorded import Interceptor

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intercepted:
    """A request that may go on."""

    message: Message
    headers: Mapping[str, str] = field(repr=False)  # lower-case names


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A request that the interceptor answered itself."""

    status: int
    body: Any


async def intercept(
    interceptor: Interceptor | None,
    functions: LambdaClient,
    *,
    raw: str,
    message: Message,
    headers: Mapping[str, str],
    seconds: float,
) -> Intercepted | Answered:
    """Show a request to the interceptor.

    Args:
        interceptor: The recorded one; without any, the request goes on as it is.
        functions: For calling it.
        raw: The body as it came.
        message: The body as it was read.
        headers: As the client sent them, by lower-case name.
        seconds: Until it is given up.

    Raises:
        McpRefusal: If it fails, takes too long, or answers something else.
    """
    if interceptor is None:
        return Intercepted(message=message, headers=headers)
    shown = {"headers": {_spelled(name): value for name, value in headers.items()}} if interceptor.pass_headers else {}
    event = {
        "interceptorInputVersion": "1.0",
        "mcp": {
            "rawGatewayRequest": {"body": raw},
            "gatewayRequest": {"path": "/mcp", "httpMethod": "POST", **shown, "body": message.body()},
        },
    }
    try:
        answer = await functions.invoke(interceptor.lambda_arn, event, seconds=seconds)
    except LambdaError as failure:
        logger.warning("error=<%s> | interceptor failed, request refused", failure)
        raise interceptor_failed() from failure
    try:
        return _read(answer, message=message, headers=headers)
    except (LookupError, TypeError, ValueError, AttributeError, McpRefusal) as failure:
        logger.warning("error=<%s> | interceptor answered something else, request refused", type(failure).__name__)
        raise interceptor_failed() from failure


def _read(answer: Any, *, message: Message, headers: Mapping[str, str]) -> Intercepted | Answered:
    if answer["interceptorOutputVersion"] != "1.0":
        raise ValueError("another version")
    mcp = answer["mcp"]
    response = mcp.get("transformedGatewayResponse")
    if response is not None:  # wins, even if there is a request too
        status = response["statusCode"]
        if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
            raise ValueError("no HTTP status")
        return Answered(status=status, body=response.get("body"))
    request = mcp["transformedGatewayRequest"]
    returned = request.get("headers") or {}
    if not all(isinstance(name, str) and isinstance(value, str) for name, value in returned.items()):
        raise TypeError("headers have to be strings")
    # What it does not return stays as the client sent it. That is the worse of the two things that the service may do:
    # whoever wants a header gone has to overwrite it.
    merged = {**headers, **{name.lower(): value for name, value in returned.items()}}
    changed = message if request.get("body") is None else read_message(request["body"])
    if (changed.id is None) is not (message.id is None):
        raise ValueError("a request stays a request")
    return Intercepted(message=changed, headers=merged)


def _spelled(name: str) -> str:
    """Write a header's name as the service's examples do, such as `Mcp-Session-Id`."""
    return "-".join(part.capitalize() for part in name.split("-"))
