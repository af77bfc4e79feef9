"""The Gateway's REQUEST interceptor: verifies the caller once more, and writes the only headers that name one.

It runs behind the Gateway's JWT authorizer and before the policy engine. Whatever it does not understand it refuses, by
an answer of its own: how the Gateway treats an interceptor that fails is not documented.

Tenant-looking headers are those whose name holds one of `_WORDS_ANYWHERE`, or one of `_WHOLE_WORDS` between hyphens or
underscores; `User-Agent` is none. No target may see them anyway (`allowed_request_headers`). They are emptied and not
left out, since it is not known whether the service replaces the headers by ours or merges them.
"""

import json
import logging
import os
import re
import time
import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from clinic_agent.contract import check_contract
from clinic_agent.errors import NotAuthenticated, Unavailable
from clinic_agent.identity import SigningKeys, TenantContext, TokenVerifier, TrustedIssuer, bearer_token
from clinic_agent.lambdas.gateway_headers import ACCESS_TOKEN, REQUEST_ID, AmbiguousHeader, value_of
from clinic_agent.lambdas.mcp_messages import Refusal, check_message, message_id
from clinic_agent.metering import MetricsLog, RefusalEvent, RefusalSink

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

check_contract(os.environ)  # when the function starts: on a platform of another contract it takes no request

Answer = dict[str, Any]

_OURS: Final = {ACCESS_TOKEN.lower(), REQUEST_ID.lower()}
_KEPT: Final = frozenset({"user-agent"})
_WORDS_ANYWHERE: Final = ("tenant", "clinic", "tier", "customer", "actor", "principal", "patient", "impersonat")
_WHOLE_WORDS: Final = frozenset(
    {
        "user",
        "userid",
        "username",
        "sub",
        "subject",
        "account",
        "org",
        "organisation",
        "organization",
        "owner",
        "identity",
    }
    | {"role", "roles", "group", "groups", "scope", "claims", "baggage", "s3"}
)


def handler(event: Any, context: object) -> Answer:
    """Answer AgentCore's interceptor event, version 1.0, with the request to go on with, or with a refusal.

    Source: AgentCore developer guide, "Gateway interceptors".
    """
    started = time.monotonic()
    request_id = str(uuid.uuid4())  # never the client's: it is to be found in our logs alone
    try:
        answer, said = _interceptor().answer(event, request_id)
    except Exception as error:  # there is none to meter it: its environment is incomplete
        failed = _failure(error, request_id)
        answer, said = _refused(failed, None, request_id), failed.code
    duration_ms = round((time.monotonic() - started) * 1000)
    logger.info("outcome=<%s>, duration_ms=<%d>, request_id=<%s> | gateway request", said, duration_ms, request_id)
    return answer


class Interceptor:
    """Lets a request pass with our headers, or refuses it."""

    def __init__(
        self, *, verifier: TokenVerifier, tool_arguments: Mapping[str, frozenset[str]], refusal_sink: RefusalSink
    ) -> None:
        """Make the interceptor.

        Args:
            verifier: Knows whose tokens are accepted.
            tool_arguments: The arguments of each tool, by its wire name `<target>___<tool>`.
            refusal_sink: Meters refusals.
        """
        self._verifier = verifier
        self._tool_arguments = tool_arguments
        self._refusal_sink = refusal_sink

    def answer(self, event: Any, request_id: str) -> tuple[Answer, str]:
        """Answer one event; also what to log of it. Never raises."""
        body: Any = None
        tenant: TenantContext | None = None
        try:
            request = event["mcp"]["gatewayRequest"]
            body = request.get("body")
            tenant = self._tenant(request.get("headers"))
            return self._passed(request, tenant, request_id)
        except Refusal as found:
            refusal = found
        except Exception as error:
            refusal, body = _failure(error, request_id), None
        self._refusal_sink(
            RefusalEvent(
                layer="gateway",
                request_id=request_id,
                error_code=refusal.code,
                error_status=refusal.status,
                tenant=tenant,
            )
        )
        return _refused(refusal, body, request_id), refusal.code

    def _passed(self, request: Any, tenant: TenantContext, request_id: str) -> tuple[Answer, str]:
        headers, body = request.get("headers"), request.get("body")
        said = check_message(body, method=request.get("httpMethod"), tool_arguments=self._tool_arguments)
        transformed: Answer = {"headers": _headers(headers, {ACCESS_TOKEN: tenant.token, REQUEST_ID: request_id})}
        if body is not None:
            transformed["body"] = body
        return _version({"transformedGatewayRequest": transformed}), said

    def _tenant(self, headers: Any) -> TenantContext:
        try:
            return self._verifier.verify(bearer_token(value_of(headers, "Authorization")))
        except (NotAuthenticated, AmbiguousHeader):
            raise Refusal(401, -32001, "invalid_token", NotAuthenticated().message) from None
        except Unavailable as error:
            raise Refusal(503, -32603, error.code, error.message, retryable=True) from None


def _headers(sent: Mapping[str, Any], ours: Mapping[str, str]) -> dict[str, str]:
    """Empty what looks like a tenant, then set ours: in every spelling that the client used, and last in our own."""
    by_name = {name.lower(): value for name, value in ours.items()}
    emptied = {name: by_name.get(name.lower(), "") for name in sent if _looks_like_a_tenant(name)}
    return {**{name: value for name, value in emptied.items() if name not in ours}, **ours}


def _looks_like_a_tenant(name: str) -> bool:
    name = name.lower()
    if name in _KEPT:
        return False
    return (
        name in _OURS
        or any(word in name for word in _WORDS_ANYWHERE)
        or not _WHOLE_WORDS.isdisjoint(re.split(r"[^a-z0-9]+", name))
    )


def _failure(error: Exception, request_id: str) -> Refusal:
    # The class alone: a traceback can hold headers.
    logger.error("error=<%s>, request_id=<%s> | interceptor failed", type(error).__name__, request_id)
    message = "The request cannot be checked at the moment."
    return Refusal(500, -32603, "interceptor_failed", message, retryable=True)


def _refused(refusal: Refusal, body: Any, request_id: str) -> Answer:
    error = {
        "code": refusal.number,
        "message": refusal.message,
        "data": {"code": refusal.code, "retryable": refusal.retryable, "request_id": request_id},
    }
    response = {
        "statusCode": refusal.status,
        "body": {"jsonrpc": "2.0", "id": message_id(body), "error": error},
    }
    return _version({"transformedGatewayResponse": response})


def _version(mcp: Answer) -> Answer:
    return {"interceptorOutputVersion": "1.0", "mcp": mcp}


@lru_cache(maxsize=1)
def _interceptor() -> Interceptor:
    environment = os.environ
    trusted = TrustedIssuer(issuer=environment["TOKEN_ISSUER"], client_id=environment["TOKEN_CLIENT_ID"])
    arguments = json.loads(environment["TOOL_ARGUMENTS"])
    return Interceptor(
        verifier=TokenVerifier(trusted, SigningKeys(environment["TOKEN_JWKS_URL"])),
        tool_arguments={tool: frozenset(names) for tool, names in arguments.items()},
        refusal_sink=MetricsLog(platform=environment["PLATFORM_NAME"]).refusal,
    )
