"""Reading the logs."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path


def tail(file: Path, lines: int) -> list[str]:
    """Return the last lines of a file; none if it does not exist."""
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            return [line.rstrip("\n") for line in deque(stream, maxlen=lines)]
    except FileNotFoundError:
        return []


def follow(files: Mapping[str, Path], *, pause: Callable[[], None] = lambda: time.sleep(0.2)) -> Iterator[str]:
    """Yield lines as they are appended, each after its file's name if there are several. Never ends.

    Args:
        files: By name. One that does not exist yet is waited for; one that is replaced is read from its beginning.
        pause: Called when there is nothing new.
    """
    reading = {name: _Reading(file) for name, file in files.items()}
    while True:
        lines = [(name, line) for name, reader in reading.items() for line in reader.new_lines()]
        yield from (line if len(files) == 1 else f"{name:<9} {line}" for name, line in lines)
        if not lines:
            pause()


class _Reading:
    """How far one file has been read. It is opened anew each time, so it may come, go and be replaced."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._partial = b""
        try:
            found = file.stat()
            self._inode, self._offset = found.st_ino, found.st_size
        except FileNotFoundError:
            self._inode, self._offset = 0, 0

    def new_lines(self) -> list[str]:
        try:
            with self._file.open("rb") as stream:
                inode = os.fstat(stream.fileno()).st_ino
                if inode != self._inode:
                    self._inode, self._offset, self._partial = inode, 0, b""
                stream.seek(self._offset)
                data = stream.read()
        except FileNotFoundError:
            return []
        self._offset += len(data)
        *lines, self._partial = (self._partial + data).split(b"\n")
        return [line.decode(errors="replace") for line in lines]
