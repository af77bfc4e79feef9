"""Credentials of the role that the service assumes for a runtime or a gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx

from local_aws.agentcore.errors import StandInError

_SERVICE: Final = "bedrock-agentcore.amazonaws.com"
_REFRESH_BEFORE: Final = timedelta(minutes=20)
"""How early to renew. botocore asks again on every use once fewer than 15 minutes are left."""


class RoleSessionError(StandInError):
    """The role's session cannot be opened."""


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
    """Assumes a role as AgentCore does, and keeps the session until it is about to expire.

    Args:
        endpoint_url: The emulator.
        secret: Shared with the emulator; whoever has it may act as an AWS service there.
        role_arn: The execution role of a runtime, or the service role of a gateway.
        source_arn: The runtime or gateway, which the role's trust policy may name.
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
