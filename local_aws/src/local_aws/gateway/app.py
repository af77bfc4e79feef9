"""The stand-in's HTTP interface: what AWS has at `<gateway>.gateway.bedrock-agentcore.<region>.amazonaws.com`."""

from __future__ import annotations

import json
import logging
import time
import uuid
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from local_aws.agentcore.errors import RequestError, not_found
from local_aws.agentcore.requests import ClientGoneError, check_length, read_body, single, while_connected
from local_aws.gateway.control import Control
from local_aws.gateway.gateway import Caller, Gateway, GatewayHolder
from local_aws.gateway.interceptor import Answered
from local_aws.gateway.limits import Throttle
from local_aws.gateway.mcp_errors import McpRefusal, invalid_request, payload_too_large, session_not_found
from local_aws.gateway.mcp_server import McpServer, served_versions
from local_aws.gateway.mcp_sessions import McpSessions
from local_aws.gateway.messages import Message, parse_message, reply
from local_aws.gateway.principal import Principal, principal_of

logger = logging.getLogger(__name__)

_SESSION_HEADER: Final = "mcp-session-id"
_VERSION_HEADER: Final = "mcp-protocol-version"
_JSON_TYPES: Final = frozenset({"application/json", "application/*", "*/*"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayApp:
    """ASGI application of one gateway."""

    holder: GatewayHolder
    server: McpServer
    sessions: McpSessions
    throttle: Throttle
    control: Control
    max_payload_bytes: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request_id = str(uuid.uuid4())
        path: str = scope["path"]
        try:
            if path == "/mcp":
                response = await self._mcp(scope, receive, request_id=request_id)
            elif path == "/ping" and scope["method"] == "GET":
                response = JSONResponse({"status": "Healthy", "sessions": len(self.sessions)})
            elif path.startswith("/_local/"):
                response = await self.control.answer(scope, receive)
            else:
                raise not_found("There is nothing here.")
        except RequestError as failure:
            logger.info("request_id=<%s>, status=<%d>, code=<%s>", request_id, failure.status, failure.code)
            response = JSONResponse(failure.body(request_id), failure.status, failure.headers)
        except ClientGoneError:
            logger.info("request_id=<%s> | client hung up", request_id)
            return
        except Exception as failure:
            # Not logged with its traceback: a message of some library may quote the request.
            logger.error("request_id=<%s>, error=<%s> | internal error", request_id, type(failure).__qualname__)
            internal = RequestError(status=500, code="internal_error", message="Something went wrong.", retryable=True)
            response = JSONResponse(internal.body(request_id), internal.status)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Amzn-RequestId"] = request_id
        await response(scope, receive, send)

    async def _mcp(self, scope: Scope, receive: Receive, *, request_id: str) -> Response:
        gateway, headers = self.holder.current, Headers(scope=scope)
        principal = principal_of(await gateway.authorizer.authorize(single(headers, "authorization")))
        try:
            session = self._check_session(headers, gateway, principal)
            if scope["method"] == "DELETE" and session is not None:
                self.sessions.close(session)
                return Response(status_code=200)
            if scope["method"] != "POST":
                return Response(status_code=405, headers={"Allow": "POST, DELETE"})
            with self.throttle.slot(principal.tenant):
                raw = await self._read(headers, receive)
                found: list[Response] = []

                async def work() -> None:
                    found.append(await self._answer(raw, headers, gateway, principal, request_id=request_id))

                await while_connected(receive, work())
                return found[0]
        except McpRefusal as refusal:
            return _refused(refusal, request_id=request_id, message=None)

    def _check_session(self, headers: Headers, gateway: Gateway, principal: Principal) -> str | None:
        session, seconds = single(headers, _SESSION_HEADER), gateway.config.session_seconds
        if session is None:
            return None  # the service answers requests without a session too: each is authorized by itself
        if seconds is None:
            raise session_not_found()
        self.sessions.check(session, owner=principal.owner, seconds=seconds)
        return session

    async def _read(self, headers: Headers, receive: Receive) -> bytes:
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise invalid_request("Content-Type has to be application/json.", status=415)
        accepted = {kind.partition(";")[0].strip().lower() for kind in headers.get("accept", "*/*").split(",")}
        if accepted.isdisjoint(_JSON_TYPES):
            raise invalid_request("Accept has to admit application/json.", status=406)
        try:
            check_length(single(headers, "content-length"), max_bytes=self.max_payload_bytes)
            return await read_body(receive, max_bytes=self.max_payload_bytes)
        except RequestError as failure:
            if failure.status != 413:
                raise
            raise payload_too_large(self.max_payload_bytes) from failure

    async def _answer(
        self, raw: bytes, headers: Headers, gateway: Gateway, principal: Principal, *, request_id: str
    ) -> Response:
        began = time.monotonic()
        message: Message | None = None
        try:
            message = parse_message(raw)
            version = single(headers, _VERSION_HEADER)
            if version is not None and version not in served_versions(gateway.config.supported_versions):
                raise invalid_request("MCP-Protocol-Version names a version that is not served.")
            if message.method == "tools/call":
                self.throttle.count_call(principal.tenant)
            sent = {name: ", ".join(headers.getlist(name)) for name in headers}
            passed = await gateway.intercept(message, raw=raw.decode(), headers=sent)
            if isinstance(passed, Answered):
                return self._done(JSONResponse(passed.body, passed.status), message, request_id, began)
            if message.id is None:
                return self._done(Response(status_code=202), message, request_id, began)
            caller = Caller(
                principal=principal, headers=passed.headers, request_id=request_id, message_id=passed.message.id
            )
            result = await self.server.answer(passed.message, gateway=gateway, caller=caller, version=version)
        except McpRefusal as refusal:
            return self._done(
                _refused(refusal, request_id=request_id, message=message), message, request_id, began, refusal.code
            )
        response = _json(reply(message, result))
        if passed.message.method == "initialize" and gateway.config.session_seconds is not None:
            response.headers["Mcp-Session-Id"] = self.sessions.open(principal.owner)
        return self._done(response, message, request_id, began)

    @staticmethod
    def _done(response: Response, message: Message | None, request_id: str, began: float, code: str = "-") -> Response:
        logger.info(
            "request_id=<%s>, method=<%s>, status=<%d>, code=<%s>, ms=<%.1f>",
            request_id,
            # Only names that MCP has: a method's name is the client's text.
            message.method if message is not None and message.method in _METHODS else "other",
            response.status_code,
            code,
            (time.monotonic() - began) * 1000,
        )
        return response


_METHODS: Final = frozenset({"initialize", "notifications/initialized", "ping", "tools/list", "tools/call"})


def _refused(refusal: McpRefusal, *, request_id: str, message: Message | None) -> Response:
    status = refusal.status
    if message is not None and message.id is None and status == 200:
        status = 500  # to a notification there is no other answer
    body = refusal.body(request_id, message_id=None if message is None else message.id)
    return _json(body, status=status, headers=refusal.headers)


def _json(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(content, status, headers, media_type="application/json")
