"""The stand-in's HTTP interface: what AWS has at `bedrock-agentcore.<region>.amazonaws.com`."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import unquote

from starlette.datastructures import Headers, QueryParams
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from local_aws.agentcore.authorizer import JwtAuthorizer
from local_aws.agentcore.errors import RequestError, StandInError, bad_request, not_found
from local_aws.agentcore.requests import ClientGoneError, check_length, read_body, single, while_connected
from local_aws.agentcore.signing_keys import SigningKeys
from local_aws.runtime import headers
from local_aws.runtime.config import DEFAULT_ENDPOINT, OtherVersionPinned, RuntimeConfig
from local_aws.runtime.invocation import Forwarder, StreamBrokenError
from local_aws.runtime.sessions import SessionPool

logger = logging.getLogger(__name__)

RELOAD_PATH: Final = "/_local/reload"
_INVOCATION: Final = re.compile(r"/runtimes/([^/]+)/invocations")


@dataclass(slots=True, kw_only=True)
class RuntimeApp:
    """ASGI application of one runtime."""

    config: RuntimeConfig
    keys: SigningKeys
    pool: SessionPool
    forwarder: Forwarder
    secret: str = field(repr=False)
    read_again: Callable[[], RuntimeConfig]  # the recorded state as it is now; raises StandInError
    authorizer: JwtAuthorizer = field(init=False)

    def __post_init__(self) -> None:
        """Make the authorizer of the configuration."""
        self.authorizer = JwtAuthorizer(self.config.authorizer, keys=self.keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        # Not scope["path"]: it is decoded, and the slash inside an ARN has to arrive encoded, as AWS wants it.
        path = scope["raw_path"].decode("latin-1").partition("?")[0]
        invocation = _INVOCATION.fullmatch(path)
        request_id = str(uuid.uuid4())
        try:
            if path == "/ping" and scope["method"] == "GET":
                answer = {"status": "Healthy", "sessions": self.pool.counts()}
                await JSONResponse(answer)(scope, receive, send)
            elif path == RELOAD_PATH and scope["method"] == "POST":
                await self._reload(scope, receive, send)
            elif invocation is not None and scope["method"] == "POST":
                await self._invoke(scope, receive, send, arn=unquote(invocation[1]), request_id=request_id)
            else:
                raise not_found("There is nothing here.")
        except RequestError as failure:
            logger.info("request_id=<%s>, status=<%d>, code=<%s>", request_id, failure.status, failure.code)
            answer_headers = {**failure.headers, headers.REQUEST_ID_HEADER: request_id, "Cache-Control": "no-store"}
            await JSONResponse(failure.body(request_id), failure.status, answer_headers)(scope, receive, send)
        except ClientGoneError:
            logger.info("request_id=<%s> | client hung up", request_id)

    async def _invoke(self, scope: Scope, receive: Receive, send: Send, *, arn: str, request_id: str) -> None:
        began = time.monotonic()
        request_headers = Headers(scope=scope)
        self._check_target(arn, QueryParams(scope["query_string"]))
        await self.authorizer.authorize(single(request_headers, "authorization"))
        session = headers.session_id(request_headers)
        limit = self.config.laptop.max_payload_bytes
        check_length(single(request_headers, "content-length"), max_bytes=limit)
        chosen = headers.forwarded(
            request_headers, session=session, request_id=request_id, allowed=self.config.allowed_headers
        )
        body = await read_body(receive, max_bytes=limit)
        status = 0

        async def serve() -> None:
            nonlocal status
            async with self.pool.lease(session) as process:
                status = await self.forwarder.forward(
                    send,
                    port=process.port,
                    request_headers=chosen,
                    body=body,
                    session=session,
                    request_id=request_id,
                )

        try:
            await while_connected(receive, serve())
        except StreamBrokenError:
            # Returning without an end makes the server cut the connection: the client must not take what it has for
            # the whole answer.
            logger.warning("request_id=<%s> | the agent broke off in the middle of its answer", request_id)
            return
        elapsed = (time.monotonic() - began) * 1000
        logger.info("request_id=<%s>, status=<%d>, ms=<%.0f>", request_id, status, elapsed)

    async def _reload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take over the recorded authorizer, unless it belongs to a version that the endpoints do not serve yet.

        Whatever else changed in the version that they serve needs a new start here.
        """
        given = Headers(scope=scope).get("x-local-secret", "")
        if not self.secret or not hmac.compare_digest(given.encode(), self.secret.encode()):
            raise not_found("There is nothing here.")
        try:
            recorded = await asyncio.to_thread(self.read_again)
        except OtherVersionPinned as failure:
            if failure.pinned != self.config.version:
                raise _not_taken(str(failure)) from failure
            logger.info("arn=<%s>, version=<%s> | endpoints stay on their version", self.config.arn, failure.pinned)
            await JSONResponse({"version": self.config.version})(scope, receive, send)
            return
        except StandInError as failure:
            raise _not_taken(str(failure)) from failure
        same_keys = recorded.authorizer.discovery_url == self.config.authorizer.discovery_url
        if not same_keys or replace(recorded, authorizer=self.config.authorizer) != self.config:
            raise _not_taken("More than the authorizer has changed: start anew with `make down up`.")
        self.config, self.authorizer = recorded, JwtAuthorizer(recorded.authorizer, keys=self.keys)
        logger.info("arn=<%s> | authorizer read again", recorded.arn)
        await JSONResponse({"version": recorded.version})(scope, receive, send)

    def _check_target(self, arn: str, query: QueryParams) -> None:
        qualifiers = query.getlist("qualifier")
        if len(qualifiers) > 1:
            raise bad_request("qualifier was given more than once.")
        endpoint = qualifiers[0] if qualifiers else DEFAULT_ENDPOINT
        if arn != self.config.arn:
            raise not_found("No such runtime.")
        if endpoint not in self.config.endpoints:
            raise not_found("The runtime has no such endpoint.")


def _not_taken(why: str) -> RequestError:
    return RequestError(status=409, code="not_reloaded", message=why)
