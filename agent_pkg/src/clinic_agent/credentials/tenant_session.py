"""boto3 sessions that act as one tenant, kept per whole identity and renewed while they are used."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, TypeVar

import boto3
import botocore.session
from botocore.credentials import RefreshableCredentials

from clinic_agent.credentials.broker import Broker
from clinic_agent.credentials.grant import TierSettings
from clinic_agent.identity import TenantContext

ADVISORY_SECONDS: Final = 180
"""Remaining life below which credentials are renewed if that works."""
MANDATORY_SECONDS: Final = 60
"""Remaining life below which a call fails rather than use the old ones.

botocore's own windows are 900 and 600 s: with credentials that live 900 s it would renew them at every use.
"""

Kept = TypeVar("Kept")


class TenantSession:
    """One owner's boto3 session. Clients made from it go on working while the credentials behind them are renewed."""

    def __init__(self, *, tenant: TenantContext, broker: Broker, loader: Any, region: str) -> None:
        """Ask the broker for first credentials (one blocking call).

        Args:
            tenant: The verified caller.
            broker: Where credentials come from.
            loader: A botocore `Loader`, shared by all sessions so that service models are parsed once a process.
            region: AWS region.

        Raises:
            AgentError: As `Broker.grant`.
        """
        self._broker = broker
        self._tenant = tenant
        grant = broker.grant(tenant.token)
        self.tier: TierSettings = grant.tier
        self._credentials = RefreshableCredentials.create_from_metadata(
            grant.as_metadata(),
            refresh_using=self._renew,
            method="tenant-broker",
            advisory_timeout=ADVISORY_SECONDS,
            mandatory_timeout=MANDATORY_SECONDS,
        )
        session = botocore.session.get_session()
        session.register_component("data_loader", loader)
        session._credentials = self._credentials  # there is no public way to give a session refreshable credentials
        self.boto3 = boto3.Session(botocore_session=session, region_name=region)
        self._kept: dict[type, Any] = {}
        self._lock = threading.Lock()

    @property
    def owner(self) -> tuple[str, ...]:
        """Whose credentials these are."""
        return self._tenant.owner

    @property
    def token(self) -> str:
        """The access token of the owner's latest request."""
        return self._tenant.token

    def kept(self, kind: type[Kept], make: Callable[[], Kept]) -> Kept:
        """Return the one object of a class that is kept with this session, made at first use.

        For what is read with these credentials, or made of them: it lives exactly as long as the session does.
        """
        with self._lock:
            if kind not in self._kept:
                self._kept[kind] = make()
            found: Kept = self._kept[kind]
            return found

    def present(self, tenant: TenantContext) -> None:
        """Note the token of the owner's latest request: later renewals are asked for with it.

        Raises:
            ValueError: If the token is another owner's. That would be a mistake of ours, never of a caller.
        """
        if tenant.owner != self.owner:
            raise ValueError("a tenant session was given another owner's token")
        self._tenant = tenant

    @property
    def needs_renewal(self) -> bool:
        """Whether the next use would renew the credentials, with a blocking call."""
        return bool(self._credentials.refresh_needed(ADVISORY_SECONDS))

    def renew_if_needed(self) -> None:
        """Renew the credentials if they are about to expire.

        Raises:
            AgentError: As `Broker.grant`, if renewal failed and the old credentials are too old to go on with.
        """
        self._credentials.get_frozen_credentials()

    def _renew(self) -> dict[str, str]:
        return self._broker.grant(self._tenant.token).as_metadata()


class TenantSessions:
    """The tenant sessions of a process, by whole identity, bounded. Never made at import: a snapshot would share it."""

    def __init__(self, *, broker: Broker, loader: Any, region: str, most: int = 16) -> None:
        self._broker = broker
        self._loader = loader
        self._region = region
        self._most = most
        self._lock = threading.Lock()
        self._sessions: OrderedDict[tuple[str, ...], TenantSession] = OrderedDict()

    def cached(self, tenant: TenantContext) -> TenantSession | None:
        """Return the owner's session if it can be used without a blocking call."""
        session = self._find(tenant)
        return None if session is None or session.needs_renewal else session

    def open(self, tenant: TenantContext) -> TenantSession:
        """Return the owner's session, made or renewed if need be (one blocking call to the broker).

        Raises:
            AgentError: As `Broker.grant`.
        """
        session = self._find(tenant)
        if session is not None:
            session.renew_if_needed()
            return session
        session = TenantSession(tenant=tenant, broker=self._broker, loader=self._loader, region=self._region)
        with self._lock:
            session = self._sessions.setdefault(tenant.owner, session)
            while len(self._sessions) > self._most:
                self._sessions.popitem(last=False)
        return session

    def _find(self, tenant: TenantContext) -> TenantSession | None:
        """Return the owner's session, told of the latest token and marked as used, whatever its credentials' age."""
        with self._lock:
            session = self._sessions.get(tenant.owner)
            if session is not None:
                session.present(tenant)
                self._sessions.move_to_end(tenant.owner)
            return session
