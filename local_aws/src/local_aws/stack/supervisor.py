"""Starts the parts of a stack, watches them, and stops them all when one ends."""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from local_aws.stack.logs import tail
from local_aws.stack.processes import ProcessIdentity, guarded, kill_group
from local_aws.stack.state import PartStatus, StackError, State, StateFolder, Status

_HOST_VARIABLES: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE")
_LAST_LINES: Final = 15
_POLL_SECONDS: Final = 0.02


class PartFailedError(StackError):
    """A part did not start, or ended by itself. The message ends with the last lines of its log."""

    def __init__(self, *, part: str, problem: str, log: Path) -> None:
        lines = tail(log, _LAST_LINES)
        super().__init__("\n  ".join([f"{part} {problem}; {log} ends:" if lines else f"{part} {problem}", *lines]))
        self.part = part
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A server on 127.0.0.1 that the stack consists of."""

    name: str
    command: Sequence[str]
    port: int
    health_path: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)  # besides a few variables of the host
    ready_seconds: float = 30.0
    grace_seconds: float = 6.0  # longer than what a part gives its own children


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Running:
    part: Part
    process: subprocess.Popen[bytes]
    watcher: threading.Thread


class Supervisor:
    """Holds the parts.

    Args:
        state: Where logs go, and status.json. The caller holds its lock.
    """

    def __init__(self, state: StateFolder) -> None:
        self._state = state
        self._identity = ProcessIdentity.of(os.getpid())
        self._running: list[_Running] = []
        self._lock = threading.RLock()
        self._stopping = False
        self._ended = threading.Event()
        self._failure: PartFailedError | None = None
        self._write("starting")

    @property
    def failure(self) -> PartFailedError | None:
        """Why the stack stopped by itself, if it did."""
        return self._failure

    def start(self, part: Part) -> None:
        """Start a part; does not wait until it answers.

        Raises:
            PartFailedError: If another part has ended meanwhile.
        """
        with self._lock:
            self.check()
            kept = {name: os.environ[name] for name in _HOST_VARIABLES if name in os.environ}
            self._state.logs.mkdir(parents=True, exist_ok=True)
            with self._state.log(part.name).open("ab") as log:
                process = subprocess.Popen(
                    guarded(part.command, grace_seconds=part.grace_seconds),
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self._state.path,
                    env={**kept, **part.environment},
                    start_new_session=True,  # Ctrl-C reaches us alone, and we stop the parts in order
                )
            watcher = threading.Thread(target=self._watch, args=(part, process), daemon=True)
            self._running.append(_Running(part=part, process=process, watcher=watcher))
            watcher.start()
            self._write("starting")

    def wait_ready(self, part: Part) -> None:
        """Wait until a part answers its health path with success.

        Raises:
            PartFailedError: If it does not in time, or any part has ended.
        """
        deadline = time.monotonic() + part.ready_seconds
        while not _answers(part):
            self.check()
            if time.monotonic() > deadline:
                problem = f"does not answer {part.health_path} within {part.ready_seconds:.0f} s"
                raise PartFailedError(part=part.name, problem=problem, log=self._state.log(part.name))
            time.sleep(_POLL_SECONDS)
        self.check()

    def check(self) -> None:
        """Do nothing if all is well.

        Raises:
            PartFailedError: If a part has ended by itself.
        """
        if self._failure is not None:
            raise self._failure

    def publish(self, stack: Mapping[str, Any]) -> None:
        """Write stack.json, which tells everybody that the stack is ready.

        Raises:
            PartFailedError: If a part has ended by itself.
        """
        with self._lock:
            self.check()
            self._write("ready")
            self._state.write(self._state.stack_file, dict(stack))

    def wait(self) -> None:
        """Wait until the stack ends, by `stop` or by itself.

        Raises:
            PartFailedError: If a part has ended by itself; the others have been stopped then.
        """
        # In slices: a wait without a limit would not be interrupted by signals on every platform.
        while not self._ended.wait(1.0):
            pass
        self.check()

    def stop(self) -> None:
        """Stop all parts, the last one first, and take stack.json away. Does nothing the second time."""
        with self._lock:
            first = not self._stopping
            self._stopping = True
        if first:
            self._state.stack_file.unlink(missing_ok=True)
            if self._failure is None:
                self._write("stopping")
        self._stop_parts()
        self._ended.set()

    def _stop_parts(self) -> None:
        for running in reversed(self._running):
            if running.process.stdin is not None:
                with contextlib.suppress(OSError):
                    running.process.stdin.close()  # which tells the guard
        for running in reversed(self._running):
            try:
                running.process.wait(running.part.grace_seconds + 2)
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.wait()
            kill_group(running.process.pid)
            if running.watcher is not threading.current_thread():
                running.watcher.join()

    def _watch(self, part: Part, process: subprocess.Popen[bytes]) -> None:
        status = process.wait()
        with self._lock:
            if self._stopping:
                return
            self._stopping = True  # the first one to end is the reason, those after it are consequences
            problem = f"ended by itself (exit status {status})"
            self._failure = PartFailedError(part=part.name, problem=problem, log=self._state.log(part.name))
            self._state.stack_file.unlink(missing_ok=True)
            self._state.note(f"failed: {self._failure}")
            self._write("failed", f"{part.name} {problem}")
        self._state.note("stopping the other parts")
        self._stop_parts()
        self._ended.set()

    def _write(self, state: State, detail: str = "") -> None:
        if self._identity is None:
            raise StackError("this process cannot be identified")
        with self._lock:
            parts = {
                running.part.name: PartStatus(process=identity, port=running.part.port)
                for running in self._running
                if (identity := ProcessIdentity.of(running.process.pid)) is not None
            }
            self._state.write_status(Status(state=state, supervisor=self._identity, detail=detail, parts=parts))


def _answers(part: Part) -> bool:
    # http.client and not urllib: no proxy of the environment may get in between.
    connection = http.client.HTTPConnection("127.0.0.1", part.port, timeout=5)
    try:
        connection.request("GET", part.health_path)
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
