"""Runs a command that must not outlive its owner, and is a program of its own: `guard.py GRACE COMMAND...`.

The owner holds the other end of standard input. When the owner closes it, or dies in any way, even by SIGKILL, the
guard's process group (itself, the command, and what that started) gets SIGTERM and, after GRACE seconds, SIGKILL. A
pipe rather than Linux's parent-death signal, because it also works on macOS and the command need not know of it. The
owner starts the guard as the leader of a new session, and kills the group once more when the guard has ended, for the
case that the guard itself was killed. Standard library only: it runs as `python -I -S`, with whatever environment the
command is to have.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from types import FrameType


class _Guard:
    """One command and the end of it."""

    def __init__(self, command: Sequence[str], grace_seconds: float) -> None:
        self._grace_seconds = grace_seconds
        self._ended = threading.Event()
        self._stopping = threading.Lock()
        self._process = subprocess.Popen(list(command), stdin=subprocess.DEVNULL)

    def run(self) -> int:
        """Wait for the command; 128 + the signal's number if one ended it."""
        threading.Thread(target=self._watch_owner, daemon=True).start()
        status = self._process.wait()
        self._ended.set()
        if self._stopping.locked():
            os.killpg(0, signal.SIGKILL)  # what the command left behind, and this process: nobody asks for its status
        return status if status >= 0 else 128 - status

    def stop(self) -> None:
        """End the command in the background; a second call does nothing."""
        if self._stopping.acquire(blocking=False):
            threading.Thread(target=self._stop, daemon=True).start()

    def _watch_owner(self) -> None:
        # Not sys.stdin.buffer.read(): a daemon thread inside a buffered read aborts the interpreter when it exits.
        while os.read(0, 4096):
            pass
        self.stop()

    def _stop(self) -> None:
        os.killpg(0, signal.SIGTERM)
        if not self._ended.wait(self._grace_seconds):
            os.killpg(0, signal.SIGKILL)


def main() -> int:
    """Run the command; its exit status is the result."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    guard = _Guard(sys.argv[2:], float(sys.argv[1]))

    def stop(_number: int, _frame: FrameType | None) -> None:
        guard.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    return guard.run()


if __name__ == "__main__":
    sys.exit(main())
