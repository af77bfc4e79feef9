"""MCP sessions: ids that only their owner can use, for as long as Terraform says."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from local_aws.gateway.mcp_errors import session_not_found

_MAX_SESSIONS: Final = 2000
_MAX_PER_OWNER: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    owner: tuple[str, ...]
    opened_at: float


class McpSessions:
    """Opens sessions and finds them again. A bounded number: the oldest of an owner, then of all, makes room.

    A session holds nothing else: every request is authorized by its own token, so one that lost its session only has
    to initialize again.

    Args:
        now: A monotonic clock in seconds.
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._sessions: OrderedDict[str, _Session] = OrderedDict()  # oldest first
        self._by_owner: dict[tuple[str, ...], OrderedDict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, owner: tuple[str, ...]) -> str:
        """Open a session and return its id."""
        own = self._by_owner.setdefault(owner, OrderedDict())
        if len(own) >= _MAX_PER_OWNER:
            self._drop(next(iter(own)))
        elif len(self._sessions) >= _MAX_SESSIONS:
            self._drop(next(iter(self._sessions)))
        session_id = secrets.token_urlsafe(32)
        self._sessions[session_id] = _Session(owner=owner, opened_at=self._now())
        self._by_owner.setdefault(owner, OrderedDict())[session_id] = None
        return session_id

    def check(self, session_id: str, *, owner: tuple[str, ...], seconds: float) -> None:
        """Check that a session is there, is this owner's and has not expired.

        Args:
            session_id: As the client sent it.
            owner: `Principal.owner` of the request's own token.
            seconds: The time-out. It counts from the beginning, whatever happens in between. Source: AgentCore
                developer guide, "Use MCP sessions with your gateway".

        Raises:
            McpRefusal: `session_not_found`.
        """
        session = self._sessions.get(session_id)
        if session is None or session.owner != owner:
            raise session_not_found()
        if self._now() - session.opened_at >= seconds:
            self._drop(session_id)
            raise session_not_found()

    def close(self, session_id: str) -> None:
        """Close a session that `check` found."""
        self._drop(session_id)

    def reap(self, seconds: float) -> None:
        """Drop what has expired."""
        while self._sessions:
            session_id, session = next(iter(self._sessions.items()))
            if self._now() - session.opened_at < seconds:
                return
            self._drop(session_id)

    def _drop(self, session_id: str) -> None:
        session = self._sessions.pop(session_id)
        own = self._by_owner[session.owner]
        del own[session_id]
        if not own:
            del self._by_owner[session.owner]
