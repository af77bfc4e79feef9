"""One session's process: what is a microVM on AWS."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from local_aws.agentcore.errors import RequestError, unavailable
from local_aws.agentcore.role_session import RoleSession
from local_aws.runtime.agent_log import AgentLog
from local_aws.runtime.credential_desk import CredentialDesk, CredentialGrant
from local_aws.stack.processes import base_interpreter, free_port, guarded, kill_group

logger = logging.getLogger(__name__)

_BOOTSTRAP: Final = Path(__file__).with_name("bootstrap.py")
_POLL_SECONDS: Final = 0.02
_HOST_ENVIRONMENT: Final = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPlan:
    """What all session processes of one runtime version have in common."""

    role: RoleSession = field(repr=False)
    bundle: Path
    entry_point: str
    environment: Mapping[str, str] = field(repr=False)
    sessions_dir: Path  # each process gets an empty directory in it
    credentials_url: str  # of the credential desk, without the path
    start_timeout_seconds: float
    stop_grace_seconds: float  # between SIGTERM and SIGKILL


class AgentProcess:
    """A running agent. `Launcher.start` makes it."""

    def __init__(
        self,
        *,
        process: asyncio.subprocess.Process,
        port: int,
        directory: Path,
        output: asyncio.Task[None],
        grace_seconds: float,
    ) -> None:
        self._grace_seconds = grace_seconds
        self._process = process
        self._directory = directory
        self._output = output
        self._stopped = asyncio.Lock()
        self.port = port

    @property
    def pid(self) -> int:
        """The id of the guard that holds the agent."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.returncode is None

    async def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL if that does not help. Does nothing the second time."""
        async with self._stopped:
            if self._process.stdin is not None:
                self._process.stdin.close()  # which tells the guard
            try:
                async with asyncio.timeout(self._grace_seconds + 2):
                    await self._process.wait()
            except TimeoutError:
                logger.warning("pid=<%d> | guard does not end, killed", self._process.pid)
                self._process.kill()
                await self._process.wait()
            kill_group(self._process.pid)
            await self._output
            shutil.rmtree(self._directory, ignore_errors=True)


class Launcher:
    """Starts agents.

    Args:
        desk: Where they get their credentials.
        client: For asking whether they are up.
        log: Takes their output.
    """

    def __init__(self, *, desk: CredentialDesk, client: httpx.AsyncClient, log: AgentLog) -> None:
        self._desk = desk
        self._client = client
        self._log = log
        self._ports: set[int] = set()
        self._grants: dict[AgentProcess, CredentialGrant] = {}

    async def start(self, plan: LaunchPlan) -> AgentProcess:
        """Start an agent and wait until it answers `/ping`.

        Raises:
            RequestError: 502 if it ends at once, 503 if it does not answer in time. Its output is in the log only.
        """
        try:
            return await self._start_once(plan)
        except _EndedAtOnceError:
            # Most likely it is the bundle, but the port may also have been taken between choosing and using it.
            try:
                return await self._start_once(plan)
            except _EndedAtOnceError as failure:
                raise RequestError(
                    status=502, code="RuntimeStartFailed", message="The agent ended before it was healthy."
                ) from failure

    async def stop(self, process: AgentProcess) -> None:
        """Stop an agent and take back what it was given."""
        if (grant := self._grants.pop(process, None)) is not None:
            self._desk.revoke(grant)
        try:
            await process.stop()
        finally:
            self._ports.discard(process.port)

    async def _start_once(self, plan: LaunchPlan) -> AgentProcess:
        grant = self._desk.issue(plan.role)
        try:
            process = await self._spawn(plan, grant)
        except BaseException:
            self._desk.revoke(grant)
            raise
        self._grants[process] = grant
        try:
            await self._wait_healthy(plan, process)
        except BaseException:
            # Also when the client gave up waiting: the process has served nobody, and nobody knows of it.
            await asyncio.shield(self.stop(process))
            raise
        return process

    async def _spawn(self, plan: LaunchPlan, grant: CredentialGrant) -> AgentProcess:
        port = free_port()
        while port in self._ports:  # chosen for another process that does not listen yet: it would answer for this one
            port = free_port()
        self._ports.add(port)
        plan.sessions_dir.mkdir(parents=True, exist_ok=True)
        directory = Path(tempfile.mkdtemp(dir=plan.sessions_dir))
        command = [base_interpreter(), "-I", "-S", "-B", str(_BOOTSTRAP), str(plan.bundle), plan.entry_point]
        process = await asyncio.create_subprocess_exec(
            *guarded(command, grace_seconds=plan.stop_grace_seconds),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=directory,
            env=_environment(plan, grant, port=port, directory=directory),
            start_new_session=True,
        )
        if process.stdout is None:  # it is a pipe
            raise RuntimeError
        output = asyncio.create_task(self._log.copy(process.stdout))
        return AgentProcess(
            process=process, port=port, directory=directory, output=output, grace_seconds=plan.stop_grace_seconds
        )

    async def _wait_healthy(self, plan: LaunchPlan, process: AgentProcess) -> None:
        try:
            async with asyncio.timeout(plan.start_timeout_seconds):
                while True:
                    if not process.alive:
                        raise _EndedAtOnceError
                    if await self._is_healthy(process):
                        return
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError as failure:
            raise unavailable("RuntimeStartTimeout", "The agent did not become healthy in time.") from failure

    async def _is_healthy(self, process: AgentProcess) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            response = await self._client.get(f"http://127.0.0.1:{process.port}/ping", timeout=5.0)
            return response.is_success and process.alive
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionLauncher:
    """Starts agents of one version, for `SessionPool`."""

    launcher: Launcher
    plan: LaunchPlan

    async def start(self) -> AgentProcess:
        """Start one, see `Launcher.start`."""
        return await self.launcher.start(self.plan)

    async def stop(self, process: AgentProcess) -> None:
        """End one."""
        await self.launcher.stop(process)


def _environment(plan: LaunchPlan, grant: CredentialGrant, *, port: int, directory: Path) -> dict[str, str]:
    return {
        **_HOST_ENVIRONMENT,
        **plan.environment,
        "PORT": str(port),
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{plan.credentials_url}{grant.path}",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": grant.token,
        # Without HOME the library looks the home directory up and botocore then finds the developer's own
        # ~/.aws/credentials, which it prefers to the execution role. Without TMPDIR sessions share /tmp.
        "HOME": str(directory),
        "TMPDIR": str(directory),
    }


class _EndedAtOnceError(Exception):
    """The process ended before it was healthy."""
