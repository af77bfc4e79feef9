"""Promotion and rollback on the running laptop AWS: they act at once, and a failure leaves everything as it was."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from local_aws.stack.state import StateFolder
from scripts.apply import apply_release, running_laptop
from scripts.laptop.laptop import release_file_of
from scripts.laptop.platform import Progress, ReloadError
from scripts.releases import release_file
from scripts.releases.release_checks import check_published
from scripts.releases.release_file import Release, ReleaseError
from scripts.terraform.setup import TerraformError

_PING_SECONDS: Final = 5.0


def promote(state_dir: Path, *, version: str, endpoint: str, share_percent: int | None, progress: Progress) -> Release:
    """Let an endpoint of the running stack serve an agent version.

    Args:
        state_dir: The stack's folder.
        version: The agent version.
        endpoint: `candidate` or `live`.
        share_percent: Share of new sessions that the candidate gets; None leaves it as it is.
        progress: Gets a line for each phase.

    Returns:
        The release as it is now.

    Raises:
        NoStack: If no stack is running there.
        ReleaseError: If the version may not be promoted.
        TerraformError, ReloadError: If it could not be applied; the endpoints are where they were.
    """
    stack, laptop = running_laptop(state_dir)
    before = release_file.load(release_file_of(laptop.state))
    after = before.promoted(version, endpoint, share_percent=share_percent)
    check_published(laptop.client("s3"), bucket=stack["buckets"]["artifacts"], release=before, version=version)
    return _change(state_dir, before, after, progress)


def roll_back(state_dir: Path, *, endpoint: str, progress: Progress) -> Release:
    """Let an endpoint of the running stack serve what it served before its last promotion.

    Args:
        state_dir: The stack's folder.
        endpoint: `live` or `candidate`.
        progress: Gets a line for each phase.

    Raises:
        NoStack, ReleaseError, TerraformError, ReloadError: As `promote`.
    """
    _, laptop = running_laptop(state_dir)
    before = release_file.load(release_file_of(laptop.state))
    return _change(state_dir, before, before.rolled_back(endpoint), progress)


def served(stack: Mapping[str, Any]) -> dict[str, str]:
    """Ask the running Runtime stand-in which version each endpoint serves.

    Args:
        stack: Content of stack.json.

    Raises:
        ReloadError: If it does not answer.
    """
    parts = urlsplit(stack["runtime_url"])
    url = f"{parts.scheme}://{parts.netloc}/ping"
    try:
        answer = httpx.get(url, timeout=_PING_SECONDS, trust_env=False).raise_for_status()
        return dict(answer.json()["endpoints"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as failure:
        raise ReloadError(f"{url}: no answer ({type(failure).__name__}); see `make logs`") from failure


def _change(state_dir: Path, before: Release, after: Release, progress: Progress) -> Release:
    file = release_file_of(StateFolder(path=state_dir.absolute()))
    release_file.save(after, file)
    try:
        return apply_release(state_dir, progress)
    except BaseException as failure:
        _restore(before, file, lambda: apply_release(state_dir, progress), failure)
        raise


def _restore(before: Release, file: Path, again: Callable[[], Release], failure: BaseException) -> None:
    """Go back to what was applied; if that fails too, say so with the failure that began it."""
    release_file.save(before, file)
    try:
        again()
    except (TerraformError, ReloadError, ReleaseError) as second:
        failure.add_note(f"The endpoints could not be moved back either ({second}); start anew with `make down up`.")
