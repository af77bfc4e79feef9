"""Puts the stand-in together and serves it until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import signal
from pathlib import Path
from typing import Final

import httpx

from local_aws.agentcore.serving import HOST, listen, serving
from local_aws.runtime.agent_log import AgentLog
from local_aws.runtime.app import RuntimeApp
from local_aws.runtime.config import RuntimeConfig, load_config
from local_aws.runtime.credential_desk import CredentialDesk
from local_aws.runtime.deployment import Deployer
from local_aws.runtime.invocation import Forwarder
from local_aws.runtime.process import Launcher
from local_aws.runtime.sessions import SessionLimits, SessionPool

logger = logging.getLogger(__name__)

_REAP_SECONDS: Final = 1.0


async def serve(config_file: Path, *, port: int, secret: str) -> None:
    """Serve a runtime until SIGTERM or SIGINT; then end all its processes.

    Args:
        config_file: What to serve; read again on request.
        port: The port on 127.0.0.1.
        secret: Shared with the emulator, see `RoleSession`.

    Raises:
        StandInError: If it cannot start.
    """

    def read_again() -> RuntimeConfig:
        return load_config(config_file)

    config = read_again()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    listener = listen(port)
    # No proxy, no .netrc: everything it talks to is named in its configuration.
    async with httpx.AsyncClient(trust_env=False) as client, contextlib.AsyncExitStack() as stack:
        # No connections are kept: a session's server closes idle ones when it likes, and a request that is sent on
        # one that is just being closed fails. A new one takes 0.3 ms.
        agents = await stack.enter_async_context(
            httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_connections=None, max_keepalive_connections=0))
        )
        agents.headers.clear()  # the agent gets the client's headers, not httpx's
        desk, desk_listener = CredentialDesk(), listen(0)
        await stack.enter_async_context(serving(desk.app, desk_listener))
        log = stack.enter_context(contextlib.closing(AgentLog(config.laptop.log_dir / "runtime.log")))
        # Left by a stand-in that was killed.
        sessions_dir = config.laptop.work_dir.resolve() / "sessions"
        await asyncio.to_thread(shutil.rmtree, sessions_dir, ignore_errors=True)
        deployer = Deployer(
            laptop_client=client,
            launcher=Launcher(desk=desk, client=agents, log=log),
            secret=secret,
            credentials_url=f"http://{HOST}:{desk_listener.getsockname()[1]}",
        )
        deployment = await deployer.deploy(config)
        limits = SessionLimits(max_sessions=config.laptop.max_sessions, warm_spares=config.laptop.warm_spares)
        pool = SessionPool(limits=limits)
        stack.push_async_callback(pool.close)
        app = RuntimeApp(
            config=config,
            deployment=deployment,
            deployer=deployer,
            secret=secret,
            read_again=read_again,
            pool=pool,
            forwarder=Forwarder(
                client=agents,
                connect_timeout_seconds=config.laptop.connect_timeout_seconds,
                stream_timeout_seconds=config.laptop.stream_timeout_seconds,
            ),
        )
        async with serving(app, listener):
            logger.info("arn=<%s>, port=<%d> | runtime ready", config.arn, port)
            pool.replenish()
            while not stop.is_set():
                pool.reap()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _REAP_SECONDS)
            # Before the server stops: it waits for its requests, and those end when the sessions do.
            await pool.close()
