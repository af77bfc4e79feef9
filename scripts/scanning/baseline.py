"""The baseline: findings that were there before somebody looked. It only ever gets shorter."""

import json
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scripts.scanning.tool import ROOT, ScanError

BASELINE: Final = ROOT / "policy_checks" / "baseline.json"
REFS: Final = ("origin/main", "main", "HEAD^", "HEAD")
"""What the baseline is compared with: what is merged, and what was before (a pull request's merge commit has both)."""

_FIELDS: Final = ("check", "file", "block", "reason")
_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Entry:
    """A finding that does not fail the scan."""

    check: str
    file: str
    block: str
    reason: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What it excuses."""
        return self.check, self.file, self.block


def read_baseline(text: str, *, name: str) -> list[Entry]:
    """Read a baseline.

    Raises:
        ScanError: If it is none, or an entry has no reason.
    """
    try:
        document: Any = json.loads(text)
    except ValueError as error:
        raise ScanError(f"{name}: is no JSON: {error}") from None
    entries = document.get("entries") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ScanError(f'{name}: must be {{"entries": [...]}}')
    found = []
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or sorted(entry) != sorted(_FIELDS):
            raise ScanError(f"{name}: entries[{number}] must have {', '.join(_FIELDS)} and nothing else")
        for field in _FIELDS:
            if not isinstance(entry[field], str) or not entry[field].strip():
                raise ScanError(f"{name}: entries[{number}].{field} must be text; got {json.dumps(entry[field])}")
        found.append(Entry(**entry))
    if len({entry.key for entry in found}) != len(found):
        raise ScanError(f"{name}: two entries are about the same check, file and block")
    return found


def write_baseline(entries: Collection[Entry], *, path: Path = BASELINE) -> None:
    """Write a baseline, in one order."""
    listed = [{field: getattr(entry, field) for field in _FIELDS} for entry in sorted(entries)]
    path.write_text(json.dumps({"entries": listed}, indent=2) + "\n", encoding="utf-8")


def added(entries: Collection[Entry], *, root: Path = ROOT, path: Path = BASELINE) -> dict[str, list[Entry]]:
    """Find entries that an earlier version of the baseline does not have.

    Args:
        entries: Of now.
        root: The repository.
        path: The baseline's file.

    Returns:
        New entries by the version that they are not in. Empty where there is no git, or no earlier baseline.
    """
    found = {}
    for ref in REFS:
        text = _at(ref, root=root, path=path)
        if text is None:
            continue
        before = {entry.key for entry in read_baseline(text, name=f"{path.name} at {ref}")}
        if new := [entry for entry in entries if entry.key not in before]:
            found[ref] = new
    return found


def _at(ref: str, *, root: Path, path: Path) -> str | None:
    """The file in a version; None if there is no such version, or it is not in it."""
    command = ["git", "-C", str(root), "show", f"{ref}:{path.relative_to(root).as_posix()}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
