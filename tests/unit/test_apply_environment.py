"""Real plans and applies of an environment, with a state file in place of a bucket and no provider: terraform runs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from scripts import apply as laptop
from scripts import plan as planner
from scripts.deployment import apply_environment as program
from scripts.deployment.apply_environment import DataLossRefused, NotConfirmed, apply_environment
from scripts.plan import PlanResult, plan
from scripts.plans import losses, roots
from scripts.plans.report import Report
from scripts.releases.release_file import ReleaseError, load
from scripts.terraform.cli import TerraformError
from scripts.terraform.environments import EnvironmentProblem, environment_named
from scripts.terraform.locks import using_terraform

from .plan_support import change, plan_document

ROOT = """
terraform {
  backend "local" {}
}
variable "production" { type = bool }
variable "names" { type = set(string) }
variable "release" {
  type = any
}
variable "secret" {
  type      = string
  default   = "not-to-be-read"
  sensitive = true
}
resource "terraform_data" "item" {
  for_each = var.names
  input    = each.key
}
output "production" { value = var.production }
output "newest_version" { value = tostring(length(var.names)) }
output "agent_version" { value = var.release.agent_version }
"""
BUNDLE = {"key": "agents/clinic-agent/0.2.0/bundle.zip", "sha256": "0" * 64}
RELEASE = {
    "release": {
        "agent_version": "0.2.0",
        "contract_version": 1,
        "artifacts": {
            "runtime": BUNDLE,
            "lambda": BUNDLE,
            "runtime_name": "PYTHON_3_11",
            "lambda_runtime": "python3.11",
            "architecture": "arm64",
        },
        "runtime_versions": {},
        "endpoints": {"live": "1", "candidate": "1"},
        "previous": {},
        "candidate_share_percent": 0,
    }
}
MEMORY = 'module.memory.aws_bedrockagentcore_memory.tier["basic"]'


class Tree:
    """An environment `live` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.sources, self.local = folder / "terraform", folder / "local"
        self.root = self.sources / "envs" / "live"
        self.root.mkdir(parents=True)
        (self.root / "variables.tf").write_text(ROOT)
        (self.root / "backend.hcl").write_text(f'path = "{folder}/remote.tfstate"\n')
        (self.root / "release.auto.tfvars.json").write_text(json.dumps(RELEASE))
        self.names("one")
        # What the shell of whoever runs this says about another root.
        stray = {"TF_VAR_names": '["stray"]', "TF_WORKSPACE": "stray", "TF_CLI_ARGS": "-no-such-flag"}
        self.base = {**os.environ, **stray}
        self.reports: list[Report] = []
        self.asked: list[str] = []
        self.bucket_says: ReleaseError | None = None

    def bucket(self, _: object, version: str) -> None:
        """The artifacts bucket, asked for a version."""
        self.asked.append(version)
        if self.bucket_says is not None:
            raise self.bucket_says

    def names(self, *names: str, production: bool = True) -> None:
        values = f"production = {json.dumps(production)}\nnames = {json.dumps(names)}\n"
        (self.root / "terraform.tfvars").write_text(values)

    @property
    def applied(self) -> set[str]:
        """What the state holds."""
        state = json.loads((self.root.parents[2] / "remote.tfstate").read_text())
        return {instance["index_key"] for resource in state["resources"] for instance in resource["instances"]}

    def private_files(self) -> list[Path]:
        """What is left of applies."""
        return [path for path in self.local.rglob("*") if "apply-" in str(path) or path.suffix in (".tfplan", ".draft")]

    def plan(self, **options: object) -> PlanResult:
        return plan("live", sources=self.sources, local=self.local, base=self.base, **options)  # type: ignore[arg-type]

    def apply(
        self, *, ask: Callable[[str], str] | None = None, yes: bool = False, allowed: tuple[str, ...] = ()
    ) -> bool:
        where = {"sources": self.sources, "local": self.local, "base": self.base}
        return apply_environment("live", ask=ask, yes=yes, allowed=allowed, show=self.reports.append, **where)  # type: ignore[arg-type]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    made = Tree(tmp_path)
    monkeypatch.setattr(program, "bucket_of", lambda _: made.bucket)
    return made


