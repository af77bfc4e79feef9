"""Processes: starting them under guard, recognising them again, and free ports."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

GUARD: Final = Path(__file__).with_name("guard.py")
GRACE_SECONDS: Final = 4.0
"""Time from SIGTERM to SIGKILL. Below 5 s, so that a program that gets 5 s itself can stop its own children."""


def guarded(command: Sequence[str], *, grace_seconds: float = GRACE_SECONDS) -> list[str]:
    """Build the command line that runs a command under guard.

    Start it in a session of its own with a pipe as standard input; close the pipe to stop it; `kill_group` afterwards.

    Args:
        command: What to run. It gets the guard's environment, working directory and output.
        grace_seconds: Time from SIGTERM to SIGKILL once the pipe is closed.
    """
    # The base interpreter: a venv's would be no use without `site`.
    return [base_interpreter(), "-I", "-S", str(GUARD), str(grace_seconds), *command]


def kill_group(pid: int) -> None:
    """Kill what is left of the process group of a guard that has ended."""
    # Gone is what it should be; macOS says "not permitted" where only zombies are left of it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def base_interpreter() -> str:
    """Return the interpreter below any virtual environment."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def free_port() -> int:
    """Return a port on 127.0.0.1 that is free now; another process may take it before it is used."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def port_is_open(port: int) -> bool:
    """Tell whether something listens on 127.0.0.1:port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """A process, told apart from a later one that got the same id."""

    pid: int
    started: str  # opaque: only ever compared

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity | None:
        """Identify a process, or return None if there is none (a zombie is none)."""
        started = _started(pid)
        return None if started is None else cls(pid=pid, started=started)

    def is_alive(self) -> bool:
        """Tell whether this very process still runs."""
        return ProcessIdentity.of(self.pid) == self

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal if this very process still runs; tell whether it was sent."""
        if not self.is_alive():
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def wait_gone(self, seconds: float) -> bool:
        """Wait until it has ended, at most so long; tell whether it has."""
        deadline = time.monotonic() + seconds
        while self.is_alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def _started(pid: int) -> str | None:
    if sys.platform == "linux":
        return _started_linux(pid)
    else:  # noqa: RET505 - mypy takes what follows a platform check for unreachable, but not its `else`
        return _started_ps(pid)


def _started_linux(pid: int) -> str | None:
    try:
        # The name, in parentheses, may hold anything; after it: state (0) … start time in clock ticks (19).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    return None if fields[0] in "ZX" else f"{boot}/{fields[19]}"


def _started_ps(pid: int) -> str | None:
    """Ask ps, as on macOS: it tells the start to the second, within which no id comes round again."""
    answer = subprocess.run(
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    return None if not answer or answer[0].startswith("Z") else " ".join(answer[1:])
