"""The build backend: the code that decides what is in the wheel, pinned by hash like everything that runs."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.publishing.archive import BundleError

CONSTRAINTS: Final = "agent_pkg/build-constraints.txt"
_PIN: Final = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)*)==([0-9][0-9a-z.]*) --hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One package of the backend."""

    name: str  # normalised
    version: str
    sha256: str  # hex, of its wheel


def read(root: Path) -> tuple[Pin, ...]:
    """Read the pins of a workspace, in the order of the file.

    Raises:
        BundleError: If there are none, or a line is not of the one form that names one file.
    """
    path = root / CONSTRAINTS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(
            f"{CONSTRAINTS}: cannot be read ({type(error).__name__}); it pins the build backend by hash"
        ) from error
    pins = []
    for number, line in enumerate(lines, start=1):
        if not line or line.startswith("#"):
            continue
        found = _PIN.fullmatch(line)
        if found is None:
            raise BundleError(
                f"{CONSTRAINTS}, line {number}: must be name==version --hash=sha256:<64 hex digits>, with the hash of "
                f"the wheel alone, so that provenance can name the one file that is used; got {line!r}"
            )
        pins.append(Pin(name=found[1], version=found[2], sha256=found[3]))
    if not pins:
        raise BundleError(f"{CONSTRAINTS}: names nothing; it must pin the build backend by hash")
    return tuple(pins)
