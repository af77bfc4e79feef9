"""An apply that fails in the middle: the runtime version that it made is recorded, to count on from it."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from scripts.deployment import apply_environment as program
from scripts.plans.roots import Root
from scripts.releases import release_file
from scripts.terraform.cli import TerraformError
from scripts.terraform.environments import Environment
from tests.unit import release_support as support

RUNTIME = "module.agentcore.module.runtime.aws_bedrockagentcore_agent_runtime.this"


class FakeRoot:
    """A root whose state holds a runtime, or cannot be read."""

    def __init__(self, version: str | None, agent: str = "0.3.0") -> None:
        values = {"agent_runtime_version": version, "tags": {"AgentVersion": agent}}
        endpoint = {"address": RUNTIME.replace("_runtime.this", '_runtime_endpoint.this["live"]'), "values": {}}
        found = [] if version is None else [{"address": RUNTIME, "mode": "managed", "values": values}]
        child = {"resources": [{**endpoint, "mode": "managed"}, *found]}
        self.state: Any = {"values": {"root_module": {"child_modules": [child]}}}

    def terraform(self, *args: str) -> str:
        assert args[:2] == ("show", "-json")
        if isinstance(self.state, Exception):
            raise self.state
        return json.dumps(self.state)


@pytest.fixture
def chosen(tmp_path: Path) -> Environment:
    made = Environment(name="staging", folder=tmp_path / "staging", local=tmp_path)
    made.folder.mkdir()
    newer = release_file.with_published(support.release(), support.manifest("0.3.0", contract=2))
    release_file.save(newer.promoted("0.3.0", "live", with_apply=True), made.release)
    return made


def recorded(chosen: Environment, root: FakeRoot) -> tuple[release_file.Release, list[str]]:
    failure = TerraformError("half of it")
    program._record_unfinished(chosen, cast(Root, root), failure)
    return release_file.load(chosen.release), getattr(failure, "__notes__", [])


def test_what_was_made_is_recorded_with_its_contract(chosen: Environment) -> None:
    after, notes = recorded(chosen, FakeRoot("3"))
    assert after.runtime_versions == {"1": "0.1.0", "2": "0.2.0", "3": "0.3.0"}
    assert (after.runtime_contracts["3"], after.endpoints) == (2, {"live": "3", "candidate": "3"})
    assert notes == ["Runtime version 3 was made, and is in the release file."]


@pytest.mark.parametrize("root", [FakeRoot("2", "0.2.0"), FakeRoot(None)], ids=["nothing new", "no runtime"])
def test_where_none_was_made_nothing_changes(chosen: Environment, root: FakeRoot) -> None:
    before = release_file.load(chosen.release)
    assert recorded(chosen, root) == (before, [])
    assert before.coming == "3"


def test_a_state_that_cannot_be_read_hides_no_failure(chosen: Environment) -> None:
    root = FakeRoot("3")
    without_values = {"address": RUNTIME, "mode": "managed"}
    for broken in (TerraformError("no access"), {"values": {"root_module": {"resources": [without_values]}}}):
        root.state = broken
        before = release_file.load(chosen.release)
        after, notes = recorded(chosen, root)
        assert after == before
        assert len(notes) == 1
        assert notes[0].startswith("Whether a runtime version was made is not known (")
