"""How many calls of one Lambda function run at a time on the laptop; the others wait for their turn.

The emulator starts a process for every call that finds none free. On AWS that scales; here 500 parallel calls would be
500 Python processes on a few cores. A call that has waited in vain is throttled, as at AWS's limit of concurrency.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from local_aws.emulator.patching import wrap

WORKERS: Final = 8
"""Processes of one function, for calls at one depth."""

PATIENCE_SECONDS: Final = 0.1
"""Wait for a warm worker before starting another: a start takes 0.2 s or more, a call mostly a few milliseconds."""

QUEUE_SECONDS: Final = 30.0


class Slots:
    """The places for calls of one function; those that were used once are warm, they have a process already."""

    def __init__(
        self,
        *,
        size: int = WORKERS,
        patience_seconds: float = PATIENCE_SECONDS,
        queue_seconds: float = QUEUE_SECONDS,
    ) -> None:
        self._size, self._patience, self._queue = size, patience_seconds, queue_seconds
        self._warm = self._used = 0  # places that are free and warm; places that were ever taken
        self._changed = threading.Condition()

    def acquire(self) -> bool:
        """Take a place, preferably a warm one; False after waiting in vain.

        Blocks: call it in a thread of the call's own.
        """
        with self._changed:
            # The first call of all has nobody to wait for.
            if self._used and self._changed.wait_for(self._has_warm, timeout=self._patience):
                self._warm -= 1
                return True
            if self._used < self._size:
                self._used += 1
                return True
            if self._changed.wait_for(self._has_warm, timeout=self._queue):
                self._warm -= 1
                return True
        return False

    def release(self) -> None:
        """Give a place back, warm."""
        with self._changed:
            self._warm += 1
            self._changed.notify()

    def _has_warm(self) -> bool:
        return self._warm > 0


class SlotTable:
    """The places of all functions.

    A function may call others, and itself. The calls that it makes are one deeper and have places of their own, so
    none waits for a place that its own caller holds.
    """

    def __init__(self) -> None:
        self._slots: dict[tuple[str, int], Slots] = {}
        self._lock = threading.Lock()

    def of(self, function: str, depth: int) -> Slots:
        """Give the places for calls of a function at a depth."""
        with self._lock:
            return self._slots.setdefault((function, depth), Slots())


def install() -> None:
    """Bound the emulator's workers."""
    from ministack.services import lambda_svc

    table = SlotTable()

    @wrap(lambda_svc, "_execute_function_warm")
    def execute(original: Callable[..., Any], function: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        config = function.get("config") or function
        slots = table.of(lambda_svc._inflight_key(config), lambda_svc._invoke_depth.get() or 0)
        if not slots.acquire():
            return lambda_svc._throttle_response(
                reason_code="ConcurrentInvocationLimitExceeded",
                msg=f"Rate Exceeded: {WORKERS} calls of this function run at a time on the laptop",
            )
        try:
            return original(function, *args, **kwargs)
        finally:
            slots.release()
