"""Releases on the running platform: the tour that the demo gives, and a candidate that cannot start."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scripts import publish
from scripts.apply import apply_again, last_inputs, running_laptop
from scripts.clients.runtime import Session, load_stack
from scripts.laptop import release_laptop
from scripts.laptop.laptop import release_file_of
from scripts.laptop.platform import manifest_of, move_endpoints, reload_standins
from scripts.releases import release_file
from scripts.releases.release_file import CANDIDATE, LIVE, Release, with_published
from scripts.tours.raised_sources import next_minor, raised
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
    yield platform
    now, file = release_of(platform)
    # Runtime versions stay: they cannot be taken back. What is newest by number runs the agent of before again.
    release_file.save(replace(before, runtime_versions=now.runtime_versions), file)
    apply_again(platform.state_dir, print)


def session(platform: Platform, endpoint: str | None = None) -> Session:
    stack = load_stack(platform.state_dir / "stack.json")
    return Session(stack, platform.access_token("clinic-a"), endpoint=endpoint)


def test_a_release_is_tried_on_a_share_promoted_and_taken_back(unreleased: Platform) -> None:
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


def test_a_candidate_of_another_contract_does_not_start_and_live_goes_on(unreleased: Platform, tmp_path: Path) -> None:
    """Past every check: somebody applied the runtime alone, with an agent of another contract."""
    major, minor, _ = next_minor().split(".")
    sources = raised(tmp_path / "sources", f"{major}.{int(minor) + 2}.0")
    sources.need_contract(2)
    stack, laptop = running_laptop(unreleased.state_dir)
    bucket = stack["buckets"]["artifacts"]
    published = publish.publish(s3=laptop.client("s3"), bucket=bucket, bundles=sources.build(), lock=sources.lock)
    before, file = release_of(unreleased)
    running = session(unreleased, LIVE)
    assert running.ask("Who are you?").agent_version == before.agent_version_of(LIVE)

    newer = with_published(before, published.to_json())
    release_file.save(newer, file)
    applied = move_endpoints(laptop, replace(last_inputs(laptop), manifest=manifest_of(newer)), print)
    reload_standins(laptop, stack)
    assert applied.endpoints == before.endpoints
    release_laptop.promote(
        unreleased.state_dir, version=sources.version, endpoint=CANDIDATE, share_percent=None, progress=print
    )

    failed = session(unreleased, CANDIDATE).ask("Who are you?")
    assert (failed.status, failed.code) == (502, "RuntimeStartFailed")
    assert "the platform offers contract 1, this agent needs contract 2" in unreleased.log()
    assert running.ask("Who are you?").agent_version == before.agent_version_of(LIVE)
    assert session(unreleased).ask("Who are you?").agent_version == before.agent_version_of(LIVE)
    release_laptop.roll_back(unreleased.state_dir, endpoint=CANDIDATE, progress=print)
    assert session(unreleased, CANDIDATE).ask("Who are you?").agent_version == before.agent_version_of(CANDIDATE)
