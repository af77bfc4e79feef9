"""Sessions: one process for each, started, found again, and ended.

AWS documents that a version never changes, that an endpoint names one, that each session has a microVM of its own, and
that a session is stopped by its id together with an endpoint (`StopRuntimeSession` takes a `qualifier`). It does not
say what becomes of sessions in progress when their endpoint moves to another version. Assumed here, since a microVM
cannot change its code while it runs:

* A session stays on the version it began with until it ends, wherever its endpoint moves meanwhile.
* Once it has ended, its id begins a new session, on the version that the endpoint serves then.
* While it lives, its id is refused at another endpoint. AWS may start a second microVM there; two agents would then
  write one conversation, and neither would know that the other is busy with it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from local_aws.agentcore.errors import RequestError, not_found, unavailable
from local_aws.runtime.process import AgentProcess

logger = logging.getLogger(__name__)


class ProcessSource(Protocol):
    """Starts and ends processes (`VersionLauncher`)."""

    async def start(self) -> AgentProcess:
        """Start one and wait until it is healthy."""
        ...

    async def stop(self, process: AgentProcess) -> None:
        """End one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """How many processes, of all versions together."""

    max_sessions: int
    warm_spares: int  # of each version that is kept warm


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """How sessions of one version are started, and for how long they may live."""

    source: ProcessSource
    idle_timeout_seconds: float
    max_lifetime_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A session's process, for the time of one request."""

    process: AgentProcess
    version: str  # number of the version that it runs


@dataclass(slots=True, kw_only=True, eq=False)
class _Session:
    label: str  # for logs: an id together with a token is enough to reach the session
    endpoint: str
    version: str
    touched_at: float
    started_at: float | None = None
    process: AgentProcess | None = None
    in_flight: int = 0
    ended: bool = False  # nobody finds it any more
    starting: asyncio.Lock = field(default_factory=asyncio.Lock)


