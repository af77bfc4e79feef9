"""Acting on a stack from outside its supervisor: what runs, stopping it, and clearing up after one that was killed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Final

from local_aws.stack.processes import kill_group, port_is_open
from local_aws.stack.state import StateFolder, Status

_STOP_SECONDS: Final = 20.0
_PROVISIONING_SECONDS: Final = 45.0  # an interrupted terraform is given 30 s to save its state
_GUARDS_SECONDS: Final = 10.0  # by then the guards have ended what a killed supervisor left


def describe(state: StateFolder) -> tuple[str, Status | None]:
    """Say in a word how the stack is: stopped, starting, ready, stopping, failed or crashed; with the last status."""
    status = state.read_status()
    if state.is_locked():
        return (status.state if status is not None else "starting"), status
    if status is None:
        return "stopped", None
    # Only a supervisor that could not tidy up leaves another word than "failed" behind.
    return ("failed" if status.state == "failed" else "crashed"), status


def wait_started(state: StateFolder, *, seconds: float) -> str:
    """Wait while a stack is starting, at most so long; return how it is then."""
    deadline = time.monotonic() + seconds
    while (found := describe(state)[0]) == "starting" and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def stop(state: StateFolder, progress: Callable[[str], None] = lambda _: None) -> list[str]:
    """Stop a stack and remove what says that it runs. Does no harm if none is running.

    Args:
        state: The stack's folder.
        progress: Gets a line for what takes time.

    Returns:
        What is left in spite of it, process by process and port by port; empty if all is well.
    """
    status = state.read_status()
    if state.is_locked() and status is not None:
        provisioning = status.state == "starting"
        if status.supervisor.signal(signal.SIGTERM):
            progress("stopping; terraform may need some seconds" if provisioning else "stopping")
        if not status.supervisor.wait_gone(_PROVISIONING_SECONDS if provisioning else _STOP_SECONDS):
            progress("the supervisor does not stop, killing it")
            status.supervisor.signal(signal.SIGKILL)
    # Once more: parts may have been started meanwhile.
    left = clear_up(state, state.read_status() or status)
    if state.is_locked():
        left.append(f"another process holds {state.path}")
    return left


def clear_up(state: StateFolder, status: Status | None) -> list[str]:
    """End what a supervisor left that could not do so itself, and remove its files.

    Args:
        state: The stack's folder.
        status: Its last status.

    Returns:
        What is left in spite of it.
    """
    left: list[str] = []
    deadline = time.monotonic() + _GUARDS_SECONDS
    for name, part in status.parts.items() if status is not None else ():
        if not part.process.wait_gone(max(0.0, deadline - time.monotonic())):
            # Only now, and only if it is the very process that was started: ids are used again.
            kill_group(part.process.pid)
            if not part.process.wait_gone(2.0):
                left.append(f"{name}: process {part.process.pid}")
        while port_is_open(part.port) and time.monotonic() < deadline:  # a killed process takes a moment
            time.sleep(0.02)
        if port_is_open(part.port):
            left.append(f"{name}: port {part.port}")
    state.clear()
    return left