def test_a_real_plan_is_kept_for_an_apply_alone_and_then_for_its_owner(tree: Tree, tmp_path: Path) -> None:
    made = tree.plan()
    assert (made.offline, made.sample_release, made.plan_file, made.plan_sha256) == (False, False, None, None)
    assert tree.private_files() == []
    assert {entry["change"]["after"]["input"] for entry in made.document["resource_changes"]} == {"one"}
    kept = tree.plan(keep=tmp_path / "kept")
    assert kept.plan_file == tmp_path / "kept"
    assert kept.plan_sha256 == hashlib.sha256((tmp_path / "kept").read_bytes()).hexdigest()
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o600
    with pytest.raises(ValueError, match="keep: an offline plan"):
        tree.plan(offline=True, keep=tmp_path / "kept")


def test_a_file_that_changes_while_it_is_read_is_no_plan(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    run = roots.Root.terraform

    def terraform(self: roots.Root, *args: str, **options: Any) -> str:
        said = run(self, *args, **options)
        if args[0] == "show":
            Path(args[-1]).write_bytes(b"another")
        return said

    monkeypatch.setattr(roots.Root, "terraform", terraform)
    with pytest.raises(EnvironmentProblem, match="not the one that was shown"):
        tree.plan()


def test_what_is_applied_is_the_plan_that_was_shown(tree: Tree) -> None:
    def ask(_: str) -> str:
        tree.names("one", "unseen")
        assert len(tree.plan().document["resource_changes"]) == 2  # somebody else plans meanwhile
        return "live"

    assert tree.apply(ask=ask) is True
    assert tree.applied == {"one"}
    assert tree.private_files() == []


@pytest.mark.parametrize("change_file", ["replaced", "removed"])
def test_a_saved_plan_that_is_another_than_was_shown_is_not_applied(
    tree: Tree, change_file: str, tmp_path: Path
) -> None:
    def ask(_: str) -> str:
        (saved,) = (path for path in tree.private_files() if path.is_file())
        assert stat.S_IMODE(saved.stat().st_mode) == 0o600
        assert stat.S_IMODE(saved.parent.stat().st_mode) == 0o700
        if change_file == "removed":
            saved.unlink()
        else:
            tree.names("one", "unseen")
            tree.plan(keep=tmp_path / "unseen")
            shutil.copyfile(tmp_path / "unseen", saved)
        return "live"

    with pytest.raises(EnvironmentProblem, match="nothing was applied; find out who writes there"):
        tree.apply(ask=ask)
    assert not (tree.root.parents[2] / "remote.tfstate").exists()
    assert tree.private_files() == []


def test_two_applies_of_an_environment_are_kept_apart(tree: Tree) -> None:
    def ask(_: str) -> str:
        with pytest.raises(EnvironmentProblem, match=r"live: another apply of it is under way.*waits for an answer"):
            tree.apply(yes=True)
        return "live"

    assert tree.apply(ask=ask) is True
    assert tree.apply(yes=True) is False  # let go of


def test_a_plan_waits_for_terraform_that_works_in_the_same_folder(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "using_terraform", partial(using_terraform, seconds=0.2))
    chosen = environment_named("live", sources=tree.sources, local=tree.local)
    with using_terraform(chosen), pytest.raises(EnvironmentProblem, match="live: another plan or apply"):
        tree.plan()
    tree.plan()


def test_what_a_killed_apply_left_is_removed(tree: Tree) -> None:
    left = tree.local / "terraform" / "live" / "apply-killed"
    left.mkdir(parents=True)
    (left / "plan").write_text("every value")
    tree.apply(yes=True)
    assert tree.private_files() == []


def test_production_that_ends_in_the_same_change_keeps_its_data(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "DATA", {"terraform_data": "what it holds"})
    tree.apply(yes=True)
    tree.names("other", production=False)
    lost = 'terraform_data.item["one"]'
    with pytest.raises(DataLossRefused, match=r"production environment until this plan is applied.*output production"):
        tree.apply(ask=lambda _: "live")
    assert tree.applied == {"one"}
    assert tree.reports[-1].summary.production_ends == "its output production was true"
    # The output may go as well.
    text = (tree.root / "variables.tf").read_text()
    (tree.root / "variables.tf").write_text(text.replace('output "production" { value = var.production }', ""))
    with pytest.raises(DataLossRefused):
        tree.apply(ask=lambda _: "live")
    assert tree.apply(ask=lambda _: "live", allowed=(lost,)) is True
    assert tree.applied == {"other"}


def test_a_removed_block_that_lets_go_of_data_is_a_loss(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "DATA", {"terraform_data": "what it holds"})
    tree.apply(yes=True)
    block = "removed {\n  from = terraform_data.item\n  lifecycle {\n    destroy = false\n  }\n}\n"
    text = (tree.root / "variables.tf").read_text()
    kept = text[: text.index("resource ")] + block + text[text.index("output ") :]
    (tree.root / "variables.tf").write_text(kept)
    with pytest.raises(DataLossRefused, match="destroys or forgets what holds data"):
        tree.apply(ask=lambda _: "live")
    with pytest.raises(DataLossRefused, match="--yes does not agree"):
        tree.apply(yes=True, allowed=('terraform_data.item["one"]',))
    assert tree.applied == {"one"}


def test_an_apply_needs_the_name_typed_and_then_records_version_and_outputs(tree: Tree) -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return " live\n"

    assert tree.apply(ask=ask) is True
    assert asked == ["Type live to apply this plan: "]
    outputs = tree.local / "live.outputs.json"
    assert stat.S_IMODE(outputs.stat().st_mode) == 0o600
    assert json.loads(outputs.read_text())["newest_version"]["value"] == "1"
    assert load(tree.root / "release.auto.tfvars.json").runtime_versions == {"1": "0.2.0"}
    assert tree.private_files() == []  # good for one apply
    # Nothing to do: nobody is asked, and the outputs are written all the same.
    outputs.unlink()
    assert tree.apply() is False
    assert outputs.is_file()


@pytest.mark.parametrize("answer", ["yes", "", "LIVE"])
def test_another_answer_changes_nothing(tree: Tree, answer: str) -> None:
    with pytest.raises(NotConfirmed):
        tree.apply(ask=lambda _: answer)
    assert not (tree.root.parents[2] / "remote.tfstate").exists()
    assert tree.private_files() == []


def test_without_a_terminal_only_yes_applies(tree: Tree) -> None:
    with pytest.raises(NotConfirmed, match="--yes"):
        tree.apply()
    assert tree.apply(yes=True) is True
    assert len(tree.reports) == 2


def lossy(tree: Tree, monkeypatch: pytest.MonkeyPatch, *, production: bool) -> None:
    """Let the real plan look as if it would replace a memory."""
    lost = change(MEMORY, ["delete", "create"], before={"name": "a"}, after={"name": "b"}, replace_paths=[["name"]])

    def planned(name: str, **options: object) -> PlanResult:
        return replace(plan(name, **options), document=plan_document(lost, production=production))  # type: ignore[arg-type]

    monkeypatch.setattr(program, "plan", planned)


def test_a_loss_of_data_in_production_is_refused_unless_named_and_typed(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    lossy(tree, monkeypatch, production=True)
    with pytest.raises(DataLossRefused, match="production environment"):
        tree.apply(ask=lambda _: "live")
    with pytest.raises(DataLossRefused, match="production environment"):
        tree.apply(yes=True)
    with pytest.raises(DataLossRefused, match="--yes does not agree"):
        tree.apply(yes=True, allowed=(MEMORY,))
    with pytest.raises(EnvironmentProblem, match=r"neither replaces, deletes nor forgets module\.other"):
        tree.apply(ask=lambda _: "live", allowed=(MEMORY, "module.other"))
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "live"

    assert tree.apply(ask=ask, allowed=(MEMORY,)) is True
    assert "WITH THEIR DATA" in asked[0]


def test_a_loss_of_data_elsewhere_has_to_be_typed(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    lossy(tree, monkeypatch, production=False)
    with pytest.raises(DataLossRefused, match="--yes does not agree"):
        tree.apply(yes=True)
    assert tree.apply(ask=lambda _: "live") is True


def test_without_remote_state_there_is_nothing_to_apply_to(tree: Tree) -> None:
    (tree.root / "backend.hcl").unlink()
    with pytest.raises(
        EnvironmentProblem, match=r"live is not connected to an account \(no backend.hcl\).*make plan ENV=live"
    ):
        tree.apply(yes=True)
    with pytest.raises(EnvironmentProblem, match=r"no backend\.hcl"):
        tree.plan(offline=False)


def test_a_real_plan_without_a_release_says_how_to_publish_one(tree: Tree) -> None:
    (tree.root / "release.auto.tfvars.json").unlink()
    with pytest.raises(EnvironmentProblem, match="make publish-agent ENV=live"):
        tree.plan()


def test_an_offline_plan_of_a_real_environment_leaves_its_state_alone(tree: Tree) -> None:
    made = tree.plan(offline=True)
    assert made.offline
    assert not (tree.root.parents[2] / "remote.tfstate").exists()
    with pytest.raises(ValueError, match="state: a real plan"):
        tree.plan(state=Path("some.tfstate"))


def test_what_terraform_refuses_is_said_with_what_to_do(tree: Tree) -> None:
    (tree.root / "terraform.tfvars").write_text("production = true\n")
    with pytest.raises(TerraformError, match=r"What to do: set names in terraform/envs/live/terraform.tfvars"):
        tree.plan()


def test_an_apply_whose_release_cannot_be_updated_says_that_it_is_applied(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = json.loads(json.dumps(RELEASE))
    old["release"]["runtime_versions"] = {"1": "0.1.0"}
    (tree.root / "release.auto.tfvars.json").write_text(json.dumps(old))
    monkeypatch.setattr(program, "apply_environment", lambda *_, **__: tree.apply(yes=True))
    assert program.main(["--env", "live", "--yes"]) == 1
    said = capsys.readouterr().err
    assert "apply: the environment is applied, but its release file is not updated" in said
    assert "runtime_versions.1" in said


def test_exit_codes_of_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(*_: object, **__: object) -> bool:
        raise DataLossRefused("data")

    monkeypatch.setattr(program, "apply_environment", refuse)
    assert program.main(["--env", "dev"]) == 3
    assert laptop.main(["--env", "dev", "--yes"]) == 3  # handed over, with its own arguments
    assert "apply: refused: data" in capsys.readouterr().err
    monkeypatch.undo()
    assert program.main(["--env", "qa"]) == 1
    assert "must be one of" in capsys.readouterr().err


def test_exit_codes_of_a_plan(tree: Tree, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lost = change(MEMORY, ["delete"], before={"name": "a"})
    made = PlanResult(
        environment=environment_named("live", sources=tree.sources),
        document=plan_document(lost),
        offline=False,
        sample_release=False,
        from_state=True,
        plan_file=None,
        seconds={},
    )
    monkeypatch.setattr(planner, "plan", lambda *_, **__: made)
    assert planner.main(["--env", "live"]) == 3
    said = capsys.readouterr()
    assert "DATA WOULD BE LOST" in said.out
    assert f"--allow-data-loss '{MEMORY}'" in said.err
    assert planner.main(["--env", "live", "--allow-data-loss", MEMORY]) == 0
    assert "DATA WOULD BE LOST" in capsys.readouterr().out
    assert planner.main(["--env", "live", "--allow-data-loss", "module.other"]) == 1
    assert planner.main(["--env", "live", "--markdown", "--allow-data-loss", MEMORY]) == 0
    assert capsys.readouterr().out.startswith("### Plan of live: 1 to delete.")
    assert planner.main(["--env", "live", "--state", "not-there.tfstate"]) == 1
    assert "--state: not-there.tfstate is not there" in capsys.readouterr().err


def test_bundles_that_are_not_as_published_are_refused_before_the_plan(tree: Tree) -> None:
    tree.bucket_says = ReleaseError("the runtime bundle's checksum changed")
    with pytest.raises(EnvironmentProblem, match="the runtime bundle's checksum changed"):
        tree.apply(yes=True)
    assert (tree.asked, tree.reports) == (["0.2.0"], [])
    tree.bucket_says = None
    assert tree.apply(yes=True)
    assert load(tree.root / "release.auto.tfvars.json").functions_contract == 1


def test_a_bucket_that_cannot_be_asked_is_said_and_stops_nothing(tree: Tree) -> None:
    told: list[str] = []
    tree.bucket_says = ReleaseError("cannot be asked")
    tree.bucket_says.__cause__ = NoCredentialsError()
    program.check_bundles(environment_named("live", sources=tree.sources, local=tree.local), told.append)
    assert told == ["bundles were not checked: cannot be asked"]


def test_an_interrupted_apply_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "apply_environment", interrupted)
    assert program.main(["--env", "dev"]) == 130
    assert "make plan ENV=dev shows what is left" in capsys.readouterr().err
