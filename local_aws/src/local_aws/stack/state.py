"""The folder that a running stack keeps its state in, `.local` unless told otherwise.

stack.json   for clients; there only while everything runs
status.json  for `status`, `down` and the next `up`: who runs, and since when
secret       of the local control endpoints
lock         held by the supervisor for as long as it lives
logs/        one file for each part; the last run's end in .previous.log
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from local_aws.stack.processes import ProcessIdentity

State = Literal["starting", "ready", "stopping", "failed"]

SUPERVISOR_LOG: Final = "stack"


class StackError(Exception):
    """Base of what this package raises."""


class AlreadyRunningError(StackError):
    """Another supervisor holds the folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"a stack is already running in {folder}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartStatus:
    """A part that was started."""

    process: ProcessIdentity
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Content of status.json."""

    state: State
    supervisor: ProcessIdentity
    detail: str = ""
    parts: Mapping[str, PartStatus] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFolder:
    """Paths, and how to read and write them."""

    path: Path

    @property
    def stack_file(self) -> Path:
        """What clients read."""
        return self.path / "stack.json"

    @property
    def secret_file(self) -> Path:
        """The secret of the local control endpoints."""
        return self.path / "secret"

    @property
    def logs(self) -> Path:
        """Folder of the logs."""
        return self.path / "logs"

    @property
    def _status_file(self) -> Path:
        return self.path / "status.json"

    def log(self, part: str) -> Path:
        """Return a part's log file."""
        return self.logs / f"{part}.log"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder. The lock ends with the process, however that ends, so it is never stale.

        Raises:
            AlreadyRunningError: If another process holds it.
        """
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunningError(self.path) from None
            yield
        finally:
            os.close(descriptor)

    def is_locked(self) -> bool:
        """Tell whether a supervisor holds the folder."""
        if not self.path.is_dir():
            return False
        try:
            with self.locked():
                return False
        except AlreadyRunningError:
            return True

    def read_status(self) -> Status | None:
        """Return what was written last, or None if there is nothing (sound)."""
        try:
            data = json.loads(self._status_file.read_text(encoding="utf-8"))
            return Status(
                state=data["state"],
                supervisor=ProcessIdentity(**data["supervisor"]),
                detail=data["detail"],
                parts={
                    name: PartStatus(process=ProcessIdentity(**part["process"]), port=part["port"])
                    for name, part in data["parts"].items()
                },
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write_status(self, status: Status) -> None:
        """Replace status.json."""
        self.write(self._status_file, asdict(status))

    def write(self, file: Path, content: Any) -> None:
        """Replace a file as a whole, readable by its owner only. Text is written as it is, anything else as JSON."""
        text = content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        descriptor, draft = tempfile.mkstemp(dir=self.path, prefix=f".{file.name}.")  # mkstemp: mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(text)
            Path(draft).replace(file)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise

    def note(self, line: str) -> None:
        """Append a line to the supervisor's log."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with self.log(SUPERVISOR_LOG).open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {line}\n")

    def set_logs_aside(self) -> None:
        """Start the logs anew, and keep those of the last run."""
        self.logs.mkdir(parents=True, exist_ok=True)
        for file in self.logs.glob("*.log"):
            if not file.name.endswith(".previous.log") and file != self.log(SUPERVISOR_LOG):
                file.replace(file.with_suffix(".previous.log"))

    def clear(self, *, keep_status: bool = False) -> None:
        """Remove what says that a stack is running."""
        for file in (self.stack_file, self.secret_file, *(() if keep_status else (self._status_file,))):
            file.unlink(missing_ok=True)
