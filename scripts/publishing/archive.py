"""Turn an installed tree into a zip that is the same wherever and whenever it is made."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
_LEVEL: Final = 6  # level 9 takes three times as long and saves 0.7 %
# What an installer notes about the installation. RECORD would also list the files that are left out here.
_INSTALLER_FILES: Final = frozenset(
    {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}
)


class BundleError(Exception):
    """A bundle cannot be built. The message says what to change, or ends with what the failed tool said."""


def tail(text: str) -> str:
    """Return the last lines of a tool's output, enough to see why it failed."""
    return "\n".join(text.strip().splitlines()[-15:])


def trim(tree: Path, *, services: frozenset[str]) -> None:
    """Remove what no bundle loads. Licence texts and package metadata stay: entry points are found through them.

    Args:
        tree: Folder with packages beside each other, botocore among them.
        services: botocore's names of the services that the bundle calls; the models of all others go.

    Raises:
        BundleError: If botocore has no model of a service.
    """
    # Console scripts: nobody runs them there, and their first line is a path of the machine that built them.
    shutil.rmtree(tree / "bin", ignore_errors=True)
    (tree / ".lock").unlink(missing_ok=True)
    for tests in tree.glob("*/tests"):
        shutil.rmtree(tests)
    for note in tree.glob("*.dist-info/*"):
        if note.name in _INSTALLER_FILES:
            note.unlink()
    models = tree / "botocore" / "data"
    known = {path.name for path in models.iterdir() if path.is_dir()}
    if unknown := services - known:
        raise BundleError(f"services: botocore has no model of {', '.join(sorted(unknown))}; was it renamed?")
    for service in known - services:
        shutil.rmtree(models / service)


def byte_compile(tree: Path) -> None:
    """Write byte-code beside each module, so that a cold start does not compile 1,700 of them.

    Unchecked: Python loads it without a look at the source. The default stamps the source's time, which a zip does not
    keep, and a checked hash means to read every source again. A bundle's content never changes, so nothing is lost.

    Args:
        tree: Folder with packages. Paths in the byte-code are relative to it; an import puts the real ones back.

    Raises:
        BundleError: If a module does not compile.
    """
    # One process, files in order, a fixed hash seed: what marshal writes depends on what the process has seen before.
    where = ("-s", str(tree), str(tree))
    done = subprocess.run(
        [sys.executable, "-S", "-s", "-m", "compileall", "-q", "-j1", "--invalidation-mode=unchecked-hash", *where],
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | {"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BundleError(f"compileall failed:\n{tail(done.stdout + done.stderr)}")


def append(target: Path, tree: Path, *, extra: Mapping[str, str] | None = None) -> None:
    """Append a tree to a zip, in order of names, all with one time and the same permissions.

    Args:
        target: The zip; made if it is missing.
        tree: Folder whose files to add, named relative to it.
        extra: More files: name in the zip to text.
    """
    texts = {name: text.encode() for name, text in (extra or {}).items()}
    files = {path.relative_to(tree).as_posix(): path for path in tree.rglob("*") if path.is_file()}
    with zipfile.ZipFile(target, "a") as archive:
        for name in sorted({*files, *texts}):
            info = zipfile.ZipInfo(name, date_time=_EPOCH)
            info.create_system = 3  # Unix, so that the permissions count: the runtime's own user must read the files
            info.external_attr = 0o100644 << 16
            content = texts[name] if name in texts else files[name].read_bytes()
            archive.writestr(info, content, compress_type=zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)
