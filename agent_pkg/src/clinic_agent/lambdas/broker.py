"""The credentials broker: exchanges an access token for credentials of that token's tenant, and of no other.

It is the only principal that the tenant role trusts. Its callers (the runtime's execution role, the tool Lambdas) send
a token and nothing else; who they are does not matter.
"""

import hashlib
import logging
import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from clinic_agent.aws_errors import as_agent_error, error_code
from clinic_agent.contract import check_contract
from clinic_agent.errors import AgentError, Forbidden, NotAuthenticated, Throttled, Unavailable
from clinic_agent.identity import SigningKeys, TenantContext, TokenVerifier, TrustedIssuer
from clinic_agent.keys import InvalidKey
from clinic_agent.lambdas.registry import CLIENT_CONFIG, NotActive, Registry
from clinic_agent.lambdas.tier_table import tier_settings
from clinic_agent.metering import MetricsLog, RefusalEvent, RefusalSink

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

check_contract(os.environ)  # when the function starts: on a platform of another contract it takes no request

Answer = dict[str, Any]

_STATUS: Final = {
    "invalid_token": NotAuthenticated.status,
    "tenant_suspended": Forbidden.status,
    "tier_mismatch": Forbidden.status,
    "throttled": Throttled.status,
    "unavailable": Unavailable.status,
}
"""HTTP status that stands for each refusal, for metrics."""


def handler(event: Any, context: object) -> Answer:
    """Answer `{"token": …}` with credentials and tier settings, or with `{"error": {"code", "message"}}`."""
    return _broker().answer(event, request_id=str(getattr(context, "aws_request_id", "")))


class CredentialsBroker:
    """Verifies, checks the registry, assumes the tenant role."""

    def __init__(
        self,
        *,
        verifier: TokenVerifier,
        registry: Registry,
        sts: Any,
        role_arn: str,
        session_seconds: int,
        tiers: Mapping[str, Mapping[str, Any]],
        refusal_sink: RefusalSink,
    ) -> None:
        self._verifier = verifier
        self._registry = registry
        self._sts = sts  # a boto3 STS client with the broker's own role
        self._role_arn = role_arn
        self._session_seconds = session_seconds
        self._tiers = tiers
        self._refusal_sink = refusal_sink

    def answer(self, event: Any, *, request_id: str = "") -> Answer:
        """Answer one request. Never raises for what a caller can send; refusals are typed, logged and metered."""
        token = event.get("token") if isinstance(event, dict) else None
        tenant: TenantContext | None = None
        try:
            if isinstance(token, str):
                tenant = self._verifier.verify(token)
            answer = _refused("invalid_token", "token: must be a string") if tenant is None else self._grant(tenant)
        except (AgentError, NotActive, InvalidKey, ClientError, BotoCoreError) as error:
            answer = _refusal(error)
        if "error" in answer:
            code = answer["error"]["code"]
            logger.warning("code=<%s> | credentials refused", code)
            self._refusal_sink(
                RefusalEvent(
                    layer="broker",
                    request_id=request_id,
                    error_code=code,
                    error_status=_STATUS[code],
                    tenant=tenant,
                )
            )
        return answer

    def _grant(self, tenant: TenantContext) -> Answer:
        membership = self._registry.active_membership(tenant.user_id)
        if membership.clinic_id != tenant.clinic_id:
            # The user has moved to another clinic since the token was issued.
            return _refused("tenant_suspended", "The clinic or the user is not active.")
        settings = self._tiers.get(tenant.tier)
        if membership.tier != tenant.tier or settings is None:
            return _refused("tier_mismatch", "The token's tier is not the clinic's.")
        credentials = self._assume(tenant)
        return {
            "credentials": {
                "access_key_id": credentials["AccessKeyId"],
                "secret_access_key": credentials["SecretAccessKey"],
                "session_token": credentials["SessionToken"],
                "expires_at": credentials["Expiration"].isoformat(),
            },
            "tier": dict(settings),
        }

    def _assume(self, tenant: TenantContext) -> dict[str, Any]:
        tags = {"Tier": tenant.tier, "ClinicId": tenant.clinic_id, "UserId": tenant.user_id}
        response = self._sts.assume_role(
            RoleArn=self._role_arn,
            RoleSessionName=session_name(tenant),
            DurationSeconds=self._session_seconds,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            TransitiveTagKeys=list(tags),
            SourceIdentity=tenant.user_id,
        )
        credentials: dict[str, Any] = response["Credentials"]
        return credentials


def session_name(tenant: TenantContext) -> str:
    """Build the role session name: the clinic, for bills and audit, and a hash of the user (49 of 64 characters)."""
    return f"{tenant.clinic_id}@{hashlib.sha256(tenant.user_id.encode()).hexdigest()[:16]}"


def _refusal(error: Exception) -> Answer:
    match error:
        case NotAuthenticated():
            return _refused("invalid_token", "The access token is not valid.")
        case NotActive() | InvalidKey():
            return _refused("tenant_suspended", "The clinic or the user is not active.")
        case Throttled():
            return _refused("throttled", "A limit was met.")
        case AgentError():
            return _refused("unavailable", "The token cannot be verified at the moment.")
        case _:
            logger.error("error=<%s> | AWS call failed", error_code(error))
            throttled = isinstance(as_agent_error(error, part="sts"), Throttled)
            return _refused("throttled" if throttled else "unavailable", "Credentials cannot be issued at the moment.")


def _refused(code: str, message: str) -> Answer:
    return {"error": {"code": code, "message": message}}


@lru_cache(maxsize=1)
def _broker() -> CredentialsBroker:
    environment = os.environ
    trusted = TrustedIssuer(issuer=environment["TOKEN_ISSUER"], client_id=environment["TOKEN_CLIENT_ID"])
    return CredentialsBroker(
        verifier=TokenVerifier(trusted, SigningKeys(environment["TOKEN_JWKS_URL"])),
        registry=Registry(client=boto3.client("dynamodb", config=CLIENT_CONFIG), table=environment["REGISTRY_TABLE"]),
        sts=boto3.client("sts", config=CLIENT_CONFIG),
        role_arn=environment["TENANT_ROLE_ARN"],
        session_seconds=int(environment["SESSION_SECONDS"]),
        tiers=tier_settings(environment["TIERS"]),
        refusal_sink=MetricsLog(platform=environment["PLATFORM_NAME"]).refusal,
    )
