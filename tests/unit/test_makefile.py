"""The Makefile in a copy of the repository's top, with programs that only note how they were called."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z0-9-]+):.*## ", MAKEFILE, re.MULTILINE)
INPUTS = ("Makefile", "pyproject.toml", "uv.lock", "agent_pkg/pyproject.toml", "local_aws/pyproject.toml")


def make(folder: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    # Without the variables of a make that runs these tests: they would print the directory and share its jobs.
    base = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHON", "ARGS")}
    return subprocess.run(["make", *args], cwd=folder, env=base | env, capture_output=True, text=True, timeout=60)


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    for name in INPUTS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def python(copy: Path) -> Path:
    """A Python that notes its arguments; as `-m venv` it makes an environment of itself."""
    log = copy / "log"
    return program(
        copy.parent / "bin" / "python3",
        f"""
echo "python $*" >> {log}
case "$*" in
  "-m venv --clear .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  "-m pip "*) printf '#!/bin/sh\\necho "uv $*" >> {log}\\n' > .venv/bin/uv && chmod +x .venv/bin/uv ;;
  --version) echo Python 3.11.0 ;;
esac
""",
    )


def test_help_is_the_default_and_lists_every_target_in_one_column(copy: Path) -> None:
    done = make(copy)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == TARGETS
    assert {re.search(r"(?<=\S)  +(?=\S)", line).end() for line in lines} == {21}  # type: ignore[union-attr]
    assert max(map(len, lines)) <= 110


def test_every_target_has_a_line_of_help_and_is_no_file() -> None:
    phony = set(re.findall(r"^\.PHONY: ([a-z0-9-]+)$", MAKEFILE, re.MULTILINE))
    assert phony == set(TARGETS)
    promised = """help install demo up down apply show logs status seed chat test test-unit test-contract test-terraform
        test-e2e bench lint format types validate policies schema publish-agent bundle clean plan scan smoke docs
        docs-check release-status promote rollback outputs onboard test-python-stack"""
    assert set(promised.split()) <= phony


def test_install_makes_the_environment_with_the_pinned_uv_and_locked_packages(copy: Path, python: Path) -> None:
    done = make(copy, "install", PYTHON=str(python))
    assert (done.returncode, done.stderr) == (0, "")
    calls = [line for line in (copy / "log").read_text().splitlines() if "version_info" not in line]
    pinned = next(p for p in tomllib.loads((ROOT / "uv.lock").read_text())["package"] if p["name"] == "uv")["version"]
    assert calls == [
        "python --version",
        "python -m venv --clear .venv",
        f"python -m pip install --quiet --quiet uv=={pinned}",
        "uv sync --frozen --quiet --python .venv/bin/python",
    ]


def test_a_second_install_runs_nothing(copy: Path, python: Path) -> None:
    make(copy, "install", PYTHON=str(python))
    (copy / "log").unlink()
    assert make(copy, "install", PYTHON=str(python)).returncode == 0
    assert not (copy / "log").exists()


@pytest.mark.parametrize(
    ("args", "called"),
    [
        (["plan", "ENV=dev", "ARGS=--offline"], "python -m scripts.plan --env dev --offline"),
        (["publish-agent"], "python -m scripts.publish"),
        (
            ["promote", "ENV=staging", "VERSION=0.2.0", "ENDPOINT=live", "SHARE=20"],
            "python -m scripts.release promote --env staging --version 0.2.0 --endpoint live --share 20",
        ),
        (["rollback", "ENV=prod"], "python -m scripts.release rollback --env prod"),
    ],
)
def test_what_a_target_is_for_is_passed_on(copy: Path, python: Path, args: list[str], called: str) -> None:
    done = make(copy, *args, f"PYTHON={python}")
    assert done.returncode == 0
    assert (copy / "log").read_text().splitlines()[-1].strip() == called


def test_the_shells_own_env_names_no_environment(copy: Path, python: Path) -> None:
    make(copy, "apply", f"PYTHON={python}", ENV="/etc/profile")
    assert (copy / "log").read_text().splitlines()[-1].strip() == "python -m scripts.apply"


def test_an_environment_named_in_the_shell_or_in_lower_case_is_refused(copy: Path, python: Path) -> None:
    (copy / "terraform" / "envs" / "prod").mkdir(parents=True)
    (copy / "terraform" / "envs" / "prod" / "terraform.tfvars").touch()
    for done in (make(copy, "apply", f"PYTHON={python}", ENV="prod"), make(copy, "apply", "env=prod")):
        assert done.returncode == 2
        assert "write: make apply ENV=prod" in done.stderr
    assert not (copy / "log").exists()


@pytest.mark.parametrize("name", INPUTS[1:])
def test_install_runs_again_when_what_is_locked_has_changed(copy: Path, python: Path, name: str) -> None:
    make(copy, "install", PYTHON=str(python))
    (copy / "log").unlink()
    later = (copy / ".venv" / ".installed").stat().st_mtime + 5
    os.utime(copy / name, (later, later))
    make(copy, "install", PYTHON=str(python))
    calls = (copy / "log").read_text()
    assert "uv sync --frozen" in calls
    assert "-m venv" not in calls


def test_a_clone_that_was_moved_is_installed_again(copy: Path, python: Path) -> None:
    make(copy, "install", PYTHON=str(python))
    moved = copy.rename(copy.with_name("moved"))
    (moved / "log").unlink()
    copy.mkdir()  # where the programs write their log
    make(moved, "install", PYTHON=str(python))
    assert "uv sync --frozen" in (copy / "log").read_text()


def test_an_install_that_failed_does_not_count(copy: Path, python: Path) -> None:
    make(copy, "install", PYTHON=str(python))
    (copy / ".venv" / ".installed").unlink()
    program(copy / ".venv" / "bin" / "uv", 'case "$*" in --version) ;; *) echo "no network" >&2; exit 2 ;; esac')
    done = make(copy, "install", PYTHON=str(python))
    assert done.returncode != 0
    assert "no network" in done.stderr
    assert not (copy / ".venv" / ".installed").exists()


def test_without_a_new_enough_python_the_message_says_how_to_name_one(copy: Path, tmp_path: Path) -> None:
    old = program(tmp_path / "old" / "python3", "exit 1")
    done = make(copy, "test", PYTHON=str(old))
    assert done.returncode != 0
    assert f"Python 3.11 or newer is needed, and none of these is it: {old}" in done.stderr
    assert "make test PYTHON=/path/to/python3.11" in done.stderr
    assert not (copy / ".venv").exists()


def test_the_first_python_that_is_new_enough_is_taken(copy: Path, python: Path) -> None:
    tools = copy.parent / "tools"
    tools.mkdir()
    for name in ("make", "sh", "sed", "cat", "awk", "rm", "mkdir", "cp", "chmod"):
        (tools / name).symlink_to(shutil.which(name) or name)
    program(tools / "python3", "exit 1")  # as a Python 3.10 answers
    shutil.copy(python, tools / "python3.12")
    done = make(copy, "install", PATH=str(tools))
    assert (done.returncode, done.stderr) == (0, "")
    assert "-m venv" in (copy / "log").read_text()


def test_an_active_environment_of_the_caller_does_not_leak_in(copy: Path) -> None:
    (copy / "Makefile").write_text(f"{MAKEFILE}\nprobe:\n\t@env\n")
    foreign = {"VIRTUAL_ENV": "/else", "PYTHONPATH": "/else", "UV_PROJECT_ENVIRONMENT": "/else", "PIP_TARGET": "/else"}
    done = make(copy, "probe", **foreign, KEPT="/else")
    assert [line for line in done.stdout.splitlines() if line.endswith("=/else")] == ["KEPT=/else"]


def test_clean_stops_what_runs_before_it_removes_the_traces(copy: Path) -> None:
    program(copy / ".venv" / "bin" / "python", '[ -f .local/stack.json ] && echo "$*"')
    (copy / ".local").mkdir()
    (copy / ".local" / "stack.json").touch()
    for name in ("build/x", "scripts/__pycache__/x", "terraform/envs/local/.terraform/x", ".venv/lib/__pycache__/x"):
        (copy / name).mkdir(parents=True)
    done = make(copy, "clean")
    assert (done.returncode, done.stdout, done.stderr) == (0, "-m scripts.down\n", "")
    left = {p.relative_to(copy).as_posix() for p in copy.rglob("*") if p.is_dir()}
    assert left == {"agent_pkg", "local_aws", "scripts", "terraform", "terraform/envs", "terraform/envs/local"} | {
        ".venv", ".venv/bin", ".venv/lib", ".venv/lib/__pycache__", ".venv/lib/__pycache__/x"
    }  # fmt: skip


def test_clean_keeps_everything_if_the_stack_cannot_be_stopped(copy: Path) -> None:
    program(copy / ".venv" / "bin" / "python", "exit 1")
    (copy / ".local").mkdir()
    assert make(copy, "clean").returncode != 0
    assert (copy / ".local").is_dir()


def workflow() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    return loaded


def test_ci_runs_the_same_targets_everywhere() -> None:
    script = re.findall(r"^ *step make ([a-z-]+(?: ARGS=\S+)?)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    steps = workflow()["jobs"]["checks"]["steps"]
    hosted = [step["run"].removeprefix("make ") for step in steps if "run" in step]
    stack = "test-python-stack ARGS=--require-node"
    assert script == hosted == ["test", "validate", "scan", "docs-check", "lint", "types", stack]
    assert {step.split()[0] for step in script} <= set(TARGETS)


def test_the_workflow_may_read_the_code_write_findings_and_no_more() -> None:
    loaded = workflow()
    assert loaded["permissions"] == {"contents": "read", "security-events": "write"}
    for job in loaded["jobs"].values():
        assert "permissions" not in job
        assert job["timeout-minutes"] <= 60
        uses = [step["uses"] for step in job["steps"] if "uses" in step]
        known = re.compile(r"((actions|hashicorp)/[a-z-]+|github/codeql-action/upload-sarif)@v\d+")
        assert [use for use in uses if not known.fullmatch(use)] == []


def test_ci_stops_at_the_first_step_that_fails_and_says_which(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    program(tmp_path / "bin" / "make", 'echo "made $1"; [ "$1" != test ]')
    env = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run([str(tmp_path / ".ci" / "run")], env=env, cwd="/", capture_output=True, text=True)
    assert done.returncode == 1
    assert re.findall(r"^made (\w+)$", done.stdout, re.MULTILINE) == ["test"]
    assert re.fullmatch(r"== make test: failed after \d+ s\n", done.stderr)
