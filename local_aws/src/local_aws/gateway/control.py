"""The stand-in's own endpoints, for the programs that run it: read the state again, set the policies' clock."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope

from local_aws.agentcore.errors import RequestError, StandInError, bad_request, not_found
from local_aws.agentcore.requests import read_body
from local_aws.gateway.clock import PolicyClock, parse_instant

_MAX_BODY_BYTES: Final = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Answers requests below `/_local/`, for those who know the secret; for others there is nothing."""

    secret: str = field(repr=False)
    clock: PolicyClock
    reload: Callable[[], Awaitable[str]]
    """Reads the state again and returns the gateway's id; raises `StandInError` and changes nothing if it is bad."""

    async def answer(self, scope: Scope, receive: Receive) -> Response:
        """Answer one request.

        Raises:
            RequestError: If it is refused.
        """
        given = Headers(scope=scope).get("x-local-secret", "")
        if not self.secret or not hmac.compare_digest(given.encode(), self.secret.encode()):
            raise not_found("There is nothing here.")
        asked = (scope["method"], scope["path"])
        if asked == ("POST", "/_local/reload"):
            return await self._reload()
        if asked == ("PUT", "/_local/clock"):
            return await self._set_clock(await read_body(receive, max_bytes=_MAX_BODY_BYTES))
        raise not_found("There is nothing here.")

    async def _reload(self) -> Response:
        try:
            gateway_id = await self.reload()
        except StandInError as failure:
            message = f"{failure}; the gateway goes on as it was"
            raise RequestError(status=409, code="invalid_state", message=message) from failure
        return JSONResponse({"gateway_id": gateway_id})

    async def _set_clock(self, body: bytes) -> Response:
        try:
            now = json.loads(body)["now"]
            self.clock.set(None if now is None else parse_instant(now))
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as failure:
            raise bad_request('The body has to be {"now": "2026-08-12T19:30:00Z"} or {"now": null}.') from failure
        return JSONResponse({"now": self.clock.now().isoformat(timespec="seconds")})
