"""What a promotion plans: one endpoint, and nothing else."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.deployment import release_environment
from scripts.plan import OfflineWorkspace, offline_workspace
from scripts.releases import release_file
from scripts.releases.release_checks import changes, check_moves_only, check_moves_with_apply, planned_endpoints
from scripts.releases.release_file import CANDIDATE, LIVE, Release, ReleaseError
from scripts.terraform.environments import SOURCES, copy_sources
from scripts.terraform.setup import TerraformError

pytestmark = pytest.mark.timeout(600)  # plans of a whole environment, on a machine that may have other things to do


def sample() -> Release:
    return release_file.load(SOURCES / "envs" / "release.sample.tfvars.json")


def published(release: Release | None, version: str, digit: str) -> Release:
    folder = f"agents/clinic-agent/{version}"
    made = sample()
    artifacts = {
        role: {"key": f"{folder}/{role}-linux-arm64-py311.zip", "sha256": digit * 64} for role in ("runtime", "lambda")
    }
    manifest = {
        "version": version,
        "contract_version": made.contract_version,
        "runtime": made.artifacts.runtime_name,
        "lambda_runtime": made.artifacts.lambda_runtime,
        "architecture": made.artifacts.architecture,
        "artifacts": artifacts,
    }
    return release_file.with_published(release, manifest)


@pytest.fixture(scope="module")
def workspace() -> Iterator[OfflineWorkspace]:
    with offline_workspace() as made:
        yield made


def newest(state: Path) -> str:
    """The runtime's newest version, as the recorded state has it."""
    found = [
        instance["attributes"]["agent_runtime_version"]
        for resource in json.loads(state.read_text())["resources"]
        if resource["type"] == "aws_bedrockagentcore_agent_runtime"
        for instance in resource["instances"]
    ]
    assert len(found) == 1
    return str(found[0])


def test_apply_makes_a_version_and_a_promotion_moves_one_endpoint(workspace: OfflineWorkspace, tmp_path: Path) -> None:
    first = published(None, "0.1.0", "a")
    state = workspace.apply("staging", into=tmp_path / "1", release=first.to_json())
    assert newest(state) == "1"
    second = published(first.with_applied("1", "0.1.0"), "0.2.0", "b")

    # The new agent: runtime and functions change, endpoints do not.
    found = changes(workspace.plan("staging", release=second.to_json(), state=state).document)
    assert any(change.address.endswith("aws_bedrockagentcore_agent_runtime.this") for change in found)
    assert not [change for change in found if "agent_runtime_endpoint" in change.address]
    state = workspace.apply("staging", into=tmp_path / "2", release=second.to_json(), state=state)
    applied = second.with_applied(newest(state), "0.2.0")
    assert applied.runtime_versions == {"1": "0.1.0", "2": "0.2.0"}

    for promoted, endpoint in (
        (applied.promoted("0.2.0", CANDIDATE, share_percent=20), CANDIDATE),
        (applied.promoted("0.2.0", LIVE), LIVE),
    ):
        found = changes(workspace.plan("staging", release=promoted.to_json(), state=state).document)
        assert [(change.action, change.attributes) for change in found] == [("update", ("agent_runtime_version",))]
        check_moves_only(found, endpoint=endpoint)
        with pytest.raises(ReleaseError, match="would change more than endpoint"):
            check_moves_only(found, endpoint=LIVE if endpoint == CANDIDATE else CANDIDATE)

    # Only the share: no resource knows it.
    shared = applied.promoted("0.2.0", LIVE)
    state = workspace.apply("staging", into=tmp_path / "3", release=shared.to_json(), state=state)
    assert changes(workspace.plan("staging", release=shared.to_json(), state=state).document) == []
    back = changes(workspace.plan("staging", release=shared.rolled_back(LIVE).to_json(), state=state).document)
    check_moves_only(back, endpoint=LIVE)


