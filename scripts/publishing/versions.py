"""Versions of the agent: semantic versions, from `version` in `agent_pkg/pyproject.toml` and from nowhere else.

Wheel, bundles, manifest, release file, the runtime's tag and the `done` event all take it from there. A wheel spells a
pre-release in its own way (PEP 440: `0.2.0rc1`), and takes only some of what SemVer allows. So only what is one version
in both is a version here: `0.2.0`, `0.2.0-alpha.1`, `0.2.0-beta.1`, `0.2.0-rc.1`.
"""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

PYPROJECT: Final = "agent_pkg/pyproject.toml"

_NUMBER: Final = r"(?:0|[1-9][0-9]{0,4})"
_VERSION: Final = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-(alpha|beta|rc)\.({_NUMBER}))?")
_PACKAGED: Final = re.compile(
    r"([0-9]+\.[0-9]+\.[0-9]+)[-_.]?(a|b|c|rc|alpha|beta|pre|preview)[-_.]?([0-9]+)", re.ASCII
)
_SHORT: Final = {"alpha": "a", "beta": "b", "rc": "rc"}
_LONG: Final = {"a": "alpha", "alpha": "alpha", "b": "beta", "beta": "beta"}


class VersionError(Exception):
    """The version is none that can be released. The message says how to write it."""


def check(version: str) -> str:
    """Return the version if it can be released.

    Raises:
        VersionError: If it is not of the form above.
    """
    if _VERSION.fullmatch(version):
        return version
    field = f"version in {PYPROJECT}"
    if "+" in version:
        raise VersionError(
            f"{field}: {version!r} has a local part or build metadata, which no package index takes and no environment "
            f"could tell apart; leave {version[version.index('+') :]!r} away and raise the number instead"
        )
    if found := _PACKAGED.fullmatch(version):
        better = f"{found[1]}-{_LONG.get(found[2], 'rc')}.{int(found[3])}"
        raise VersionError(f"{field}: write the pre-release {version!r} as a semantic version, {better!r}")
    raise VersionError(
        f"{field}: must be a semantic version such as 0.2.0, or a pre-release -alpha.N, -beta.N or -rc.N of one, such "
        f"as 0.2.0-rc.1 (others mean nothing to a Python package); got {version!r}"
    )


def packaged(version: str) -> str:
    """Return how a wheel spells a checked version (PEP 440, normal form)."""
    found = _VERSION.fullmatch(version)
    if found is None or found[1] is None:
        return version
    return f"{version.partition('-')[0]}{_SHORT[found[1]]}{found[2]}"


def read(root: Path) -> tuple[str, str]:
    """Read name and version of the agent's package.

    Args:
        root: The workspace.

    Raises:
        VersionError: If either is missing, or the version cannot be released.
    """
    path = root / PYPROJECT
    try:
        project: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        name, version = project["name"], project["version"]
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError) as error:
        raise VersionError(
            f"{path}: has no readable project.name and project.version ({type(error).__name__})"
        ) from error
    return str(name), check(str(version))
