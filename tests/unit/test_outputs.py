"""Outputs of an environment from its state, with a state file in place of a bucket: terraform runs."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from scripts import outputs as program
from scripts.outputs import fetch_outputs
from scripts.terraform.cli import run
from scripts.terraform.environments import EnvironmentProblem, environment_named

ROOT = """
terraform {
  backend "local" {}
}
variable "release" { type = any }
variable "secret" {
  type      = string
  sensitive = true
}
output "region" { value = "us-east-1" }
output "tables" { value = { registry = "clinic-live-use1-registry" } }
"""


class Tree:
    """An environment `live` that somebody else applied; there is no release file here, and no file of outputs."""

    def __init__(self, folder: Path) -> None:
        self.sources, self.local, self.state = folder / "terraform", folder / "local", folder / "remote.tfstate"
        self.root = self.sources / "envs" / "live"
        self.root.mkdir(parents=True)
        (self.root / "main.tf").write_text(ROOT)
        (self.root / "terraform.tfvars").write_text("")
        (self.root / "backend.hcl").write_text(f'path = "{self.state}"\n')
        self.file = environment_named("live", sources=self.sources, local=self.local).outputs_file

    def fetch(self) -> Path:
        return fetch_outputs("live", sources=self.sources, local=self.local)

    def apply_elsewhere(self) -> None:
        env = {**os.environ, "TF_DATA_DIR": str(self.state.parent / "elsewhere")}
        values = ("-var=secret=not-to-be-shown", '-var=release={"a":"b"}')
        run(["init", "-input=false", "-backend-config=backend.hcl"], chdir=self.root, env=env, timeout=60)
        run(["apply", "-auto-approve", "-input=false", *values], chdir=self.root, env=env, timeout=60)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_a_clone_that_applied_nothing_gets_them_for_its_owner_alone(tree: Tree) -> None:
    tree.apply_elsewhere()
    before = tree.state.read_bytes()
    written = tree.fetch()
    assert written == tree.file
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    found = json.loads(written.read_text())
    assert {name: output["value"] for name, output in found.items()} == {
        "region": "us-east-1",
        "tables": {"registry": "clinic-live-use1-registry"},
    }
    assert tree.state.read_bytes() == before
    assert tree.fetch() == written  # again, over the old file
    assert not written.with_suffix(".draft").exists()


def test_a_state_without_outputs_writes_nothing(tree: Tree) -> None:
    with pytest.raises(EnvironmentProblem, match=r"live: its state has no outputs.*make apply ENV=live"):
        tree.fetch()
    assert not tree.file.exists()


def test_without_a_backend_there_is_no_state_to_read(
    tree: Tree, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree.root / "backend.hcl").unlink()
    with pytest.raises(EnvironmentProblem, match=r"no backend\.hcl"):
        tree.fetch()
    monkeypatch.setattr(program, "fetch_outputs", lambda _, **__: tree.fetch())
    assert program.main(["--env", "live"]) == 1
    assert "outputs: live is not connected to an account (no backend.hcl)" in capsys.readouterr().err
