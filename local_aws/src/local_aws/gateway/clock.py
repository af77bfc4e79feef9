"""The clock that policies see. It can be set, so that access hours can be shown at any time of day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

from local_aws.agentcore.errors import InvalidConfigError


class PolicyClock:
    """A clock in UTC that runs on from where it was set.

    Args:
        start: A time of today (UTC) at which it starts, such as 12:00; None follows the real time.
        real: The real time.
    """

    def __init__(self, start: time | None, *, real: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._real = real
        now = real()
        self._initial = timedelta() if start is None else datetime.combine(now.date(), start, UTC) - now
        self._offset = self._initial

    def now(self) -> datetime:
        """Return the current time."""
        return self._real() + self._offset

    def set(self, now: datetime | None) -> None:
        """Set the clock; None sets it back to where it would be had it never been set."""
        self._offset = self._initial if now is None else now - self._real()


def parse_start(text: str | None) -> time | None:
    """Read a time of day such as `12:00`.

    Raises:
        InvalidConfigError: If it is none.
    """
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%H:%M").time()
    except ValueError as failure:
        raise InvalidConfigError(field="config.policy_clock", problem=f"{text!r} is no HH:MM") from failure


def parse_instant(text: str) -> datetime:
    """Read a time such as `2026-08-12T19:30:00Z`.

    Raises:
        ValueError: If it is none, or names no zone.
    """
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("the time has to name its zone, such as Z")
    return found.astimezone(UTC)
