"""Folders named by a key of what they were made from."""

import contextlib
import hashlib
import json
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_KEEP: Final = 6
"""Entries of each kind that stay: enough for both platforms, now and in the two states before."""


def key(parts: Iterable[str]) -> str:
    """Name what these parts make. The order counts; no two lists of parts share a name."""
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()[:24]


def sha256(path: Path) -> str:
    """Digest of a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sources(folder: Path) -> list[str]:
    """Describe every file below a folder by name, content and whether it is a program, in one order."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return [
        f"{p.relative_to(folder).as_posix()}{'*' if p.stat().st_mode & stat.S_IXUSR else ''}={sha256(p)}" for p in paths
    ]


def keep(done: Path, home: Path) -> None:
    """Move a finished folder into the cache at once, so that nobody sees half of it; then drop the oldest entries.

    Args:
        done: The folder, on the file system of the cache. Stays where it is if the cache has the entry already.
        home: Its place; the name is the key, its parent holds entries of one kind and nothing else.
    """
    home.parent.mkdir(parents=True, exist_ok=True)
    try:
        done.rename(home)
    except OSError:
        if not home.is_dir():
            raise
        # Another build was first. The key says that its content is the same, and somebody may be reading it.
    ages: dict[Path, float] = {}
    for entry in home.parent.iterdir():
        with contextlib.suppress(FileNotFoundError):  # dropped by another build
            ages[entry] = entry.stat().st_mtime
    for old in sorted(ages, key=ages.__getitem__, reverse=True)[_KEEP:]:
        shutil.rmtree(old, ignore_errors=True)
