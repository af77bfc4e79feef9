"""Running uv, which builds, installs and uploads."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from scripts.publishing.archive import BundleError, tail

_SECONDS: Final = 900.0
# The caller's virtual environment must not decide what is built. Its index and proxy settings may: every file is
# checked against the lock's hash.
_FOREIGN: Final = frozenset({"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON"})


def find_uv() -> str:
    """Return the path of uv: that of this environment, whose version is locked, or else the one on the PATH.

    Raises:
        BundleError: If there is none.
    """
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.is_file() else shutil.which("uv")
    if uv is None:
        raise BundleError("uv is not in this environment; run: make install")
    return uv


def run_uv(*args: str, root: Path, env: Mapping[str, str] | None = None) -> str:
    """Run uv quietly in a workspace; return what it printed.

    Args:
        args: Its arguments, the command first. No secrets: others see them.
        root: Where.
        env: Variables to add to this process's.

    Raises:
        BundleError: If it fails, with the last of what it said.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    try:
        done = subprocess.run(
            [find_uv(), "--quiet", *args],
            cwd=root,
            env={**kept, "SOURCE_DATE_EPOCH": "315532800", **(env or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise BundleError(f"uv {args[0]} did not end in {_SECONDS:.0f} s; is the package index reachable?") from None
    if done.returncode != 0:
        raise BundleError(f"uv {args[0]} failed:\n{tail(done.stderr)}")
    return done.stdout
