"""`PUT /_local/faults`: make a service of the emulator fail or answer late, to see what the platform does then.

    {"bedrock-agentcore": {"status": 429, "code": "ThrottledException"}}    by signing name; {} ends all faults
    {"dynamodb": {"delay_seconds": 2}}                                      answers late, with or without a failure
    {"lambda": {"function": "tools", "status": 500, "code": "ServiceException"}}    calls of one function only
    {"lambda": {"function": "tools", "function_error": "Unhandled"}}        the function itself fails, with status 200

Needs the header `X-Local-Secret`. Only signed requests fail, so health and sign-in keys stay up.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from local_aws.emulator.control_endpoint import Application, InvalidRequestError, send_json, with_endpoint

PATH: Final = "/_local/faults"
MAX_DELAY_SECONDS: Final = 60.0
_FUNCTION_ERRORS: Final = ("Handled", "Unhandled")
_LAMBDA: Final = "lambda"
_XML_SERVICES: Final = frozenset({"s3", "sts", "iam"})
_SCOPE: Final = re.compile(rb"Credential=[^/]+/\d{8}/[a-z0-9-]+/([a-z0-9-]+)/aws4_request")
_INVOCATION: Final = re.compile(r"/2015-03-31/functions/(?:arn:[^/]*:function:)?([^/:]+)(?::[^/]+)?/invocations/?")
_HELP: Final = (
    'the body has to be {"<service>": {"status": …, "code": …, "delay_seconds": …}}, for lambda also with "function" '
    'and "function_error" (Handled or Unhandled); a fault needs status and code, function_error or delay_seconds'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """How a service fails."""

    status: int | None = None  # with `code`; None: it does not fail itself
    code: str | None = None
    delay_seconds: float = 0.0  # before it answers
    function: str | None = None  # only calls of this Lambda function; None: all requests to the service
    function_error: str | None = None  # the kind of failure that a called function answers

    @classmethod
    def parse(cls, service: str, value: Mapping[str, Any]) -> Fault:
        """Read one fault.

        Raises:
            ValueError, TypeError: If it is none.
        """
        fault = cls(**value)
        fails = fault.status is not None and bool(fault.code)
        if (fault.status is None) != (fault.code is None) or not (fails or fault.delay_seconds or fault.function_error):
            raise ValueError("nothing fails")
        if not isinstance(fault.status, int | None) or not isinstance(fault.code, str | None):
            raise TypeError("status, code")
        if fault.status is not None and not 400 <= fault.status <= 599:
            raise ValueError("status")
        if not isinstance(fault.delay_seconds, int | float) or not 0 <= fault.delay_seconds <= MAX_DELAY_SECONDS:
            raise ValueError("delay_seconds")
        if fault.function_error is not None and (fault.function_error not in _FUNCTION_ERRORS or fails):
            raise ValueError("function_error")
        if (fault.function or fault.function_error) and service != _LAMBDA:
            raise ValueError("only functions have these")
        return fault

    def concerns(self, path: str) -> bool:
        """Tell whether a request to the service meets the fault."""
        if self.function is None and self.function_error is None:
            return True
        called = _INVOCATION.fullmatch(unquote(path))
        return called is not None and self.function in (None, called[1])


def parse_faults(body: bytes) -> dict[str, Fault]:
    """Read the faults that are to hold from now on, by signing name.

    Raises:
        InvalidRequestError: If the body is not such an object.
    """
    try:
        return {service: Fault.parse(service, value) for service, value in json.loads(body).items()}
    except (ValueError, TypeError, AttributeError) as failure:
        raise InvalidRequestError(_HELP) from failure


def with_faults(application: Application, *, secret: str | None) -> Application:
    """Put the endpoint and the faults in front of an application; without `secret` it answers 404 to everybody."""
    faults: dict[str, Fault] = {}

    def replace(body: bytes) -> tuple[int, dict[str, Any]]:
        wanted = parse_faults(body)
        faults.clear()
        faults.update(wanted)
        return 200, {}

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        signed = _SCOPE.search(dict(scope["headers"]).get(b"authorization", b"")) if faults else None
        service = signed[1].decode() if signed else ""
        fault = faults.get(service)
        if fault is None or not fault.concerns(scope["path"]):
            await application(scope, receive, send)
            return
        await asyncio.sleep(fault.delay_seconds)
        if fault.function_error is not None:
            content = {"errorMessage": "as asked", "errorType": "AsAsked"}
            await send_json(send, 200, content, {"x-amz-function-error": fault.function_error})
        elif fault.status is not None and fault.code is not None:
            await _fail(send, fault.status, fault.code, service=service)
        else:
            await application(scope, receive, send)

    return with_endpoint(serve, replace, method="PUT", path=PATH, secret=secret)


async def _fail(send: Any, status: int, code: str, *, service: str) -> None:
    if service not in _XML_SERVICES:
        content = {"__type": code, "message": "as asked"}
        await send_json(send, status, content, {"x-amzn-errortype": code})
        return
    error = f"<Error><Code>{code}</Code><Message>as asked</Message></Error>"
    body = (error if service == "s3" else f"<ErrorResponse>{error}</ErrorResponse>").encode()
    start = [(b"content-type", b"application/xml"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
