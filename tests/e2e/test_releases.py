"""Releases on the running platform: the tour that the demo gives, and a candidate that cannot start."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts import publish
from scripts.apply import apply_again, last_inputs, running_laptop
from scripts.clients.runtime import Session, load_stack
from scripts.laptop import release_laptop
from scripts.laptop.laptop import agentcore_root, release_file_of
from scripts.laptop.platform import (
    CATALOG,
    apply_agentcore,
    inputs_file,
    manifest_of,
    recorded_file,
    reload_standins,
)
from scripts.releases import release_file
from scripts.releases.release_checks import ENDPOINT_TYPE
from scripts.releases.release_file import CANDIDATE, LIVE, Release, ReleaseError, with_published
from scripts.tours.raised_sources import empty_cache, raised
from scripts.tours.releases import ReleaseTour
from tests.conftest import Platform

pytestmark = pytest.mark.timeout(900)


def release_of(platform: Platform) -> tuple[Release, Path]:
    file = release_file_of(running_laptop(platform.state_dir)[1].state)
    return release_file.load(file), file


@pytest.fixture
def unreleased(platform: Platform) -> Iterator[Platform]:
    """The platform, which afterwards serves what it served before: agent, functions, endpoints, share."""
    before, _ = release_of(platform)
    catalog = last_inputs(running_laptop(platform.state_dir)[1]).catalog_dir
    yield platform
    now, file = release_of(platform)
    # Runtime versions stay: they cannot be taken back. What is newest by number runs the agent of before again.
    kept = replace(before, runtime_versions=now.runtime_versions, runtime_contracts=now.runtime_contracts)
    release_file.save(kept, file)
    apply_again(platform.state_dir, print, catalog_dir=catalog)


def all_but_endpoints(module: Any) -> list[str]:
    """What Terraform recorded besides endpoints."""
    resources = [json.dumps(one) for one in module.get("resources", []) if one["type"] != ENDPOINT_TYPE]
    return sorted(resources + [line for child in module.get("child_modules", []) for line in all_but_endpoints(child)])


def session(platform: Platform, endpoint: str | None = None) -> Session:
    stack = load_stack(platform.state_dir / "stack.json")
    return Session(stack, platform.access_token("clinic-a"), endpoint=endpoint)


def test_a_release_is_tried_on_a_share_promoted_and_taken_back(unreleased: Platform, tmp_path: Path) -> None:
    tour = ReleaseTour(
        state_dir=unreleased.state_dir,
        access_token=lambda: unreleased.access_token("clinic-a"),
        progress=print,
    )
    steps = list(tour.steps())
    assert [step for step in steps if not step.ok] == []
    assert len(steps) >= 20

    after, _ = release_of(unreleased)
    assert after.agent_version_of(LIVE) == tour.old
    assert after.agent_version_of(CANDIDATE) == tour.new
    stack = load_stack(unreleased.state_dir / "stack.json")
    assert stack["agent_versions"] == {LIVE: tour.old, CANDIDATE: tour.new}
    assert stack["candidate_share_percent"] == 0
    assert stack["runtime_urls"][LIVE] == stack["runtime_url"]
    assert release_laptop.served(stack) == {**after.endpoints, "DEFAULT": max(after.runtime_versions, key=int)}
    with pytest.raises(release_file.ReleaseError, match="nothing to go back to"):
        release_laptop.roll_back(unreleased.state_dir, endpoint=LIVE, progress=print)
    check_that_catalogs_wait(unreleased.state_dir, tour.new, tmp_path)


def check_that_catalogs_wait(state_dir: Path, version: str, folder: Path) -> None:
    """What is edited in the catalog neither rides along with a promotion nor keeps anybody from going back."""
    _, laptop = running_laptop(state_dir)
    shutil.copytree(CATALOG, folder / "catalog")
    tiers = folder / "catalog" / "tiers.yaml"
    inputs = json.loads(inputs_file(laptop.state).read_text())
    laptop.state.write(inputs_file(laptop.state), {**inputs, "catalog_dir": str(folder / "catalog")})

    def recorded() -> list[str]:
        return all_but_endpoints(json.loads(recorded_file(laptop.state).read_text())["values"]["root_module"])

    there = recorded()
    tiers.write_text(tiers.read_text().replace("access_hours_utc: {from: 6,", "access_hours_utc: {from: 7,"))
    moved = release_laptop.promote(state_dir, version=version, endpoint=LIVE, share_percent=None, progress=print)
    assert moved.agent_version_of(LIVE) == version
    assert recorded() == there
    tiers.write_text("basic: {half")
    back = release_laptop.roll_back(state_dir, endpoint=LIVE, progress=print)
    assert back.agent_version_of(LIVE) != version
    assert recorded() == there


def test_a_candidate_of_another_contract_does_not_start_and_live_goes_on(unreleased: Platform, tmp_path: Path) -> None:
    """Past every check: somebody applied the runtime alone, with an agent of another contract."""
    tour = ReleaseTour(state_dir=unreleased.state_dir, access_token=lambda: "")
    sources = raised(tmp_path / "sources", tour.new)
    sources.need_contract(2)
    stack, laptop = running_laptop(unreleased.state_dir)
    bucket = stack["buckets"]["artifacts"]
    published = publish.publish(
        s3=laptop.client("s3"), bucket=bucket, bundles=sources.build(out=empty_cache(tmp_path / "cache"))
    )
    before, file = release_of(unreleased)
    running = session(unreleased, LIVE)
    assert running.ask("Who are you?").agent_version == before.agent_version_of(LIVE)

    newer = with_published(before, published.to_json())
    number = newer.coming
    assert number is not None
    endpoints = {**before.endpoints, CANDIDATE: number}
    previous = {CANDIDATE: before.endpoints[CANDIDATE]}
    release_file.save(replace(newer, endpoints=endpoints, previous=previous), file)
    with agentcore_root(laptop, os.environ) as root:
        inputs = replace(last_inputs(laptop), manifest=manifest_of(newer), endpoints=endpoints)
        applied = apply_agentcore(root, laptop, inputs)
    assert applied.contract_of(number) == 2
    assert applied.functions_contract == 1, "a runtime version says nothing of the functions"
    reload_standins(laptop, stack)
    with pytest.raises(ReleaseError, match="until then they are of contract 1, and it would serve nobody"):
        release_laptop.promote(
            unreleased.state_dir, version=sources.version, endpoint=LIVE, share_percent=None, progress=print
        )

    failed = session(unreleased, CANDIDATE).ask("Who are you?")
    assert (failed.status, failed.code) == (502, "RuntimeStartFailed")
    assert "the platform offers contract 1, this agent needs contract 2" in unreleased.log()
    assert running.ask("Who are you?").agent_version == before.agent_version_of(LIVE)
    assert session(unreleased).ask("Who are you?").agent_version == before.agent_version_of(LIVE)
    release_laptop.roll_back(unreleased.state_dir, endpoint=CANDIDATE, progress=print)
    assert session(unreleased, CANDIDATE).ask("Who are you?").agent_version == before.agent_version_of(CANDIDATE)
