"""Promotion and rollback on the running laptop AWS: they act at once, and a failure leaves everything as it was."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from local_aws.runtime.history import HISTORY_FILE, VersionHistory
from local_aws.stack.state import StateFolder
from scripts.apply import apply_held, apply_release, running_laptop
from scripts.laptop.laptop import Laptop, release_file_of
from scripts.laptop.lock import changing
from scripts.laptop.platform import Progress, ReloadError
from scripts.releases import release_file
from scripts.releases.release_checks import check_published
from scripts.releases.release_file import Release, ReleaseError
from scripts.terraform.ending import undisturbed
from scripts.terraform.setup import TerraformError

_PING_SECONDS: Final = 5.0
_COMES_ALONG: Final = {
    "authorizer": "authorizer_configuration",
    "headers": "request_header_configuration",
    "environment": "environment_variables",
}


def promote(
    state_dir: Path,
    *,
    version: str,
    endpoint: str,
    share_percent: int | None,
    with_apply: bool = False,
    progress: Progress,
) -> Release:
    """Let an endpoint of the running stack serve an agent version.

    Args:
        state_dir: The stack's folder.
        version: The agent version.
        endpoint: `candidate` or `live`.
        share_percent: Share of new sessions that the candidate gets; None leaves it as it is.
        with_apply: Whether the platform is applied too and all endpoints move in that, since the contract changes.
        progress: Gets a line for each phase.

    Returns:
        The release as it is now.

    Raises:
        NoStack: If no stack is running there.
        ReleaseError: If the version may not be promoted.
        TerraformError, ReloadError: If it could not be applied; the endpoints are where they were.
    """
    stack, laptop = running_laptop(state_dir)
    with changing(laptop.state, progress):
        before = release_file.load(release_file_of(laptop.state))
        after = before.promoted(version, endpoint, share_percent=share_percent, with_apply=with_apply)
        check_published(laptop.client("s3"), bucket=stack["buckets"]["artifacts"], release=before, version=version)
        if with_apply:
            return _apply_with_endpoints(state_dir, before, after, progress)
        return _change(state_dir, before, after, progress)


def roll_back(state_dir: Path, *, endpoint: str, progress: Progress, other_authorizer: bool = False) -> Release:
    """Let an endpoint of the running stack serve what it served before its last promotion.

    Args:
        state_dir: The stack's folder.
        endpoint: `live` or `candidate`.
        progress: Gets a line for each phase.
        other_authorizer: Whether to go back to a version that admits other users too.

    Raises:
        NoStack, ReleaseError, TerraformError, ReloadError: As `promote`.
    """
    _, laptop = running_laptop(state_dir)
    with changing(laptop.state, progress):
        before = release_file.load(release_file_of(laptop.state))
        after = before.rolled_back(endpoint)
        _compare(laptop, before.endpoints[endpoint], after.endpoints[endpoint], endpoint, other_authorizer, progress)
        return _change(state_dir, before, after, progress)


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


def _compare(laptop: Laptop, now: str, then: str, endpoint: str, other_authorizer: bool, progress: Progress) -> None:
    """Say what comes back with a runtime version besides its agent, and refuse another authorizer unless it is meant.

    Raises:
        ReleaseError: If it has another authorizer.
    """
    versions = VersionHistory.load(laptop.state.path / HISTORY_FILE).versions
    if now not in versions or then not in versions:
        return
    differing = [name for name, field in _COMES_ALONG.items() if versions[now].get(field) != versions[then].get(field)]
    if "authorizer" in differing and not other_authorizer:
        raise ReleaseError(
            f"ENDPOINT: runtime version {then} has another authorizer than version {now}, which {endpoint} serves:"
            " users of an app client or a tier that came after it would be refused there. Go forward with"
            " `make promote`, or go back all the same: ARGS=--other-authorizer"
        )
    if differing:
        progress(f"runtime version {then} comes back with its own {', '.join(differing)}, other than those of {now}")


def _change(state_dir: Path, before: Release, after: Release, progress: Progress) -> Release:
    file = release_file_of(StateFolder(path=state_dir.absolute()))
    release_file.save(after, file)
    try:
        return apply_release(state_dir, progress)
    except BaseException as failure:
        with undisturbed():
            progress("taking it back")
            _restore(before, file, lambda: apply_release(state_dir, progress, unsure=True), failure)
        raise


def _apply_with_endpoints(state_dir: Path, before: Release, after: Release, progress: Progress) -> Release:
    file = release_file_of(StateFolder(path=state_dir.absolute()))
    release_file.save(after, file)
    try:
        return apply_held(state_dir, progress).release
    except BaseException as failure:
        if release_file.load(file) == after:  # else the runtime's version is recorded, and endpoints are on it
            release_file.save(before, file)
        failure.add_note("Functions may be of the new contract already: try again, or start anew with `make down up`.")
        raise


def _restore(before: Release, file: Path, again: Callable[[], Release], failure: BaseException) -> None:
    """Go back to what was applied; if that fails too, say so with the failure that began it."""
    release_file.save(before, file)
    try:
        again()
    except (TerraformError, ReloadError, ReleaseError, OSError, ValueError) as second:
        failure.add_note(f"The endpoints could not be moved back either ({second}); start anew with `make down up`.")