def test_a_release_of_another_contract_moves_functions_and_endpoints_in_one_apply(
    workspace: OfflineWorkspace, tmp_path: Path
) -> None:
    """The platform's contract is 1, so what runs is made to look like one of contract 9."""
    first = published(None, "0.1.0", "a")
    state = workspace.apply("staging", into=tmp_path / "1", release=first.to_json())
    running = dataclasses.replace(first, contract_version=9).with_applied("1", "0.1.0")
    raised = published(running, "0.2.0", "b")
    assert (raised.contract_version, raised.coming) == (1, "2")
    with pytest.raises(TerraformError, match="must serve agents of contract 1"):
        workspace.plan("staging", release=raised.to_json(), state=state)

    moved = raised.promoted("0.2.0", LIVE, with_apply=True)
    document = workspace.plan("staging", release=moved.to_json(), state=state).document
    check_moves_with_apply(changes(document), endpoints=moved.endpoints)
    assert planned_endpoints(document) == {"live": "2", "candidate": "2"}
    with pytest.raises(ReleaseError, match="would change more than endpoint live"):
        check_moves_only(changes(document), endpoint=LIVE)

    state = workspace.apply("staging", into=tmp_path / "2", release=moved.to_json(), state=state)
    assert newest(state) == "2"
    applied = moved.with_applied("2", "0.2.0", whole=True)
    assert (applied.runtime_contracts, applied.coming) == ({"1": 9, "2": 1}, None)
    assert changes(workspace.plan("staging", release=applied.to_json(), state=state).document) == []
    with pytest.raises(ReleaseError, match=r"runtime version 1 \(0\.1\.0\) is of contract 9, and the functions are of"):
        applied.rolled_back(LIVE)


def test_endpoints_stay_if_the_apply_makes_another_number(workspace: OfflineWorkspace, tmp_path: Path) -> None:
    first = published(None, "0.1.0", "a")
    state = workspace.apply("staging", into=tmp_path / "1", release=first.to_json())
    # Somewhere a version was made that this release file does not know.
    state = workspace.apply(
        "staging", into=tmp_path / "2", release=published(first, "0.1.1", "c").to_json(), state=state
    )
    running = dataclasses.replace(first, contract_version=9).with_applied("1", "0.1.0")
    moved = published(running, "0.2.0", "b").promoted("0.2.0", LIVE, with_apply=True)
    with pytest.raises(TerraformError, match="this apply had to make version 2, and the newest is 3"):
        workspace.apply("staging", into=tmp_path / "3", release=moved.to_json(), state=state)


def test_a_release_of_another_contract_is_planned_before_there_is_anything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = tmp_path / "terraform"
    copy_sources(SOURCES, sources)
    path = sources / "envs" / "dev" / release_file.FILE_NAME
    running = dataclasses.replace(published(None, "0.1.0", "a"), contract_version=9).with_applied("1", "0.1.0")
    release_file.save(published(running, "0.2.0", "b"), path)
    changed = release_environment.promote(
        "dev", version="0.2.0", endpoint=LIVE, share_percent=None, with_apply=True, sources=sources
    )
    assert changed.after == release_file.load(path)
    assert changed.after.endpoints == {"live": "2", "candidate": "2"}
    printed = capsys.readouterr().out
    assert "Plan of dev, offline" in printed
    assert "~ endpoint live: runtime version 1 -> 2, agent 0.2.0, contract 9 -> 1" in printed


def test_an_environment_that_is_not_real_yet_is_checked_from_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = tmp_path / "terraform"
    copy_sources(SOURCES, sources)
    path = sources / "envs" / "dev" / release_file.FILE_NAME
    before = published(None, "0.1.0", "a").with_applied("1", "0.1.0")
    before = published(before, "0.2.0", "b").with_applied("2", "0.2.0")
    release_file.save(before, path)
    changed = release_environment.promote("dev", version="0.2.0", endpoint=CANDIDATE, share_percent=20, sources=sources)
    assert changed.after == release_file.load(path) == before.promoted("0.2.0", CANDIDATE, share_percent=20)
    printed = capsys.readouterr().out
    assert printed.count("  ~ ") == 1
    assert '.this["candidate"] (update of agent_runtime_version)' in printed


def test_an_endpoint_of_another_type_than_ours_is_no_move() -> None:
    change: dict[str, Any] = {
        "address": 'module.other.aws_thing.this["live"]',
        "mode": "managed",
        "change": {"actions": ["update"], "before": {"agent_runtime_version": "1"}, "after": {}},
    }
    with pytest.raises(ReleaseError, match="would change more than endpoint live"):
        check_moves_only(changes({"resource_changes": [change]}), endpoint=LIVE)
