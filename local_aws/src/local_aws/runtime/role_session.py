"""Credentials of the execution role, for the stand-in and for the session processes."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_aws.runtime.errors import StandInError

logger = logging.getLogger(__name__)

_SERVICE: Final = "bedrock-agentcore.amazonaws.com"
_REFRESH_BEFORE: Final = timedelta(minutes=20)
"""How early to renew. botocore asks again on every use once fewer than 15 minutes are left."""


class RoleSessionError(StandInError):
    """The execution role's session cannot be opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleCredentials:
    """What the container credentials protocol hands out."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    token: str = field(repr=False)
    expiration: datetime

    def document(self) -> dict[str, str]:
        """Return them in the protocol's form."""
        return {
            "AccessKeyId": self.access_key_id,
            "SecretAccessKey": self.secret_access_key,
            "Token": self.token,
            "Expiration": self.expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


class RoleSession:
    """Assumes the execution role as AgentCore does, and keeps the session until it is about to expire.

    Args:
        endpoint_url: The emulator.
        secret: Shared with the emulator; whoever has it may act as an AWS service there.
        role_arn: The execution role.
        source_arn: The runtime, which the role's trust policy may name.
        client: For asking.
        now: The current time.
    """

    def __init__(
        self,
        *,
        endpoint_url: str,
        secret: str,
        role_arn: str,
        source_arn: str,
        client: httpx.AsyncClient,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._url = f"{endpoint_url}/_local/service-session"
        self._secret = secret
        self._request = {
            "role_arn": role_arn,
            "service": _SERVICE,
            "source_arn": source_arn,
            "source_account": source_arn.split(":")[4],
            "session_name": "BedrockAgentCore",
        }
        self._client = client
        self._now = now
        self._credentials: RoleCredentials | None = None
        self._lock = asyncio.Lock()

    async def credentials(self) -> RoleCredentials:
        """Return credentials that stay valid for some time.

        Raises:
            RoleSessionError: If the role does not trust the service, or the emulator does not answer.
        """
        async with self._lock:
            known = self._credentials
            if known is None or known.expiration - self._now() < _REFRESH_BEFORE:
                self._credentials = known = await self._open()
            return known

    async def _open(self) -> RoleCredentials:
        role = self._request["role_arn"]
        try:
            response = await self._client.post(
                self._url, json=self._request, headers={"X-Local-Secret": self._secret}, timeout=5.0
            )
            if response.status_code == httpx.codes.FORBIDDEN:
                raise RoleSessionError(f"{role} does not trust {_SERVICE} for {self._request['source_arn']}")
            response.raise_for_status()
            answer = response.json()
            return RoleCredentials(
                access_key_id=answer["AccessKeyId"],
                secret_access_key=answer["SecretAccessKey"],
                token=answer["Token"],
                expiration=datetime.fromisoformat(answer["Expiration"]),
            )
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as failure:
            raise RoleSessionError(f"{role}: no session from the emulator ({type(failure).__name__})") from failure


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialGrant:
    """What one session process needs to fetch credentials."""

    path: str
    token: str = field(repr=False)


class CredentialDesk:
    """The endpoint where session processes fetch the role's credentials, each with a path and token of its own.

    Args:
        session: Where they come from.
    """

    def __init__(self, session: RoleSession) -> None:
        self._session = session
        self._tokens: dict[str, str] = {}  # by path segment
        self.app = Starlette(routes=[Route("/credentials/{desk_id}", self._serve)])

    def issue(self) -> CredentialGrant:
        """Admit one more process."""
        desk_id = secrets.token_urlsafe(12)
        self._tokens[desk_id] = secrets.token_urlsafe(32)
        return CredentialGrant(path=f"/credentials/{desk_id}", token=self._tokens[desk_id])

    def revoke(self, grant: CredentialGrant) -> None:
        """Admit a process no longer."""
        self._tokens.pop(grant.path.rpartition("/")[2], None)

    async def _serve(self, request: Request) -> Response:
        expected = self._tokens.get(request.path_params["desk_id"])
        given = request.headers.get("authorization", "")
        if expected is None or not hmac.compare_digest(given.encode(), expected.encode()):
            return JSONResponse({"Code": "AccessDenied", "Message": "not admitted"}, status_code=403)
        try:
            credentials = await self._session.credentials()
        except RoleSessionError as failure:
            logger.warning("error=<%s> | no credentials for a session process", failure)
            return JSONResponse({"Code": "Unavailable", "Message": "no role session"}, status_code=503)
        return JSONResponse(credentials.document())
