"""The tenancy guard: who is asking, is this session theirs, and with which credentials will it be served."""

import asyncio
from dataclasses import dataclass

from clinic_agent.credentials import TenantSession, TenantSessions
from clinic_agent.errors import Forbidden
from clinic_agent.identity import TenantContext, TokenVerifier, bearer_token


class SessionPin:
    """Binds this process to the first verified owner that it serves.

    AgentCore gives every session a microVM of its own, but lets any caller with a valid token into it who knows the
    session id. So the process remembers its owner, for good.
    """

    def __init__(self) -> None:
        self._owner: tuple[str, ...] | None = None

    def claim(self, tenant: TenantContext) -> None:
        """Take the process for the caller's owner, or check that it is theirs.

        Raises:
            Forbidden: If it is another owner's: another user, or the same one under another clinic, tier or client.
        """
        if self._owner is None:
            self._owner = tenant.owner
        elif self._owner != tenant.owner:
            raise Forbidden("session_owner", "This session belongs to somebody else. Start a session of your own.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A request that may go on: its verified caller, and the session that acts as that caller."""

    tenant: TenantContext
    session: TenantSession


class TenancyGuard:
    """Lets a request in, in this order: verify the token, pin the session, get the tenant's credentials."""

    def __init__(self, *, verifier: TokenVerifier, sessions: TenantSessions, pin: SessionPin) -> None:
        self._verifier = verifier
        self._sessions = sessions
        self._pin = pin

    async def identify(self, authorization: str | None) -> TenantContext:
        """Tell whose request it is by its `Authorization` header. A blocking call (keys) runs in a thread.

        Raises:
            AgentError: If there is no token that is trusted.
        """
        token = bearer_token(authorization)
        tenant = self._verifier.verify_if_key_known(token)
        return await asyncio.to_thread(self._verifier.verify, token) if tenant is None else tenant

    async def admit(self, tenant: TenantContext) -> Admission:
        """Admit a request of a verified caller. A blocking call (broker) runs in a thread.

        Raises:
            AgentError: If it may not go on.
        """
        self._pin.claim(tenant)
        session = self._sessions.cached(tenant)
        if session is None:
            session = await asyncio.to_thread(self._sessions.open, tenant)
        return Admission(tenant=tenant, session=session)