class SessionPool:
    """Finds the process of a session.

    Args:
        limits: How many.
        now: A monotonic clock in seconds.
    """

    def __init__(self, *, limits: SessionLimits, now: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._now = now
        self._fleets: dict[str, Fleet] = {}
        self._endpoints: Mapping[str, str] = {}
        self._warm: Collection[str] = ()
        self._sessions: dict[str, _Session] = {}
        self._spares: dict[str, list[asyncio.Task[AgentProcess]]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._closed = False

    def serve(self, fleets: Mapping[str, Fleet], *, endpoints: Mapping[str, str], warm: Collection[str]) -> None:
        """Begin new sessions as these endpoints say from now on. Sessions that live stay where they are.

        Args:
            fleets: By version number; those of before stay usable for their sessions, and never change.
            endpoints: Version number by endpoint.
            warm: Version numbers that spare processes are kept for.
        """
        self._fleets = {**fleets, **self._fleets}
        self._endpoints, self._warm = dict(endpoints), tuple(warm)
        for version in [version for version in self._spares if version not in self._warm]:
            for spare in self._spares.pop(version):
                self._run(self._discard_spare(spare, self._fleets[version].source))

    def versions_in_use(self) -> frozenset[str]:
        """Return the version numbers that sessions are on."""
        return frozenset(session.version for session in self._sessions.values())

    def forget(self, versions: Collection[str]) -> None:
        """Forget how sessions of some versions are started.

        Args:
            versions: Numbers that no endpoint names and no session is on.
        """
        self._fleets = {number: fleet for number, fleet in self._fleets.items() if number not in versions}

    def counts(self) -> dict[str, int]:
        """Count sessions, requests and spare processes."""
        return {
            "live": len(self._sessions),
            "in_flight": sum(session.in_flight for session in self._sessions.values()),
            "spares": sum(len(spares) for spares in self._spares.values()),
        }

    def check(self, session_id: str, *, endpoint: str) -> None:
        """Check that a session may be used at an endpoint, without starting it.

        Raises:
            RequestError: 409 if it lives at another endpoint, 404 if there is no such endpoint.
        """
        session = self._sessions.get(session_id)
        if session is not None and session.endpoint != endpoint:
            raise RequestError(
                status=409,
                code="ConflictException",
                message="This session began at another endpoint of the runtime; use that one, or begin a new session.",
            )
        if session is None and endpoint not in self._endpoints:  # taken away while the request was read
            raise not_found("The runtime has no such endpoint.")

    @asynccontextmanager
    async def lease(self, session_id: str, *, endpoint: str) -> AsyncIterator[Lease]:
        """Give the process of a session, started if need be, for the time of one request.

        Raises:
            RequestError: 404 or 409 as `check`, 429 if there are too many sessions, 502 or 503 if the
                process does not start.
        """
        session = self._session(session_id, endpoint)
        session.in_flight += 1
        try:
            async with session.starting:
                process = await self._running(session)
            yield Lease(process=process, version=session.version)
        finally:
            session.in_flight -= 1
            session.touched_at = self._now()
            if session.process is None and not session.in_flight and self._sessions.get(session_id) is session:
                del self._sessions[session_id]  # it never started
            self.replenish()

    def replenish(self) -> None:
        """Start spare processes, unless a request is being served: it is the one that should have the processor."""
        if self._closed or any(session.in_flight for session in self._sessions.values()):
            return
        for version in self._warm:
            spares = self._spares.setdefault(version, [])
            while len(spares) < self._limits.warm_spares:
                spares.append(asyncio.create_task(self._fleets[version].source.start()))

    def reap(self) -> None:
        """End the sessions that were idle too long, and those that are too old, busy or not."""
        now = self._now()
        for session_id, session in list(self._sessions.items()):
            fleet = self._fleets[session.version]
            idle = not session.in_flight and now - session.touched_at >= fleet.idle_timeout_seconds
            old = session.started_at is not None and now - session.started_at >= fleet.max_lifetime_seconds
            if idle or old:
                self._end(session_id, "idle" if idle else "at its maximum lifetime")

    async def close(self) -> None:
        """End everything, and admit no session any more."""
        self._closed = True
        for session_id in list(self._sessions):
            self._end(session_id, "stopped")
        for version, spares in self._spares.items():
            for spare in spares:
                self._run(self._discard_spare(spare, self._fleets[version].source))
        self._spares.clear()
        while self._background:
            await asyncio.wait(self._background)

    def _session(self, session_id: str, endpoint: str) -> _Session:
        if self._closed:
            raise unavailable("ServiceUnavailable", "The runtime is stopping.")
        self.check(session_id, endpoint=endpoint)
        session = self._sessions.get(session_id)
        if session is None:
            self._make_room()
            label, version = hashlib.sha256(session_id.encode()).hexdigest()[:12], self._endpoints[endpoint]
            if version not in self._fleets:  # of DEFAULT, whose version came meanwhile and cannot be served
                raise unavailable("RuntimeStartFailed", "The version that this endpoint serves cannot be started.")
            session = _Session(label=label, endpoint=endpoint, version=version, touched_at=self._now())
            self._sessions[session_id] = session
        return session

    def _make_room(self) -> None:
        if len(self._sessions) < self._limits.max_sessions:
            return
        # A laptop has less memory than AWS has microVMs: the session that was idle longest makes room.
        idle = [(session.touched_at, key) for key, session in self._sessions.items() if not session.in_flight]
        if not idle:
            raise RequestError(
                status=429,
                code="ThrottlingException",
                message=f"All {self._limits.max_sessions} sessions are busy.",
                retryable=True,
                headers={"Retry-After": "1"},
            )
        self._end(min(idle)[1], "evicted")

    async def _running(self, session: _Session) -> AgentProcess:
        if session.process is not None and session.process.alive:
            return session.process
        source = self._fleets[session.version].source
        if session.process is not None:
            logger.warning("session=<%s> | session process ended by itself, starting another", session.label)
            self._run(source.stop(session.process))
            session.process = session.started_at = None  # what is started now begins a lifetime of its own
        started = time.monotonic()
        process = await self._take_spare(session.version) or await source.start()
        if self._closed:  # meanwhile, and close() did not know of this process
            await asyncio.shield(source.stop(process))
            raise unavailable("ServiceUnavailable", "The runtime is stopping.")
        if session.ended:  # meanwhile, and whoever ended it did not know of this process
            await asyncio.shield(source.stop(process))
            raise unavailable("ServiceUnavailable", "The session ended while it was being started.")
        session.process, session.started_at = process, self._now()
        elapsed = (time.monotonic() - started) * 1000
        logger.info(
            "session=<%s>, endpoint=<%s>, version=<%s>, pid=<%d>, ms=<%.0f> | session started",
            session.label,
            session.endpoint,
            session.version,
            process.pid,
            elapsed,
        )
        return process

    async def _take_spare(self, version: str) -> AgentProcess | None:
        # Looked up again each time: the version may be retired while a spare is still starting.
        source = self._fleets[version].source
        while spares := self._spares.get(version):
            spare = spares.pop(0)
            try:
                process = await spare
            except RequestError:
                continue  # the request starts one for itself and gets the error if that fails too
            if process.alive:
                return process
            self._run(source.stop(process))
        return None

    async def _discard_spare(self, spare: asyncio.Task[AgentProcess], source: ProcessSource) -> None:
        spare.cancel()
        try:
            process = await spare
        except (asyncio.CancelledError, RequestError):
            return
        await source.stop(process)

    def _end(self, session_id: str, why: str) -> None:
        session = self._sessions.pop(session_id)
        session.ended = True
        logger.info("session=<%s>, reason=<%s> | session ended", session.label, why)
        if session.process is not None:
            self._run(self._fleets[session.version].source.stop(session.process))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
