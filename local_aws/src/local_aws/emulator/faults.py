"""`PUT /_local/faults`: make a service of the emulator fail, to see what the platform does then.

    {"bedrock-agentcore": {"status": 429, "code": "ThrottledException"}}    by signing name; {} ends all faults

Needs the header `X-Local-Secret`. Only signed requests fail, so health and sign-in keys stay up.
"""

from __future__ import annotations

import hmac
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from local_aws.emulator.service_session import Application, InvalidRequestError, read_body, send_json

PATH: Final = "/_local/faults"
_XML_SERVICES: Final = frozenset({"s3", "sts", "iam"})
_SCOPE: Final = re.compile(rb"Credential=[^/]+/\d{8}/[a-z0-9-]+/([a-z0-9-]+)/aws4_request")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a failing service answers."""

    status: int
    code: str


def parse_faults(body: bytes) -> dict[str, Fault]:
    """Read the faults that are to hold from now on, by signing name.

    Raises:
        InvalidRequestError: If the body is not such an object.
    """
    try:
        return {
            name: Fault(status=int(value["status"]), code=str(value["code"]))
            for name, value in json.loads(body).items()
        }
    except (ValueError, TypeError, KeyError, AttributeError) as failure:
        raise InvalidRequestError('the body has to be {"<service>": {"status": …, "code": …}}') from failure


def with_faults(application: Application, *, secret: str | None) -> Application:
    """Put the endpoint and the faults in front of an application; without `secret` it answers 404 to everybody."""
    faults: dict[str, Fault] = {}

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if scope["path"] == PATH:
            given = headers.get(b"x-local-secret", b"")
            if scope["method"] != "PUT" or not secret or not hmac.compare_digest(given, secret.encode()):
                await send_json(send, 404, {"error": {"code": "not_found", "message": "not found"}})
                return
            try:
                wanted = parse_faults(await read_body(receive))
            except InvalidRequestError as failure:
                await send_json(send, 400, {"error": {"code": "invalid_request", "message": str(failure)}})
                return
            faults.clear()
            faults.update(wanted)
            await send_json(send, 200, {})
            return
        scope_of = _SCOPE.search(headers.get(b"authorization", b"")) if faults else None
        fault = faults.get(scope_of[1].decode()) if scope_of else None
        if fault is None:
            await application(scope, receive, send)
            return
        await _fail(send, fault, service=scope_of[1].decode() if scope_of else "")

    return serve


async def _fail(send: Any, fault: Fault, *, service: str) -> None:
    if service not in _XML_SERVICES:
        content = {"__type": fault.code, "message": "as asked"}
        await send_json(send, fault.status, content, {"x-amzn-errortype": fault.code})
        return
    error = f"<Error><Code>{fault.code}</Code><Message>as asked</Message></Error>"
    body = (error if service == "s3" else f"<ErrorResponse>{error}</ErrorResponse>").encode()
    start = [(b"content-type", b"application/xml"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": fault.status, "headers": start})
    await send({"type": "http.response.body", "body": body})
