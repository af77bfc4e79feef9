"""Which folder is checked with which provider, and what a check says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_aws.terraform_provider import data
from scripts.terraform.sessions import ProviderNotStarted, real_session, recording_session
from scripts.terraform.setup import find_terraform
from scripts.terraform.version_constraints import admits, aws_constraints
from scripts.validate import REAL, Check, Result, folders, perform, perform_all, providers, table

RECORDED = data.load().version


def module(sources: Path, name: str, constraint: str | None, *, calls: str = "", body: str = "") -> Path:
    folder = sources / name
    folder.mkdir(parents=True)
    aws = f'    aws = {{ source = "hashicorp/aws", version = "{constraint}" }}\n' if constraint else ""
    (folder / "versions.tf").write_text(f"terraform {{\n  required_providers {{\n{aws}  }}\n}}\n")
    call = f'module "called" {{\n  source = "{calls}"\n}}\n' if calls else ""
    (folder / "main.tf").write_text(call + body)
    return folder


@pytest.mark.parametrize(
    ("constraint", "admitted", "refused"),
    [
        ("5.100.0", "5.100.0", "5.100.1"),
        ("= 5.100", "5.100.0", "5.101.0"),
        (">= 5.100, < 7.0", "5.100.0 6.69.1 6.999.0", "5.99.9 7.0.0"),
        ("> 6.66, <= 6.69.1", "6.66.1 6.69.1", "6.66.0 6.69.2"),
        ("~> 6.66", "6.66.0 6.99.0", "6.65.0 7.0.0"),
        ("~> 6.66.0", "6.66.9", "6.67.0"),
        (">=6.0,!=6.36.0", "6.35.0 6.37.0", "6.36.0"),
    ],
)
def test_constraints_mean_what_they_mean_to_terraform(constraint: str, admitted: str, refused: str) -> None:
    assert [version for version in admitted.split() if not admits(constraint, version)] == []
    assert [version for version in refused.split() if admits(constraint, version)] == []


def test_what_is_no_constraint_is_refused() -> None:
    with pytest.raises(ValueError, match="'latest' is no version constraint"):
        admits(">= 5.0, latest", "5.0.0")


def test_a_folder_asks_for_what_its_modules_ask_for(tmp_path: Path) -> None:
    module(tmp_path, "modules/inner", ">= 6.66, < 7.0")
    module(tmp_path, "modules/outer", ">= 5.100, < 7.0", calls="../inner")
    root = module(tmp_path, "envs/one", "6.69.1", calls="../../modules/outer")
    assert aws_constraints(root) == ["6.69.1", ">= 5.100, < 7.0", ">= 6.66, < 7.0"]
    assert folders(tmp_path) == ["envs/one", "modules/inner", "modules/outer"]


def test_the_providers_of_a_folder_follow_from_its_constraints(tmp_path: Path) -> None:
    module(tmp_path, "modules/agentcore", ">= 6.66, < 7.0")
    module(tmp_path, "modules/foundation", ">= 5.100, < 7.0")
    module(tmp_path, "modules/words", None)
    module(tmp_path, "modules/old", "< 6.0")
    module(tmp_path, "envs/laptop", "5.100.0", calls="../../modules/foundation")
    module(tmp_path, "envs/cloud", "6.69.1", calls="../../modules/foundation")
    module(tmp_path, "envs/past", "5.100.0", calls="../../modules/old")
    found = {
        folder: providers(folder, sources=tmp_path)
        for folder in ("modules/agentcore", "modules/foundation", "modules/words", "envs/laptop", "envs/cloud")
    }
    assert found == {
        "modules/agentcore": [RECORDED],
        "modules/foundation": [RECORDED, REAL],
        "modules/words": ["none"],
        "envs/laptop": [RECORDED, REAL],
        "envs/cloud": [RECORDED],
    }
    with pytest.raises(ValueError, match=f"envs/past: a module asks for aws < 6.0, which {RECORDED} is not"):
        providers("envs/past", sources=tmp_path)


def test_the_shipped_folders_are_all_checked() -> None:
    found = {folder: providers(folder) for folder in folders()}
    assert found["modules/gateway"] == [RECORDED]
    assert found["modules/tenant_access"] == found["envs/local/foundation"] == [RECORDED, REAL]
    assert len(found) >= 12


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with recording_session(os.environ, workdir=tmp_path_factory.mktemp("w")) as env:
        yield env


MEMORY = 'resource "aws_bedrockagentcore_memory" "this" {\n  name = "%s"\n  event_expiry_duration = 30\n}\n'
PASSES = 'run "holds" {\n  command = plan\n}\n'
FAILS = """
run "breaks" {
  command = plan
  assert {
    condition     = aws_bedrockagentcore_memory.this.name == "hospital"
    error_message = "Not so."
  }
}
"""


def check(sources: Path, env: dict[str, str], name: str, *, memory: str, tests: str | None) -> Check:
    folder = module(sources, name, f"= {RECORDED}", body=MEMORY % memory)
    if tests:
        (folder / "tests").mkdir()
        (folder / "tests" / "unit.tftest.hcl").write_text(f'mock_provider "aws" {{}}\n{tests}')
    return Check(folder=name, provider=RECORDED, real=False, copy=sources, env=env)


def test_a_check_counts_tests_and_reports_what_is_wrong(env: dict[str, str], tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    said: list[str] = []
    results = perform_all(
        [
            check(sources, env, "good", memory="clinic", tests=PASSES),
            check(sources, env, "invalid", memory="a-b", tests=PASSES),
            check(sources, env, "failing", memory="clinic", tests=PASSES + FAILS),
            check(sources, env, "untested", memory="clinic", tests=None),
        ],
        said.append,
    )
    found = {result.check.folder: (result.tests, result.problem) for result in results}
    assert found["good"] == (1, "")
    assert "Attribute name must match" in found["invalid"][1]
    assert "Not so." in found["failing"][1]
    assert "1 passed, 1 failed" in found["failing"][1]
    assert found["untested"] == (0, "it has no tests")
    assert sum("failed" in line for line in said) == 3
    assert table(results).splitlines() == [
        "          6.69.1 recorded",
        "failing   FAILED",
        "good      1 passed",
        "invalid   FAILED",
        "untested  FAILED",
    ]


def test_the_table_has_a_column_for_each_provider() -> None:
    def result(folder: str, provider: str) -> Result:
        made = Check(folder=folder, provider=provider, real=provider == REAL, copy=Path(), env={})
        return Result(check=made, seconds=1, tests=2)

    lines = table([result("a", "5.100.0"), result("a", "6.69.1"), result("b", "6.69.1"), result("c", "none")])
    assert lines.splitlines() == [
        "   5.100.0   6.69.1 recorded  none",
        "a  2 passed  2 passed         -",
        "b  -         2 passed         -",
        "c  -         -                2 passed",
    ]


def test_a_check_leaves_nothing_in_the_sources(env: dict[str, str], tmp_path: Path) -> None:
    # It works on a copy, and even there terraform's own files are kept apart.
    sources = tmp_path / "copy"
    made = check(sources, env, "good", memory="clinic", tests=PASSES)
    assert perform(made).problem == ""
    names = {path.name for path in sources.rglob("*") if path.is_file()}
    assert names <= {"main.tf", "versions.tf", "unit.tftest.hcl", ".terraform.lock.hcl"}


def real_provider(tmp_path: Path, script: str) -> dict[str, str]:
    """An environment with a mirror, where a script stands for the provider."""
    platform = find_terraform(os.environ).platform
    folder = tmp_path / "mirror" / "registry.terraform.io/hashicorp/aws" / REAL / platform
    folder.mkdir(parents=True)
    program = folder / f"terraform-provider-aws_v{REAL}_x5"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    (tmp_path / "scratch").mkdir()
    return {**os.environ, "TF_PLUGIN_MIRROR": str(tmp_path / "mirror")}


def test_the_real_provider_is_started_once_and_ends_with_its_session(tmp_path: Path) -> None:
    script = f"""echo $$ > {tmp_path}/pid
echo "Provider started. To attach Terraform CLI, set the environment variable"
echo "    TF_REATTACH_PROVIDERS='{{\\"of\\": \\"$1\\"}}'"
exec sleep 60"""
    base = real_provider(tmp_path, script)
    with real_session(base, workdir=tmp_path / "w", version=REAL, scratch=tmp_path / "scratch") as env:
        assert env["TF_REATTACH_PROVIDERS"] == '{"of": "-debug"}'
        pid = int((tmp_path / "pid").read_text())
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_real_provider_that_does_not_start_is_reported(tmp_path: Path) -> None:
    base = real_provider(tmp_path, "exit 3")
    with (
        pytest.raises(ProviderNotStarted, match=r"did not say how to attach to it"),
        real_session(base, workdir=tmp_path / "w", version=REAL, scratch=tmp_path / "scratch"),
    ):
        pass
