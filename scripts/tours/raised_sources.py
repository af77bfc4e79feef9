"""Copies of the agent's sources with another version, to build the next release from without touching these."""

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scripts import bundle
from scripts.bundle import Bundles, Progress
from scripts.publishing.versions import PYPROJECT, read

_WORKSPACE: Final = ("pyproject.toml", "uv.lock", "local_aws/pyproject.toml")
"""What uv needs of the workspace to export the agent's locked dependencies."""
_CONTRACT: Final = "agent_pkg/src/clinic_agent/contract.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class RaisedSources:
    """A copy of the workspace."""

    root: Path
    version: str

    def build(self, *, out: Path | None = None, progress: Progress = lambda _: None) -> Bundles:
        """Build the copy's bundles; dependencies come from the workspace's cache.

        Args:
            out: Cache for the bundles; None is the workspace's.
            progress: Gets one line for each step that takes time.

        Raises:
            BundleError: If they cannot be built.
        """
        return bundle.build(root=self.root, out=out or bundle.ROOT / "build", progress=progress)

    def edit(self, file: str, pattern: str, replacement: str) -> None:
        """Change the one place of a file that matches.

        Raises:
            ValueError: If not exactly one place does.
        """
        path = self.root / file
        text, count = re.subn(pattern, replacement, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        if count != 1:
            raise ValueError(f"{file}: {pattern!r} occurs {count} times, expected once")
        path.write_text(text, encoding="utf-8")

    def need_contract(self, number: int) -> None:
        """Let the agent need another contract of the platform."""
        self.edit(_CONTRACT, r"^CONTRACT_VERSION: Final = \d+$", f"CONTRACT_VERSION: Final = {number}")


def raised(target: Path, version: str, *, source: Path = bundle.ROOT) -> RaisedSources:
    """Copy what the agent is built from, with another version.

    Args:
        target: Folder to make.
        version: The copy's.
        source: The workspace.

    Raises:
        OSError: If it cannot be copied.
    """
    for name in _WORKSPACE:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
    shutil.copytree(source / "agent_pkg", target / "agent_pkg", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    made = RaisedSources(root=target, version=version)
    made.edit(PYPROJECT, r'^version = "[^"]+"$', f'version = "{version}"')
    return made


def next_minor(taken: Iterable[str], *, source: Path = bundle.ROOT) -> str:
    """Return the version after the workspace's and all that are taken, such as 0.3.0 after 0.1.7 and 0.2.0.

    Args:
        taken: Versions that were published or applied: what they are made of never changes.
        source: The workspace.

    Raises:
        VersionError: If the workspace's version cannot be read.
    """
    major, minor, _ = max(_numbers(version) for version in (read(source)[1], *taken))
    return f"{major}.{minor + 1}.0"


def published_versions(s3: Any, *, bucket: str, manifest_key: str) -> list[str]:
    """List the versions in an artifacts bucket.

    Args:
        s3: boto3 client.
        bucket: The bucket.
        manifest_key: Of any version.
    """
    folder = manifest_key.rsplit("/", 2)[0] + "/"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder, Delimiter="/")
    return [one["Prefix"].rstrip("/").rpartition("/")[2] for page in pages for one in page.get("CommonPrefixes", [])]


def empty_cache(folder: Path) -> Path:
    """Make a cache that has no bundles and finds the dependencies of the workspace's: what is built is built anew."""
    folder.mkdir(exist_ok=True)
    if not (folder / "layers").exists():
        (folder / "layers").symlink_to(bundle.ROOT / "build" / "layers")
    return folder


def _numbers(version: str) -> tuple[int, int, int]:
    major, minor, patch = (int(number) for number in version.partition("-")[0].split("."))
    return major, minor, patch
