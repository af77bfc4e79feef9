"""The session processes' output, in one file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

_MAX_LINE_BYTES: Final = 262_144
_CHUNK_BYTES: Final = 65_536


class AgentLog:
    """Appends lines as they are, so that the agent's JSON lines stay JSON lines.

    Args:
        path: The file; it and its directory are made if need be.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered and in append mode: each write is one line, and others may append to the same file.
        self._file = path.open("ab", buffering=0)

    async def copy(self, stream: asyncio.StreamReader) -> None:
        """Copy a process's output until it ends, line by line.

        A line over 256 KiB is cut into several: readline() would give up on it, and the process would then block on
        a full pipe.
        """
        pending = b""
        while chunk := await stream.read(_CHUNK_BYTES):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                self._file.write(line + b"\n")
            if len(pending) > _MAX_LINE_BYTES:
                self._file.write(pending + b"\n")
                pending = b""
        if pending:
            self._file.write(pending + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
