"""Running uv, which builds, installs and uploads.

The caller's settings must not decide what is built. So uv reads no configuration file (`uv.toml`, `[tool.uv]`), and of
the environment only what says where packages come from and how to get there. That cannot change what is built: each
file of a dependency is checked against its hash in `uv.lock`, each file of the build backend against its hash in
`agent_pkg/build-constraints.txt`.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from scripts.publishing.archive import BundleError, tail

_SECONDS: Final = 900.0
_FOREIGN: Final = re.compile(r"(?:UV|PYTHON|HATCH).*|VIRTUAL_ENV")
_OURS: Final = re.compile(
    r"UV_(?:(?:DEFAULT_|EXTRA_)?INDEX(?:_.*)?|FIND_LINKS|KEYRING_PROVIDER|OFFLINE|CACHE_DIR|NO_CACHE|HTTP_.*"
    r"|REQUEST_TIMEOUT|CONCURRENT_.*|NATIVE_TLS|SYSTEM_CERTS|INSECURE_HOST)"
)
"""Where packages come from. Others switch things off: UV_NO_VERIFY_HASHES, UV_NO_BUILD_ISOLATION, and the next one."""
_UPLOAD: Final = re.compile(r"UV_PUBLISH_(?:TOKEN|USERNAME|PASSWORD)")
_UNREACHABLE: Final = re.compile(r"Failed to (?:fetch|download)|error sending request|network was disabled")


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


def environment(command: str, env: Mapping[str, str]) -> dict[str, str]:
    """Return what uv gets of an environment.

    Args:
        command: Of uv; `publish` alone gets the credentials for it.
        env: The caller's.
    """
    wanted = [_OURS, *([_UPLOAD] if command == "publish" else [])]
    kept = {
        name: value
        for name, value in env.items()
        if not _FOREIGN.fullmatch(name) or any(pattern.fullmatch(name) for pattern in wanted)
    }
    return {**kept, "SOURCE_DATE_EPOCH": "315532800"}


def run_uv(*args: str, root: Path) -> str:
    """Run uv quietly in a workspace; return what it printed.

    Args:
        args: Its arguments, the command first. No secrets: others see them.
        root: Where.

    Raises:
        BundleError: If it fails, with the last of what it said.
    """
    try:
        done = subprocess.run(
            [find_uv(), "--quiet", "--no-config", *args],
            cwd=root,
            env=environment(args[0], os.environ),
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise BundleError(f"uv {args[0]} did not end in {_SECONDS:.0f} s; is the package index reachable?") from None
    if done.returncode != 0:
        raise BundleError(f"uv {args[0]} failed:\n{tail(done.stderr)}{_hint(done.stderr)}")
    return done.stdout


def _hint(said: str) -> str:
    if not _UNREACHABLE.search(said) or "Hash mismatch" in said:
        return ""
    return "\nAn index of your own is named by UV_DEFAULT_INDEX; configuration files of uv do not count here."
