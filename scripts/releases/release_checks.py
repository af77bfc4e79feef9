"""What has to hold before an endpoint may move: the version is there as it was published, and nothing else changes."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from scripts.publishing.artifact_store import PublishError, Store
from scripts.releases.release_file import Release, ReleaseError

ENDPOINT_TYPE: Final = "aws_bedrockagentcore_agent_runtime_endpoint"
RUNTIME_TYPE: Final = "aws_bedrockagentcore_agent_runtime"
_RUNTIME_KEY: Final = re.compile(r"(?P<folder>.+)/(?P<version>[^/]+)/runtime-(?P<platform>.+)-py\d+\.zip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A resource that a plan would change."""

    address: str
    action: str  # create, update, delete, delete/create, create/delete
    attributes: tuple[str, ...] = ()  # of an update: those whose new value is known now, in order

    def __str__(self) -> str:
        """Return it as a line for people."""
        return f"{self.address} ({self.action}{' of ' if self.attributes else ''}{', '.join(self.attributes)})"


def check_published(s3: Any, *, bucket: str, release: Release, version: str, account_id: str | None = None) -> None:
    """Check that a version is in the artifacts bucket as it was published.

    Args:
        s3: boto3 client.
        bucket: The artifacts bucket.
        release: Of the environment; says where bundles are, and the checksums of its newest version.
        version: The agent version to look for.
        account_id: Account that the bucket has to belong to; None on a laptop.

    Raises:
        ReleaseError: If it was never published, or a bundle's checksum changed.
        ClientError, BotoCoreError: If the bucket cannot be asked.
    """
    key = manifest_key(release, version)
    where = f"s3://{bucket}/{key}"
    store = Store(s3=s3, bucket=bucket, version=version, owner=account_id)
    try:
        manifest = json.loads(store.read(key))
        made = {role: manifest["artifacts"][role] for role in ("runtime", "lambda")}
        sums = {role: (str(entry["key"]), str(entry["sha256"])) for role, entry in made.items()}
    except PublishError as failure:
        if isinstance(failure.__cause__, ClientError) and _is_missing(failure.__cause__):
            raise ReleaseError(
                f"VERSION: {version} was never published: {where} does not exist (or may not be read: that takes"
                " s3:GetObject and s3:ListBucket); publish it with `make publish-agent`"
            ) from failure
        raise ReleaseError(f"VERSION: {version}: {failure}") from failure
    except (ValueError, KeyError, TypeError) as failure:
        raise ReleaseError(
            f"{where}: is no manifest ({type(failure).__name__}); publish under a new version"
        ) from failure
    if version == release.agent_version:
        recorded = {"runtime": release.artifacts.runtime, "lambda": release.artifacts.lambda_}
        for role, bundle in recorded.items():
            if sums[role] != (bundle.key, bundle.sha256):
                raise ReleaseError(
                    f"release.artifacts.{role}: the release file says SHA-256 {bundle.sha256[:12]}… of {bundle.key},"
                    f" the manifest of {version} says {sums[role][1][:12]}… of {sums[role][0]}; one of them was changed"
                    " by hand. Publish under a new version"
                )
    for role, (bundle_key, sha256) in sums.items():
        try:
            there = store.has(bundle_key, sha256)
        except PublishError as failure:
            raise ReleaseError(
                f"s3://{bucket}/{bundle_key}: the {role} bundle's checksum changed since {version} was published, which"
                f" was SHA-256 {sha256[:12]}…; find out who wrote it, and publish under a new version"
            ) from failure
        if not there:
            raise ReleaseError(
                f"s3://{bucket}/{bundle_key}: the {role} bundle of {version} is gone, or may not be read; publish it"
                " again from the commit that its provenance names"
            )


def manifest_key(release: Release, version: str) -> str:
    """Return where the manifest of a version is, built for the same platform as the newest.

    Raises:
        ReleaseError: If the release file's key is not one that `publish` makes.
    """
    found = _RUNTIME_KEY.fullmatch(release.artifacts.runtime.key)
    if found is None:
        raise ReleaseError(
            f"release.artifacts.runtime.key: {release.artifacts.runtime.key!r} is no key that publishing makes"
        )
    return f"{found['folder']}/{version}/manifest-{found['platform']}.json"


