"""Promotion and rollback of an environment: one value of its release file, and a plan that moves one endpoint.

The file is written last, once everything was checked; `make apply` then does what the plan showed.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from botocore.exceptions import BotoCoreError, ClientError

from scripts.plan import PlanResult, offline_workspace, plan, report_of
from scripts.plans.report import print_report
from scripts.publishing.artifact_store import PublishError
from scripts.publishing.target import client, environment_target
from scripts.releases import release_file
from scripts.releases.release_checks import (
    Change,
    changes,
    check_moves_only,
    check_moves_with_apply,
    check_published,
    differences,
    planned_endpoints,
)
from scripts.releases.release_file import Release, ReleaseError
from scripts.terraform import environments
from scripts.terraform.environments import Environment

Progress = Callable[[str], None]
Bucket = Callable[[Release, str], None]
"""Checks that a version is published; raises ReleaseError if it is not."""

_ROOT: Final = environments.SOURCES


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What was decided, and how it was checked."""

    before: Release
    after: Release
    path: Path  # of the release file
    offline: bool  # nothing was asked of AWS


def promote(
    name: str,
    *,
    version: str,
    endpoint: str,
    share_percent: int | None,
    with_apply: bool = False,
    sources: Path = _ROOT,
    bucket: Bucket | None = None,
    progress: Progress = lambda _: None,
    stream: TextIO | None = None,
) -> Changed:
    """Let an endpoint of an environment serve an agent version, from the next apply on.

    Args:
        name: Of the environment.
        version: The agent version.
        endpoint: `candidate` or `live`.
        share_percent: Share of new sessions that the candidate gets; None leaves it as it is.
        with_apply: Whether all endpoints move with the next apply, which changes the contract; the plan may then change
            everything else too.
        sources: The Terraform sources.
        bucket: Checks that the version is published; None asks the environment's artifacts bucket, if it is real.
        progress: Gets a line for each step.
        stream: Where the plan is printed; standard output unless given.

    Raises:
        EnvironmentProblem: If there is no such environment.
        ReleaseError: If the version may not be promoted, or the plan does not do what was asked, or more.
        TerraformError: If terraform refuses.
        BotoCoreError, ClientError: If a real environment's bucket cannot be asked.
    """
    chosen = environments.environment_named(name, sources=sources)
    before = release_file.load(chosen.release)
    after = before.promoted(version, endpoint, share_percent=share_percent, with_apply=with_apply)
    check = bucket or bucket_of(chosen)
    if check is None:
        progress(f"not asked of the artifacts bucket: {name} is not connected to an account (no {chosen.backend.name})")
    else:
        check(before, version)
        progress(f"{version} is in the artifacts bucket as it was published")
    if with_apply:
        return _change_with_apply(chosen, before, after, sources=sources, progress=progress, stream=stream)
    return _change(chosen, before, after, endpoint=endpoint, sources=sources, progress=progress, stream=stream)


def roll_back(
    name: str,
    *,
    endpoint: str,
    sources: Path = _ROOT,
    progress: Progress = lambda _: None,
    stream: TextIO | None = None,
) -> Changed:
    """Let an endpoint of an environment serve what it served before, from the next apply on.

    The bucket is not asked: AgentCore keeps its versions, and a rollback must not wait for anything.

    Args:
        name: Of the environment.
        endpoint: `live` or `candidate`.
        sources: The Terraform sources.
        progress: Gets a line for each step.
        stream: Where the plan is printed; standard output unless given.

    Raises:
        EnvironmentProblem, ReleaseError, TerraformError: As `promote`.
    """
    chosen = environments.environment_named(name, sources=sources)
    before = release_file.load(chosen.release)
    after = before.rolled_back(endpoint)
    return _change(chosen, before, after, endpoint=endpoint, sources=sources, progress=progress, stream=stream)


def _change(
    chosen: Environment,
    before: Release,
    after: Release,
    *,
    endpoint: str,
    sources: Path,
    progress: Progress,
    stream: TextIO | None,
) -> Changed:
    moving = endpoint if before.endpoints[endpoint] != after.endpoints[endpoint] else None
    if chosen.is_real:
        made = plan(chosen.name, release=after.to_json(), sources=sources, progress=progress)
        print_report(report_of(made), stream=stream)
        found, offline = changes(made.document), False
    else:
        found, offline = _offline(chosen, before, after, sources=sources, progress=progress), True
        _print_offline(chosen, found, stream)
    check_moves_only(found, endpoint=moving)
    return _written(chosen, before, after, offline=offline)


