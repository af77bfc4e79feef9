"""Sessions: one process for each, started, found again, and ended."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from local_aws.agentcore.errors import RequestError, unavailable
from local_aws.runtime.process import AgentProcess

logger = logging.getLogger(__name__)


class ProcessSource(Protocol):
    """Starts and ends processes (`Launcher`)."""

    async def start(self) -> AgentProcess:
        """Start one and wait until it is healthy."""
        ...

    async def stop(self, process: AgentProcess) -> None:
        """End one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """How many sessions, and for how long."""

    max_sessions: int
    idle_timeout_seconds: float
    max_lifetime_seconds: float
    warm_spares: int


@dataclass(slots=True, kw_only=True, eq=False)
class _Session:
    label: str  # for logs: an id together with a token is enough to reach the session
    touched_at: float
    started_at: float | None = None
    process: AgentProcess | None = None
    in_flight: int = 0
    starting: asyncio.Lock = field(default_factory=asyncio.Lock)


class SessionPool:
    """Finds the process of a session.

    Args:
        source: Starts and ends processes.
        limits: How many, and for how long.
        now: A monotonic clock in seconds.
    """

    def __init__(
        self, source: ProcessSource, *, limits: SessionLimits, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._limits = limits
        self._now = now
        self._sessions: dict[str, _Session] = {}
        self._spares: list[asyncio.Task[AgentProcess]] = []
        self._background: set[asyncio.Task[None]] = set()
        self._closed = False

    def counts(self) -> dict[str, int]:
        """Count sessions, requests and spare processes."""
        return {
            "live": len(self._sessions),
            "in_flight": sum(session.in_flight for session in self._sessions.values()),
            "spares": len(self._spares),
        }

    @asynccontextmanager
    async def lease(self, session_id: str) -> AsyncIterator[AgentProcess]:
        """Give the process of a session, started if need be, for the time of one request.

        Raises:
            RequestError: 429 if there are too many sessions, 502 or 503 if the process does not start.
        """
        session = self._session(session_id)
        session.in_flight += 1
        try:
            async with session.starting:
                process = await self._running(session)
            yield process
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
        while len(self._spares) < self._limits.warm_spares:
            self._spares.append(asyncio.create_task(self._source.start()))

    def reap(self) -> None:
        """End the sessions that were idle too long, and those that are too old, busy or not."""
        now = self._now()
        for session_id, session in list(self._sessions.items()):
            idle = not session.in_flight and now - session.touched_at >= self._limits.idle_timeout_seconds
            old = session.started_at is not None and now - session.started_at >= self._limits.max_lifetime_seconds
            if idle or old:
                self._end(session_id, "idle" if idle else "at its maximum lifetime")

    async def close(self) -> None:
        """End everything, and admit no session any more."""
        self._closed = True
        for session_id in list(self._sessions):
            self._end(session_id, "stopped")
        for spare in self._spares:
            self._run(self._discard_spare(spare))
        self._spares.clear()
        while self._background:
            await asyncio.wait(self._background)

    def _session(self, session_id: str) -> _Session:
        if self._closed:
            raise unavailable("ServiceUnavailable", "The runtime is stopping.")
        session = self._sessions.get(session_id)
        if session is None:
            self._make_room()
            label = hashlib.sha256(session_id.encode()).hexdigest()[:12]
            session = self._sessions[session_id] = _Session(label=label, touched_at=self._now())
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
        if session.process is not None:
            logger.warning("session=<%s> | session process ended by itself, starting another", session.label)
            self._run(self._source.stop(session.process))
            session.process = None
        started = time.monotonic()
        process = await self._take_spare() or await self._source.start()
        if self._closed:  # meanwhile, and close() did not know of this process
            await asyncio.shield(self._source.stop(process))
            raise unavailable("ServiceUnavailable", "The runtime is stopping.")
        session.process, session.started_at = process, self._now()
        elapsed = (time.monotonic() - started) * 1000
        logger.info("session=<%s>, pid=<%d>, ms=<%.0f> | session started", session.label, process.pid, elapsed)
        return process

    async def _take_spare(self) -> AgentProcess | None:
        while self._spares:
            spare = self._spares.pop(0)
            try:
                process = await spare
            except RequestError:
                continue  # the request starts one for itself and gets the error if that fails too
            if process.alive:
                return process
            self._run(self._source.stop(process))
        return None

    async def _discard_spare(self, spare: asyncio.Task[AgentProcess]) -> None:
        spare.cancel()
        try:
            process = await spare
        except (asyncio.CancelledError, RequestError):
            return
        await self._source.stop(process)

    def _end(self, session_id: str, why: str) -> None:
        session = self._sessions.pop(session_id)
        logger.info("session=<%s>, reason=<%s> | session ended", session.label, why)
        if session.process is not None:
            self._run(self._source.stop(session.process))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
