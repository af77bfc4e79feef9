"""The way of one request, from the token to the last event."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Protocol

from clinic_agent import events
from clinic_agent.agent import AgentParts, answer
from clinic_agent.app.payload import read_question
from clinic_agent.errors import AgentError, Internal, SessionBusy
from clinic_agent.guard import Admission, TenancyGuard
from clinic_agent.identity import TenantContext
from clinic_agent.metering import RefusalEvent, RefusalSink

logger = logging.getLogger(__name__)


class PartsSource(Protocol):
    """Where a session's parts come from (`Workspaces`, or a test's own)."""

    def cached(self, admission: Admission) -> AgentParts | None:
        """Return the parts if no blocking call is needed."""

    def open(self, admission: Admission) -> AgentParts:
        """Return the parts, made if need be; may block."""


class Assistant:
    """Serves the requests of one session, one at a time."""

    def __init__(self, *, guard: TenancyGuard, parts: PartsSource, refusal_sink: RefusalSink) -> None:
        self._guard = guard
        self._parts = parts
        self._refusal_sink = refusal_sink
        self._busy = False

    async def turn(
        self, *, payload: Any, authorization: str | None, session_id: str | None, request_id: str
    ) -> AsyncGenerator[events.Event, None]:
        """Answer one invocation as a stream of events.

        Raises:
            AgentError: If it is refused or fails.
        """
        tenant: TenantContext | None = None
        turning = False  # a turn meters itself, also when it is refused
        try:
            tenant = await self._guard.identify(authorization)
            admission = await self._guard.admit(tenant)
            question = read_question(payload, session_id, admission.tenant)
            if self._busy:
                raise SessionBusy
            self._busy = True
            try:
                parts = self._parts.cached(admission)
                if parts is None:
                    # New ones: what they are calling already is this turn's own work.
                    parts = await asyncio.to_thread(self._parts.open, admission)
                elif parts.still_calling():
                    raise SessionBusy
                stream = answer(
                    parts,
                    tenant=admission.tenant,
                    session_id=question.session_id,
                    prompt=question.prompt,
                    request_id=request_id,
                )
                async with aclosing(stream):
                    turning = True
                    async for event in stream:
                        yield event
            finally:
                self._busy = False
        except AgentError as error:
            logger.warning(
                "code=<%s>, status=<%d>, request_id=<%s> | request refused", error.code, error.status, request_id
            )
            if not turning:
                self._meter(error, tenant, request_id)
            raise
        except Exception:
            if not turning:
                self._meter(Internal(), tenant, request_id)
            raise

    def _meter(self, error: AgentError, tenant: TenantContext | None, request_id: str) -> None:
        self._refusal_sink(
            RefusalEvent(
                layer="agent",
                request_id=request_id,
                error_code=error.code,
                error_status=error.status,
                tenant=tenant,
            )
        )