def _change_with_apply(
    chosen: Environment, before: Release, after: Release, *, sources: Path, progress: Progress, stream: TextIO | None
) -> Changed:
    """Plan everything that the next apply will do, and check that all endpoints move in it."""
    out = sys.stdout if stream is None else stream
    if chosen.is_real:
        made = plan(chosen.name, release=after.to_json(), sources=sources, progress=progress)
        found = changes(made.document)
    else:  # with what was before there is no plan to compare with: its endpoints serve the old contract
        with offline_workspace(sources=sources) as workspace:
            made = workspace.plan(chosen.name, release=after.to_json(), progress=progress)
        found = []
    print_report(report_of(made), stream=out)
    if chosen.is_real:
        check_moves_with_apply(found, endpoints=after.endpoints)
    served = planned_endpoints(made.document)
    if served != dict(after.endpoints):
        raise ReleaseError(f"--with-apply: the plan lets endpoints serve {served}, so nothing was changed")
    for name, number in sorted(after.endpoints.items()):
        print(
            f"  ~ endpoint {name}: runtime version {before.endpoints[name]} -> {number}, agent {after.agent_version},"
            f" contract {before.contract_of(before.endpoints[name])} -> {after.contract_version}",
            file=out,
        )
    print(
        "Functions change in the same apply; sessions that run stay on their agent and may fail until they end.",
        file=out,
    )
    return _written(chosen, before, after, offline=not chosen.is_real)


def _written(chosen: Environment, before: Release, after: Release, *, offline: bool) -> Changed:
    if release_file.load(chosen.release) != before:  # somebody else, while the plan was made
        raise ReleaseError(f"{chosen.release}: was changed meanwhile, so nothing was written; try again")
    release_file.save(after, chosen.release)
    return Changed(before=before, after=after, path=chosen.release, offline=offline)


def _offline(
    chosen: Environment, before: Release, after: Release, *, sources: Path, progress: Progress
) -> list[Change]:
    """Plan both releases from nothing and compare: without remote state there is nothing else to compare with."""
    with offline_workspace(sources=sources) as workspace:
        made: list[PlanResult] = [
            workspace.plan(chosen.name, release=release.to_json(), progress=progress) for release in (before, after)
        ]
    return differences(made[0].document, made[1].document)


def _print_offline(chosen: Environment, found: list[Change], stream: TextIO | None) -> None:
    out = sys.stdout if stream is None else stream
    print(f"Plan of {chosen.name}, offline: nothing was asked of AWS", file=out)
    for change in found:
        print(f"  ~ {change}", file=out)
    if not found:
        print("  no resource changes", file=out)
    print(
        f"Offline: two plans from nothing were compared, since {chosen.name} has no {chosen.backend.name}. It does not"
        " show what differs from what runs.",
        file=out,
        flush=True,
    )


def bucket_of(chosen: Environment) -> Bucket | None:
    """Return what asks an environment's artifacts bucket; None if the environment is not real.

    Its refusal has the error of AWS as its cause, if AWS could not be asked.
    """
    if not chosen.is_real:
        return None

    def check(release: Release, version: str) -> None:
        try:
            target = environment_target(chosen.name, bucket=None, endpoint_url=None)
            s3 = client(target, env=os.environ)
            check_published(s3, bucket=target.bucket, release=release, version=version, account_id=target.account_id)
        except PublishError as failure:
            raise ReleaseError(str(failure)) from failure
        except (BotoCoreError, ClientError) as failure:
            raise ReleaseError(
                f"the artifacts bucket of {chosen.name} cannot be asked whether {version} is published ({failure});"
                " sign in to its account, then try again"
            ) from failure

    return check


def service_versions(chosen: Environment, outputs: Mapping[str, Any], *, control: Any) -> dict[str, tuple[str, str]]:
    """Ask AgentCore which version each endpoint serves.

    Args:
        chosen: The environment.
        outputs: Of its last apply, where the runtime's id is.
        control: boto3 client of bedrock-agentcore-control.

    Returns:
        Live and target version number by endpoint; they differ while the service moves an endpoint.

    Raises:
        ReleaseError: If the outputs hold no runtime.
        BotoCoreError, ClientError: If the service refuses or does not answer.
    """
    runtime = outputs.get("runtime")
    runtime_id = runtime.get("id") if isinstance(runtime, Mapping) else None
    if not isinstance(runtime_id, str):
        raise ReleaseError(f"{chosen.outputs_file}: names no runtime; run `make apply ENV={chosen.name}`")
    found: dict[str, tuple[str, str]] = {}
    for endpoint in _pages(control.list_agent_runtime_endpoints, "runtimeEndpoints", runtime_id):
        live = endpoint.get("liveVersion", "")
        found[endpoint["name"]] = (live, endpoint.get("targetVersion") or live)
    return found


def newest_version(outputs: Mapping[str, Any], *, control: Any) -> str | None:
    """Ask AgentCore for the number of the runtime's newest version; None if it has none.

    Args:
        outputs: Of the environment's last apply.
        control: boto3 client of bedrock-agentcore-control.

    Raises:
        BotoCoreError, ClientError: If the service refuses or does not answer.
    """
    versions = _pages(control.list_agent_runtime_versions, "agentRuntimes", outputs["runtime"]["id"])
    return max((version["agentRuntimeVersion"] for version in versions), key=int, default=None)


def _pages(call: Callable[..., Mapping[str, Any]], key: str, runtime_id: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = call(agentRuntimeId=runtime_id, **token)
        found += page[key]
        if not page.get("nextToken"):
            return found
        token = {"nextToken": page["nextToken"]}
