"""Puts the stand-in together and serves it until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from dataclasses import dataclass, field
from typing import Final

import httpx

from local_aws.agentcore.authorizer import JwtAuthorizer
from local_aws.agentcore.errors import InvalidConfigError
from local_aws.agentcore.role_session import RoleSession
from local_aws.agentcore.serving import listen, serving
from local_aws.agentcore.signing_keys import SigningKeys
from local_aws.gateway.app import GatewayApp
from local_aws.gateway.clock import PolicyClock
from local_aws.gateway.control import Control
from local_aws.gateway.decisions import DecisionLog
from local_aws.gateway.gateway import Gateway, GatewayHolder
from local_aws.gateway.lambda_client import LambdaClient
from local_aws.gateway.limits import Throttle
from local_aws.gateway.mcp_server import McpServer, served_versions
from local_aws.gateway.mcp_sessions import McpSessions
from local_aws.gateway.recorded import read_gateway
from local_aws.gateway.settings import GatewaySettings
from local_aws.gateway.web_search import WebSearch
from local_aws.recorded_state import RecordedState, RecordedStateError

logger = logging.getLogger(__name__)

_REAP_SECONDS: Final = 5.0


@dataclass(slots=True, kw_only=True)
class GatewayBuilder:
    """Makes a gateway from the recorded state, and makes it again when the state has changed."""

    settings: GatewaySettings
    secret: str = field(repr=False)
    client: httpx.AsyncClient
    clock: PolicyClock
    decisions: DecisionLog
    web_search: WebSearch = field(default_factory=WebSearch.load)
    _roles: dict[tuple[str, str], RoleSession] = field(default_factory=dict)
    _keys: dict[str, SigningKeys] = field(default_factory=dict)

    async def build(self) -> Gateway:
        """Read the state.

        Raises:
            StandInError: If there is none, it asks for something that is not served here, or the gateway's role does
                not trust the service.
        """
        try:
            state = await asyncio.to_thread(RecordedState.load, self.settings.state)
        except RecordedStateError as failure:
            raise InvalidConfigError(field="state", problem=str(failure)) from failure
        config = read_gateway(state)
        served_versions(config.supported_versions)
        role = self._roles.get((config.role_arn, config.arn)) or RoleSession(
            endpoint_url=self.settings.aws_endpoint_url,
            secret=self.secret,
            role_arn=config.role_arn,
            source_arn=config.arn,
            client=self.client,
        )
        url = config.authorizer.discovery_url
        keys = self._keys.get(url) or SigningKeys(url, client=self.client)
        gateway = Gateway(
            config,
            authorizer=JwtAuthorizer(config.authorizer, keys=keys),
            functions=LambdaClient(
                endpoint_url=self.settings.aws_endpoint_url,
                region=self.settings.region,
                client=self.client,
                role=role,
            ),
            web_search=self.web_search,
            clock=self.clock,
            decisions=self.decisions,
            target_seconds=self.settings.target_timeout_seconds,
            interceptor_seconds=self.settings.interceptor_timeout_seconds,
        )
        await role.credentials()
        # Only now: what a refused state named is not kept. Known keys and sessions are, since a reload is no reason to
        # ask the issuer again.
        self._roles, self._keys = {(config.role_arn, config.arn): role}, {url: keys}
        return gateway


async def serve(settings: GatewaySettings, *, port: int, secret: str) -> None:
    """Serve a gateway until SIGTERM or SIGINT.

    Args:
        settings: What to serve, and where it finds AWS.
        port: The port on 127.0.0.1.
        secret: Shared with the emulator, see `RoleSession`; opens the control endpoints too.

    Raises:
        StandInError: If it cannot start.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    listener = listen(port)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(listener.close)
        decisions = stack.enter_context(contextlib.closing(DecisionLog(settings.log_dir / "decisions.log")))
        client = await stack.enter_async_context(emulator_client())
        builder = GatewayBuilder(
            settings=settings,
            secret=secret,
            client=client,
            clock=PolicyClock(settings.policy_clock),
            decisions=decisions,
        )
        holder = GatewayHolder(await builder.build())
        app = build_app(builder, holder)
        async with serving(app, listener):
            config = holder.current.config
            logger.info("arn=<%s>, tools=<%d>, port=<%d> | gateway ready", config.arn, len(config.tools), port)
            while not stop.is_set():
                app.sessions.reap(holder.current.config.session_seconds or 0)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _REAP_SECONDS)


def emulator_client() -> httpx.AsyncClient:
    """Make the one HTTP client: connections are kept, and there is no proxy and no .netrc.

    Everything it talks to is named in the configuration.
    """
    # The emulator closes idle connections after 5 s, and a request on one that is just being closed fails: be earlier.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=4.0)
    return httpx.AsyncClient(trust_env=False, limits=limits)


def build_app(builder: GatewayBuilder, holder: GatewayHolder) -> GatewayApp:
    """Put the HTTP interface together."""

    async def reload() -> str:
        holder.current = gateway = await builder.build()
        logger.info("arn=<%s>, tools=<%d> | state read again", gateway.config.arn, len(gateway.config.tools))
        return gateway.config.id

    return GatewayApp(
        holder=holder,
        server=McpServer(),
        sessions=McpSessions(),
        throttle=Throttle(builder.settings.limits),
        control=Control(secret=builder.secret, clock=builder.clock, reload=reload),
        max_payload_bytes=builder.settings.max_payload_bytes,
    )
