"""The tool Lambda behind the Gateway's target `clinic-data`: reads a clinic's data with that clinic's credentials.

It takes the caller from the token that the interceptor passed on, verified once more, and asks the broker for
credentials with it. Its own role may call the broker and nothing else.
"""

import json
import logging
import os
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import boto3
import botocore.loaders
from botocore.config import Config

from clinic_agent.contract import check_contract
from clinic_agent.credentials import LambdaBroker, TenantSessions
from clinic_agent.errors import AgentError, Internal, NotAuthenticated, NotFound
from clinic_agent.identity import SigningKeys, TenantContext, TokenVerifier, TrustedIssuer
from clinic_agent.lambdas.gateway_headers import ACCESS_TOKEN, AmbiguousHeader, request_id_of, value_of
from clinic_agent.metering import MetricsLog, RefusalEvent, RefusalSink
from clinic_agent.tools import TOOL_ARGUMENTS, ClinicData

MOST_SESSIONS: Final = 8
"""Owners whose credentials, clients and document index one instance keeps. An index holds a clinic's documents as text,
some MB for a few hundred pages."""
EXPIRED_ON_THE_WAY_SECONDS: Final = 60
"""How long ago a token may have expired that the interceptor let through: neither of the two waits long, but
both may have to start first. Such a caller signs in again; any other refused token never came by the Gateway."""
_BROKER_CONFIG: Final = Config(
    connect_timeout=3, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 2}
)

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

check_contract(os.environ)  # when the function starts: on a platform of another contract it takes no request

Answer = dict[str, Any]


class DirectCall(AgentError):
    """The function was invoked by something else than the Gateway.

    Told by what the caller cannot choose: a call without what the Gateway adds is one, and so is a call with that and
    no token that the interceptor would have let through.
    """

    status = 403

    def __init__(self) -> None:
        super().__init__("direct_call", "This function is a target of the AgentCore Gateway and serves nobody else.")


def handler(event: Any, context: Any) -> Answer:
    """Answer a tool call; `event` is the tool's arguments, everything else stands in the client context.

    Never raises: the answer is the tool's, or `{"error": {"code", "message", "retryable"}}`.
    Source: AgentCore developer guide, "Lambda function targets".
    """
    started = time.monotonic()
    custom = _custom(context)
    headers = _propagated_headers(custom)
    request_id = request_id_of(headers) or str(getattr(context, "aws_request_id", ""))
    tool = str(custom.get("bedrockAgentCoreToolName", "")).rpartition("___")[2]
    try:
        tools = _tools()
        answer, outcome = tools.answer(tool, event, headers if custom else None, request_id)
    except Exception as error:  # there is none to meter it: its environment is incomplete
        answer, outcome = _error(_failure(error, request_id)), "internal"
    logger.info(
        "tool=<%s>, outcome=<%s>, duration_ms=<%d>, request_id=<%s> | tool called",
        tool if tool in TOOL_ARGUMENTS else "",
        outcome,
        round((time.monotonic() - started) * 1000),
        request_id,
    )
    return answer


class Tools:
    """Verifies the caller, gets the caller's credentials, and runs the tool with them."""

    def __init__(
        self,
        *,
        verifier: TokenVerifier,
        sessions: TenantSessions,
        bucket: str,
        table: str,
        refusal_sink: RefusalSink,
    ) -> None:
        self._verifier = verifier
        self._sessions = sessions
        self._bucket = bucket
        self._table = table
        self._refusal_sink = refusal_sink

    def answer(
        self, tool: str, arguments: Any, headers: Mapping[str, Any] | None, request_id: str
    ) -> tuple[Answer, str]:
        """Run a tool by its bare name; also what to log of it. Never raises.

        Args:
            tool: Name of the tool.
            arguments: What the tool is asked.
            headers: What the Gateway passed on; None if the call has nothing of what it adds.
            request_id: The interceptor's.
        """
        tenant: TenantContext | None = None
        try:
            if headers is None:
                raise DirectCall
            tenant = self._tenant(headers)
            return self._call(tool, arguments, tenant), "answered"
        except NotFound as error:
            return _error(error), error.code  # an answer as good as any
        except AgentError as error:
            refusal = error
        except Exception as error:
            refusal = _failure(error, request_id)
        self._refusal_sink(
            RefusalEvent(
                layer="gateway",
                request_id=request_id,
                error_code=refusal.code,
                error_status=refusal.status,
                tenant=tenant,
            )
        )
        return _error(refusal), refusal.code

    def _call(self, tool: str, arguments: Any, tenant: TenantContext) -> Answer:
        session = self._sessions.open(tenant)
        data = session.kept(
            ClinicData,
            lambda: ClinicData(session=session, clinic_id=tenant.clinic_id, bucket=self._bucket, table=self._table),
        )
        return data.call(tool, arguments)

    def _tenant(self, headers: Mapping[str, Any]) -> TenantContext:
        try:
            token = value_of(headers, ACCESS_TOKEN)
        except AmbiguousHeader:
            token = None
        if token is None:
            raise DirectCall
        try:
            return self._verifier.verify(token)
        except NotAuthenticated:
            if self._verifier.expired_within(token, EXPIRED_ON_THE_WAY_SECONDS):
                raise
            raise DirectCall from None


def _custom(context: Any) -> Mapping[str, Any]:
    """Return what the Gateway tells in the client context; empty for a call that did not come from it."""
    client_context = getattr(context, "client_context", None)
    custom = getattr(client_context, "custom", None)
    return custom if isinstance(custom, Mapping) else {}


def _propagated_headers(custom: Mapping[str, Any]) -> Mapping[str, Any]:
    found = custom.get("bedrockAgentCorePropagatedHeaders")
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except (ValueError, RecursionError):
            found = None
    return found if isinstance(found, Mapping) else {}


def _failure(error: Exception, request_id: str) -> AgentError:
    # The class alone: messages and tracebacks can hold patient data.
    logger.error("error=<%s>, request_id=<%s> | tool failed", type(error).__name__, request_id)
    return Internal()


def _error(error: AgentError) -> Answer:
    return {"error": {"code": error.code, "message": error.message, "retryable": error.retryable}}


@lru_cache(maxsize=1)
def _tools() -> Tools:
    environment = os.environ
    trusted = TrustedIssuer(issuer=environment["TOKEN_ISSUER"], client_id=environment["TOKEN_CLIENT_ID"])
    broker = LambdaBroker(client=boto3.client("lambda", config=_BROKER_CONFIG), function=environment["BROKER_FUNCTION"])
    return Tools(
        verifier=TokenVerifier(trusted, SigningKeys(environment["TOKEN_JWKS_URL"])),
        sessions=TenantSessions(
            broker=broker,
            loader=botocore.loaders.create_loader(),
            region=environment["AWS_REGION"],
            most=MOST_SESSIONS,
        ),
        bucket=environment["DOCUMENTS_BUCKET"],
        table=environment["PATIENTS_TABLE"],
        refusal_sink=MetricsLog(platform=environment["PLATFORM_NAME"]).refusal,
    )
