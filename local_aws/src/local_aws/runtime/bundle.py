"""The published agent: fetched from S3 as the execution role, verified, unpacked.

Never the source tree: what a session runs is what `publish` uploaded and Terraform recorded.
"""

from __future__ import annotations

import hashlib
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, Final

from local_aws.runtime.config import CodeLocation
from local_aws.runtime.errors import BundleError

Download = Callable[[CodeLocation, IO[bytes]], None]
"""Writes the object to a file; raises BundleError if it cannot be had."""

_MAX_UNPACKED_BYTES: Final = 750_000_000
"""Largest bundle once unpacked. Source: AgentCore quotas, direct code deployment."""


def prepare_bundle(code: CodeLocation, *, directory: Path, download: Download) -> Path:
    """Return the directory of the unpacked bundle, fetching it unless it is there already.

    Args:
        code: Which bundle.
        directory: Holds one directory for each bundle, named by its checksum.
        download: How to fetch it.

    Raises:
        BundleError: If it cannot be fetched, has another checksum, or is no sound archive.
    """
    target = directory / code.sha256
    if target.is_dir():  # it gets this name only when it is complete
        return target
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=directory) as scratch:
        archive = Path(scratch) / "bundle.zip"
        with archive.open("wb") as file:
            download(code, file)
        _verify(archive, code)
        unpacked = Path(scratch) / "bundle"
        _unpack(archive, unpacked)
        if not (unpacked / code.entry_point).is_file():
            raise BundleError(f"s3://{code.bucket}/{code.key}: {code.entry_point!r} is not in the bundle")
        unpacked.rename(target)
    return target


def _verify(archive: Path, code: CodeLocation) -> None:
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != code.sha256:
        raise BundleError(
            f"s3://{code.bucket}/{code.key}: SHA-256 is {found}, but {code.sha256} was recorded; publish the agent"
            " again, then apply Terraform"
        )


def _unpack(archive: Path, target: Path) -> None:
    target.mkdir()
    try:
        with zipfile.ZipFile(archive) as bundle:
            if sum(entry.file_size for entry in bundle.infolist()) > _MAX_UNPACKED_BYTES:
                raise BundleError(f"the bundle is larger than {_MAX_UNPACKED_BYTES} bytes once unpacked")
            for entry in bundle.infolist():
                _unpack_entry(bundle, entry, target)
    except (zipfile.BadZipFile, OSError, RuntimeError) as failure:
        raise BundleError(f"the bundle cannot be unpacked: {failure}") from failure


def _unpack_entry(bundle: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    path = PurePosixPath(entry.filename)
    mode = entry.external_attr >> 16
    # zipfile would quietly put such an entry elsewhere; a bundle that holds one was not made by us.
    if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or stat.S_ISLNK(mode):
        raise BundleError(f"the bundle has an entry that points elsewhere: {entry.filename!r}")
    destination = target.joinpath(*path.parts)
    if entry.is_dir():
        destination.mkdir(parents=True, exist_ok=True)
        return
    destination.parent.mkdir(parents=True, exist_ok=True)
    with bundle.open(entry) as source, destination.open("xb") as file:
        shutil.copyfileobj(source, file)
    # Readable for sure, executable if it was; nothing writes to a bundle.
    destination.chmod(0o555 if mode & 0o100 else 0o444)
