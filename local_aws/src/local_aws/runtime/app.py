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

from local_aws.agentcore.errors import RequestError, StandInError, bad_request, not_found, unavailable
from local_aws.agentcore.requests import ClientGoneError, check_length, read_body, single, while_connected
from local_aws.runtime import headers
from local_aws.runtime.config import DEFAULT_ENDPOINT, RuntimeConfig
from local_aws.runtime.deployment import Deployer, Deployment, ServedVersion
from local_aws.runtime.invocation import Forwarder, StreamBrokenError
from local_aws.runtime.sessions import SessionPool

logger = logging.getLogger(__name__)

RELOAD_PATH: Final = "/_local/reload"
_INVOCATION: Final = re.compile(r"/runtimes/([^/]+)/invocations")


@dataclass(slots=True, kw_only=True)
class RuntimeApp:
    """ASGI application of one runtime."""

    config: RuntimeConfig
    deployment: Deployment
    deployer: Deployer
    pool: SessionPool
    forwarder: Forwarder
    secret: str = field(repr=False)
    read_again: Callable[[], RuntimeConfig]  # the recorded state as it is now; raises StandInError
    _reloading: asyncio.Lock = field(default_factory=asyncio.Lock)
    _before: frozenset[str] = frozenset()  # versions that endpoints served before they moved: the way back

    def __post_init__(self) -> None:
        """Let the pool begin sessions as the deployment says."""
        self._serve()

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
                endpoints = dict(self.deployment.endpoints)
                answer = {"status": "Healthy", "sessions": self.pool.counts(), "endpoints": endpoints}
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
        endpoint = self._endpoint(arn, QueryParams(scope["query_string"]))
        authorization = single(request_headers, "authorization")
        asked = self._served(self.deployment.endpoints[endpoint])
        await asked.authorizer.authorize(authorization)
        session = headers.session_id(request_headers)
        self.pool.check(session, endpoint=endpoint)  # before the body is read; the lease checks again
        limit = self.config.laptop.max_payload_bytes
        check_length(single(request_headers, "content-length"), max_bytes=limit)

        def passed_on(served: ServedVersion) -> list[tuple[bytes, bytes]]:
            allowed = served.version.allowed_headers
            return headers.forwarded(request_headers, session=session, request_id=request_id, allowed=allowed)

        chosen = passed_on(asked)
        body = await read_body(receive, max_bytes=limit)
        status = 0

        async def serve() -> None:
            nonlocal status
            async with self.pool.lease(session, endpoint=endpoint) as lease:
                served, given = self._served(lease.version), chosen
                if served is not asked:
                    # A session of before the endpoint moved. Its agent was promised its own authorizer and headers;
                    # the endpoint's present authorizer counts too, so that a stricter one does at once.
                    await served.authorizer.authorize(authorization)
                    given = passed_on(served)
                status = await self.forwarder.forward(
                    send,
                    port=lease.process.port,
                    request_headers=given,
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
        """Take over the recorded versions and endpoints, all of them or none. Sessions that live stay as they are."""
        given = Headers(scope=scope).get("x-local-secret", "")
        if not self.secret or not hmac.compare_digest(given.encode(), self.secret.encode()):
            raise not_found("There is nothing here.")
        async with self._reloading:
            try:
                recorded = await asyncio.to_thread(self.read_again)
                if recorded.arn != self.config.arn or recorded.laptop != self.config.laptop:
                    raise _not_taken("It is another runtime, or the laptop's settings changed: start anew.")
                deployment = await self.deployer.deploy(recorded)
            except RequestError:
                raise
            except StandInError as failure:
                raise _not_taken(str(failure)) from failure
            if recorded.endpoints != self.config.endpoints:
                self._before = frozenset(self.config.endpoints.values())
            self.config, self.deployment = recorded, deployment
            self._serve()
            self.pool.replenish()  # the first session after a promotion should not be a cold one
            await self._drop_unused()
        logger.info("arn=<%s>, endpoints=<%s> | endpoints read again", recorded.arn, dict(recorded.endpoints))
        answer = {
            "version": recorded.newest,
            "endpoints": dict(recorded.endpoints),
            "failed": dict(deployment.failed),
        }
        await JSONResponse(answer)(scope, receive, send)

    def _serve(self) -> None:
        fleets = {number: served.fleet for number, served in self.deployment.versions.items()}
        self.pool.serve(fleets, endpoints=self.deployment.endpoints, warm=self.deployment.warm)

    async def _drop_unused(self) -> None:
        """Drop versions that no endpoint serves or served before, and no session is on."""
        wanted = {*self.deployment.endpoints.values(), *self._before, *self.pool.versions_in_use()}
        versions = self.deployment.versions
        unused = versions.keys() - wanted
        self.pool.forget(unused)
        kept = {number: served for number, served in versions.items() if number not in unused}
        self.deployment = replace(self.deployment, versions=kept)
        await self.deployer.drop(unused, work_dir=self.config.laptop.work_dir)

    def _served(self, number: str) -> ServedVersion:
        """Return a version that endpoints or sessions are on.

        Raises:
            RequestError: 503 if its bundle cannot be had.
        """
        served = self.deployment.versions.get(number)
        if served is None:  # why is in the log, and in the answer to the reload
            raise unavailable("RuntimeStartFailed", "The version that this endpoint serves cannot be started.")
        return served

    def _endpoint(self, arn: str, query: QueryParams) -> str:
        """Return the endpoint that is asked for.

        Raises:
            RequestError: 404 if the runtime or the endpoint does not exist, 400 if two are named.
        """
        qualifiers = query.getlist("qualifier")
        if len(qualifiers) > 1:
            raise bad_request("qualifier was given more than once.")
        endpoint = qualifiers[0] if qualifiers else DEFAULT_ENDPOINT
        if arn != self.config.arn:
            raise not_found("No such runtime.")
        if endpoint not in self.deployment.endpoints:
            raise not_found("The runtime has no such endpoint.")
        return endpoint


def _not_taken(why: str) -> RequestError:
    return RequestError(status=409, code="not_reloaded", message=why)