def changes(document: Mapping[str, Any]) -> list[Change]:
    """List what a plan changes.

    Args:
        document: `terraform show -json` of a plan that compares with a state.
    """
    found = []
    for resource in document.get("resource_changes", []):
        change = resource["change"]
        if resource.get("mode") != "managed" or set(change["actions"]) <= {"no-op", "read"}:
            continue
        before, after = change.get("before") or {}, change.get("after") or {}
        # What is computed anew by the provider follows from the rest.
        computed = {name for name, unknown in (change.get("after_unknown") or {}).items() if unknown is True}
        action = "/".join(change["actions"])
        differing = _differing(before, after) - computed if action == "update" else set()
        found.append(Change(address=resource["address"], action=action, attributes=tuple(sorted(differing))))
    return found


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """List what differs between two plans of the same sources that both start from nothing.

    Args:
        before: `terraform show -json` of the plan of what is there.
        after: That of what is to be.
    """
    old, new = _planned(before), _planned(after)
    found = []
    for address in sorted({*old, *new}):
        if address not in old or address not in new:
            found.append(Change(address=address, action="create" if address in new else "delete"))
        elif differing := _differing(old[address], new[address]):
            found.append(Change(address=address, action="update", attributes=tuple(sorted(differing))))
    return found


def check_moves_only(found: list[Change], *, endpoint: str | None) -> None:
    """Check that a plan moves one endpoint and changes nothing else.

    Args:
        found: From `changes` or `differences`.
        endpoint: The endpoint that is to move; None if none is.

    Raises:
        ReleaseError: If it does something else. The message lists it.
    """
    moves = [change for change in found if endpoint is not None and _is_move(change, endpoint)]
    others = [change for change in found if change not in moves]
    _refuse(others, f"endpoint {endpoint or '(none)'}")
    if endpoint is not None and len(moves) != 1:
        raise ReleaseError(
            f"ENDPOINT: the plan does not move {endpoint}, so nothing was changed; is the release file what was applied"
            " last? See `make release-status`, then `make apply`."
        )


def check_moves_to(document: Mapping[str, Any], *, endpoints: Mapping[str, str]) -> list[Change]:
    """Check that after a plan endpoints serve what they are to serve, and that it changes nothing else.

    Other than `check_moves_only` it takes several endpoints, and those that are there already: a promotion that was
    killed may have left one behind.

    Args:
        document: `terraform show -json` of a plan that compares with a state.
        endpoints: Runtime version number by endpoint; all of them.

    Returns:
        The moves, which may be none.

    Raises:
        ReleaseError: If it does something else. The message lists it.
    """
    found = changes(document)
    _refuse([one for one in found if not any(_is_move(one, name) for name in endpoints)], "endpoints")
    served = planned_endpoints(document)
    if served != dict(endpoints):
        raise ReleaseError(f"the plan lets endpoints serve {served}, not {dict(endpoints)}, so nothing was changed")
    return found


def _refuse(others: list[Change], what: str) -> None:
    if others:
        listed = "".join(f"\n  {change}" for change in others)
        raise ReleaseError(
            f"the plan would change more than {what}, so nothing was changed:{listed}\n"
            "Apply that first with `make apply`, or undo it; then try again."
        )


def check_moves_with_apply(found: list[Change], *, endpoints: Iterable[str]) -> None:
    """Check that a plan makes a new runtime version and moves all endpoints, whatever else it changes.

    Args:
        found: From `changes`.
        endpoints: Names of all endpoints.

    Raises:
        ReleaseError: If it does not.
    """
    if not any(
        f".{change.address}".endswith(f".{RUNTIME_TYPE}.this") and change.action == "update" for change in found
    ):
        raise ReleaseError(
            "--with-apply: the plan makes no new version of the runtime, so nothing was changed; is the release file"
            " what was applied last? See `make release-status`."
        )
    still = [name for name in endpoints if not any(_is_move(change, name) for change in found)]
    if still:
        raise ReleaseError(f"--with-apply: the plan does not move {', '.join(sorted(still))}, so nothing was changed")


def planned_endpoints(document: Mapping[str, Any]) -> dict[str, str]:
    """Return which runtime version a plan lets each endpoint serve.

    Args:
        document: `terraform show -json` of the plan.
    """
    served = [values for address, values in _planned(document).items() if f".{ENDPOINT_TYPE}." in f".{address}"]
    return {values["name"]: values["agent_runtime_version"] for values in served}


def made_version(document: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the runtime's newest version in a state, and the agent that it runs; None if there is no runtime.

    Args:
        document: `terraform show -json` of a state.
    """
    for address, values in _resources((document.get("values") or {}).get("root_module") or {}):
        if f".{address}".endswith(f".{RUNTIME_TYPE}.this"):
            return str(values["agent_runtime_version"]), str(values["tags"]["AgentVersion"])
    return None


def _is_move(change: Change, endpoint: str) -> bool:
    named = f'.{ENDPOINT_TYPE}.this["{endpoint}"]'
    moved = change.action == "update" and change.attributes == ("agent_runtime_version",)
    return moved and f".{change.address}".endswith(named)


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def _planned(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return dict(_resources((document.get("planned_values") or {}).get("root_module") or {}))


def _resources(module: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for resource in module.get("resources", []):
        if resource.get("mode") == "managed":
            yield resource["address"], resource.get("values") or {}
    for child in module.get("child_modules", []):
        yield from _resources(child)


def _is_missing(failure: ClientError) -> bool:
    return failure.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404)
