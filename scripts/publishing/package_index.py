"""The wheel in a package index, for teams that have one: CodeArtifact, or any that takes uploads as PyPI does.

`PACKAGE_INDEX_URL` names where to upload to, `PACKAGE_INDEX_SIMPLE_URL` where what is there is listed (PEP 503;
default: `simple/` below the first). Credentials come from uv's own variables (`UV_PUBLISH_TOKEN`, or
`UV_PUBLISH_USERNAME` and `UV_PUBLISH_PASSWORD`) or its keyring, never from the command line. uv compares before it
uploads: the same file again is fine, another file under the same name is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from scripts.publishing.archive import BundleError
from scripts.publishing.uv_tool import run_uv

VARIABLE: Final = "PACKAGE_INDEX_URL"
SIMPLE_VARIABLE: Final = "PACKAGE_INDEX_SIMPLE_URL"
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class PackageIndexError(Exception):
    """The wheel was not uploaded. The message says why, and what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageIndex:
    """Where the wheel goes to."""

    upload_url: str
    simple_url: str


def from_environment(environment: Mapping[str, str]) -> PackageIndex | None:
    """Read the settings; None if no index is wanted.

    Raises:
        PackageIndexError: If a URL is none, is not https (http on the loopback only) or holds credentials.
    """
    upload = environment.get(VARIABLE)
    if not upload:
        return None
    simple = environment.get(SIMPLE_VARIABLE) or f"{upload.rstrip('/')}/simple/"
    _check(VARIABLE, upload)
    _check(SIMPLE_VARIABLE, simple)
    return PackageIndex(upload_url=upload, simple_url=simple)


def upload(wheel: Path, index: PackageIndex, *, root: Path) -> None:
    """Upload a wheel, or leave it alone if this very file is there.

    Args:
        wheel: The file.
        index: Where to.
        root: The workspace.

    Raises:
        PackageIndexError: If the index refuses it, or has another file of that name.
    """
    try:
        run_uv(
            *("publish", "--publish-url", index.upload_url, "--check-url", index.simple_url),
            *("--trusted-publishing", "never", "--no-progress", str(wheel)),
            root=root,
        )
    except BundleError as error:
        raise PackageIndexError(
            f"{wheel.name} was not uploaded to {index.upload_url}. {error}\nIf the index has another file of this "
            "version, raise the version; if it asks for credentials, set UV_PUBLISH_TOKEN, or UV_PUBLISH_USERNAME and "
            "UV_PUBLISH_PASSWORD."
        ) from error


def _check(name: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        host, has_credentials = parts.hostname, parts.username is not None or parts.password is not None
    except ValueError:
        parts, host, has_credentials = None, None, False
    if parts is None or not host or parts.scheme not in ("http", "https"):
        raise PackageIndexError(f"{name}: must be an https URL")  # not quoted: it may hold anything
    if has_credentials:
        raise PackageIndexError(
            f"{name}: must hold no credentials, which others could read; set UV_PUBLISH_TOKEN, or UV_PUBLISH_USERNAME "
            "and UV_PUBLISH_PASSWORD"
        )
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise PackageIndexError(
            f"{name}: must be https, or anybody on the way could exchange the wheel; got http://{host}"
        )
