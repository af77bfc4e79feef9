"""terraform itself runs here, with roots that need no provider; where it is looked for, a script stands in."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.terraform.cli import TerraformFailed, TerraformMissing, TerraformRoot, environment, run
from scripts.terraform.setup import find_terraform, read_mirror

AWS = "registry.terraform.io/hashicorp/aws"
PLATFORM = "linux_amd64"

ROOT = """
terraform {
  backend "local" {}
}
variable "names" { type = set(string) }
resource "terraform_data" "item" {
  for_each = var.names
  input    = each.key
}
output "names" { value = sort([for item in terraform_data.item : item.output]) }
"""


def fake_terraform(folder: Path, script: str) -> dict[str, str]:
    """Put a program called terraform on a PATH that has little else."""
    folder.mkdir(exist_ok=True)
    program = folder / "terraform"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder)}


def answers_version(folder: Path, version: str = "1.12.0") -> dict[str, str]:
    facts = json.dumps({"terraform_version": version, "platform": PLATFORM})
    return fake_terraform(folder, f"echo '{facts}'")


def mirror(path: Path, *, version: str = "5.100.0", platform: str = PLATFORM, packed: bool = False) -> Path:
    if packed:
        (path / AWS).mkdir(parents=True)
        (path / AWS / f"terraform-provider-aws_{version}_{platform}.zip").touch()
    else:
        (path / AWS / version / platform).mkdir(parents=True)
        (path / AWS / version / platform / f"terraform-provider-aws_v{version}_x5").touch()
    return path


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment({**os.environ, "HOME": str(tmp_path)}, workdir=tmp_path / "cli")


@pytest.fixture
def root(tmp_path: Path, env: dict[str, str]) -> TerraformRoot:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "main.tf").write_text(ROOT)
    return TerraformRoot(folder=folder, work=tmp_path / "work", env=env)


def test_without_terraform_the_message_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(TerraformMissing) as caught:
        find_terraform({"PATH": str(tmp_path)})
    assert str(caught.value) == (
        "terraform >= 1.11 is needed, and there is none on the PATH. "
        "Get it from https://developer.hashicorp.com/terraform/install and put it on the PATH."
    )


@pytest.mark.parametrize("version", ["1.10.5", "0.15.0", "1.9.0-beta1"])
def test_an_old_terraform_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(TerraformMissing, match=rf"/terraform is {version}\. Get it"):
        find_terraform(answers_version(tmp_path, version))


@pytest.mark.parametrize("version", ["1.11.0", "1.15.0", "2.0.0", "1.12.0-rc1"])
def test_a_new_terraform_is_taken(tmp_path: Path, version: str) -> None:
    assert find_terraform(answers_version(tmp_path, version)).platform == PLATFORM


@pytest.mark.parametrize("script", ["exit 1", "echo no JSON", "echo '{}'"])
def test_a_terraform_that_does_not_run_is_reported(tmp_path: Path, script: str) -> None:
    with pytest.raises(TerraformMissing, match="does not run"):
        find_terraform(fake_terraform(tmp_path, script))


def test_a_named_mirror_is_used_and_direct_installation_is_off_for_what_it_has(tmp_path: Path) -> None:
    named = mirror(tmp_path / 'mirror with "quotes"')
    (named / "registry.terraform.io/hashicorp/random/3.7.0" / PLATFORM).mkdir(parents=True)
    (named / "registry.terraform.io/hashicorp/random/3.7.0" / PLATFORM / "terraform-provider-random_v3.7.0").touch()
    (named / "registry.terraform.io/hashicorp/time/0.13.0/windows_amd64").mkdir(parents=True)
    base = answers_version(tmp_path / "bin") | {"TF_PLUGIN_MIRROR": str(named)}
    before = dict(base)
    found = environment(base, workdir=tmp_path / "cli")
    assert base == before
    assert found["TF_CLI_CONFIG_FILE"] == str(tmp_path / "cli" / "cli.tfrc")
    assert Path(found["TF_CLI_CONFIG_FILE"]).read_text() == (
        "# Written by scripts/terraform/setup.py at each run.\n"
        "provider_installation {\n"
        "  filesystem_mirror {\n"
        f'    path    = "{tmp_path}/mirror with \\"quotes\\""\n'
        f'    include = ["{AWS}", "registry.terraform.io/hashicorp/random"]\n'
        "  }\n"
        "  direct {\n"
        f'    exclude = ["{AWS}", "registry.terraform.io/hashicorp/random"]\n'
        "  }\n"
        "}\n"
    )


def test_a_named_mirror_without_the_provider_is_an_error(tmp_path: Path) -> None:
    base = answers_version(tmp_path) | {"TF_PLUGIN_MIRROR": str(mirror(tmp_path / "m", platform="darwin_arm64"))}
    with pytest.raises(TerraformMissing) as caught:
        environment(base, workdir=tmp_path / "cli")
    assert str(caught.value) == f"TF_PLUGIN_MIRROR: '{tmp_path}/m' holds no {AWS} (>= 5.100, < 7.0) for linux_amd64"


@pytest.mark.parametrize(
    ("version", "usable"),
    [("5.100.0", True), ("6.69.1", True), ("5.99.1", False), ("7.0.0", False), ("6.0.0-beta1", False)],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_mirror_counts_if_a_version_fits_the_modules(
    tmp_path: Path, version: str, usable: bool, packed: bool
) -> None:
    found = read_mirror(mirror(tmp_path / "m", version=version, packed=packed), platform=PLATFORM)
    assert (found is not None) == usable


@pytest.mark.parametrize(
    "place",
    [".terraform.d/plugins", ".local/share/terraform/plugins", "Library/Application Support/io.terraform/plugins"],
)
def test_a_mirror_in_the_users_usual_places_is_found(tmp_path: Path, place: str) -> None:
    base = answers_version(tmp_path / "home")
    mirror(tmp_path / "home" / place)
    found = environment(base | {"TF_CLI_CONFIG_FILE": "/nowhere/terraformrc"}, workdir=tmp_path / "cli")
    assert f'path    = "{tmp_path}/home/{place}"' in Path(found["TF_CLI_CONFIG_FILE"]).read_text()


@pytest.mark.parametrize("place", ["usr/local/share/terraform/plugins", "usr/share/terraform/plugins", "opt/anything"])
def test_a_mirror_in_the_machines_usual_places_is_found(tmp_path: Path, place: str) -> None:
    from scripts.terraform.setup import find_mirror

    mirror(tmp_path / place)
    found = find_mirror({"HOME": str(tmp_path / "home")}, platform=PLATFORM, root=tmp_path)
    assert found is not None
    assert (found.path, found.providers) == (tmp_path / place, (AWS,))


@pytest.mark.parametrize("by", ["TF_CLI_CONFIG_FILE", "HOME"])
def test_the_users_own_configuration_is_left_alone(tmp_path: Path, by: str) -> None:
    base = answers_version(tmp_path / "home")
    mirror(tmp_path / "home" / ".terraform.d/plugins")
    own = tmp_path / "home" / (".terraformrc" if by == "HOME" else "other.tfrc")
    own.write_text("disable_checkpoint = true\n")
    if by == "TF_CLI_CONFIG_FILE":
        base["TF_CLI_CONFIG_FILE"] = str(own)
    found = environment(base, workdir=tmp_path / "cli")
    assert found["TF_CLI_CONFIG_FILE"] == str(own)
    assert not (tmp_path / "cli").exists()


def test_without_a_mirror_the_registry_is_asked_and_plugins_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # This machine may have a mirror below /opt.
    monkeypatch.setattr("scripts.terraform.setup.find_mirror", lambda *_, **__: None)
    found = environment(answers_version(tmp_path / "home"), workdir=tmp_path / "cli")
    assert "provider_installation" not in Path(found["TF_CLI_CONFIG_FILE"]).read_text()
    assert found["TF_PLUGIN_CACHE_DIR"] == str(tmp_path / "cli" / "plugins")
    assert found["TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE"] == "true"
    assert (tmp_path / "cli" / "plugins").is_dir()  # terraform refuses a cache that is not there


@pytest.mark.parametrize("mirrored", [True, False])
def test_terraform_accepts_the_settings_whatever_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirrored: bool
) -> None:
    base = {**os.environ, "TF_CLI_CONFIG_FILE": str(tmp_path / "missing.tfrc"), "HOME": str(tmp_path / "home")}
    odd = tmp_path / '${x} %{y} $HOME "z"'
    if mirrored:
        base["TF_PLUGIN_MIRROR"] = str(mirror(odd, platform=find_terraform(base).platform))
    else:
        monkeypatch.setattr("scripts.terraform.setup.find_mirror", lambda *_, **__: None)
    found = environment(base, workdir=odd / "cli")
    (tmp_path / "main.tf").write_text(
        'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws", version = "5.100.0" }\n  }\n}\n'
    )
    assert run(["version"], chdir=tmp_path, env=found).stderr == ""  # where a warning about the settings would go
    if mirrored:  # the file in it is empty: terraform finds it, and says that it cannot run it
        done = run(["init", "-no-color"], chdir=tmp_path, env=found)
        assert "Installed hashicorp/aws v5.100.0" in done.stdout


def test_targets_limit_an_apply_and_what_is_recorded_can_be_shown(root: TerraformRoot) -> None:
    assert "values" not in root.show()
    root.apply({"names": ["a", "b"]}, targets=['terraform_data.item["a"]'])
    resources = root.show()["values"]["root_module"]["resources"]
    assert [resource["address"] for resource in resources] == ['terraform_data.item["a"]']
    root.apply({"names": ["a", "b"]})
    assert len(root.show()["values"]["root_module"]["resources"]) == 2


def test_a_root_is_applied_read_and_destroyed_without_a_trace_in_its_sources(root: TerraformRoot) -> None:
    root.apply({"names": ["b", "a"]})
    assert root.output() == {"names": ["a", "b"]}
    assert root.plan_is_empty()
    (root.folder / "more.tf").write_text('resource "terraform_data" "more" {}')
    assert not root.plan_is_empty()
    root.destroy()
    assert json.loads(root.state.read_text())["resources"] == []
    assert sorted(path.name for path in root.folder.iterdir() if path.name != ".terraform.lock.hcl") == [
        "main.tf",
        "more.tf",
    ]


def test_variables_and_state_are_readable_by_their_owner_alone(root: TerraformRoot) -> None:
    root.apply({"names": ["a"]})
    assert root.work.stat().st_mode & 0o777 == 0o700
    assert (root.work / "variables.tfvars.json").stat().st_mode & 0o777 == 0o600


def test_the_callers_settings_for_another_root_do_not_leak_in(root: TerraformRoot, tmp_path: Path) -> None:
    stray = {
        "TF_WORKSPACE": "prod",
        "TF_DATA_DIR": str(tmp_path / "elsewhere"),
        "TF_CLI_ARGS_apply": "-no-such-flag",
        "TF_VAR_names": '["stray"]',
    }
    other = TerraformRoot(folder=root.folder, work=root.work, env={**root.env, **stray})
    other.apply({"names": ["ours"]})
    assert other.output() == {"names": ["ours"]}
    assert not (tmp_path / "elsewhere").exists()


def test_output_before_the_first_apply_is_empty(root: TerraformRoot) -> None:
    assert root.output() == {}


def test_init_runs_again_only_after_a_change(root: TerraformRoot) -> None:
    said: list[str] = []
    told = TerraformRoot(folder=root.folder, work=root.work, env=root.env, progress=said.append)
    told.init()
    assert any("successfully initialized" in line for line in said)
    said.clear()
    told.init()
    assert said == []
    module = root.folder / "module"
    module.mkdir()
    (module / "main.tf").write_text("# empty\n")
    (root.folder / "more.tf").write_text('module "m" { source = "./module" }')
    told.init()
    assert said != []
    said.clear()
    (module / "main.tf").write_text('resource "terraform_data" "x" {}\n')  # may ask for another provider
    told.init()
    assert said != []


def test_a_lock_that_names_what_is_gone_is_selected_anew(tmp_path: Path) -> None:
    # As init does when a mirror no longer has the locked version, or has it with another checksum.
    script = 'if [ -e .terraform.lock.hcl ]; then echo "locked provider is not available" >&2; exit 1; fi; echo ok'
    env = fake_terraform(tmp_path / "bin", script)
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "main.tf").write_text(ROOT)
    said: list[str] = []
    root = TerraformRoot(folder=folder, work=tmp_path / "work", env=env, progress=said.append)
    (tmp_path / "work" / "data").mkdir(parents=True)
    (folder / ".terraform.lock.hcl").touch()
    root.init()
    assert said == ["the provider lock may be out of date, selecting again", "ok"]


def test_a_failure_that_is_not_the_locks_is_reported(tmp_path: Path) -> None:
    env = fake_terraform(tmp_path / "bin", "echo no network >&2; exit 1")
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "main.tf").write_text(ROOT)
    root = TerraformRoot(folder=folder, work=tmp_path / "work", env=env)
    for locked in (False, True):
        if locked:
            (folder / ".terraform.lock.hcl").touch()
        with pytest.raises(TerraformFailed, match="no network"):
            root.init()


def test_a_root_whose_state_would_land_in_the_sources_is_refused(root: TerraformRoot) -> None:
    (root.folder / "main.tf").write_text('resource "terraform_data" "x" {}')
    with pytest.raises(TerraformFailed, match=r'needs `backend "local" \{\}`'):
        root.apply({})
    assert [path.name for path in root.folder.iterdir()] == ["main.tf"]


def test_a_failure_says_what_terraform_said_and_hides_credentials(tmp_path: Path) -> None:
    script = """
i=0
echo "Error: $AWS_SECRET_ACCESS_KEY" >&2
while [ $i -lt 40 ]; do echo "line $i"; i=$((i + 1)); done
exit 3
"""
    secret = "wJalrXUtnFEMI/K7MDENG"
    env = fake_terraform(tmp_path, script) | {"AWS_SECRET_ACCESS_KEY": secret, "AWS_ACCESS_KEY_ID": "test"}
    with pytest.raises(TerraformFailed) as caught:
        run(["apply", "-auto-approve"], chdir=tmp_path, env=env)
    lines = str(caught.value).splitlines()
    assert lines[0] == "terraform apply failed (exit code 3):"
    assert lines[1:] == ["  Error: <AWS_SECRET_ACCESS_KEY>"]
    assert secret not in str(caught.value)


def test_a_real_mistake_is_reported_with_its_place(root: TerraformRoot) -> None:
    (root.folder / "more.tf").write_text('output "x" { value = local.nothing }')
    with pytest.raises(TerraformFailed, match=r"(?s)Reference to undeclared local value.*more\.tf line 1"):
        root.apply({"names": []})


def test_a_command_that_takes_too_long_is_interrupted_and_may_finish(tmp_path: Path) -> None:
    # `wait` returns as soon as the signal comes; a plain sleep would hold the trap back. It stays behind as a plugin
    # might, and keeps our pipes open.
    script = f'trap "echo saved > {tmp_path}/state; exit 1" INT; echo begun; sleep 20 & wait'
    began = time.monotonic()
    with pytest.raises(TerraformFailed, match=r"terraform apply took longer than 0\.5 s and was stopped:\n  begun"):
        run(["apply"], chdir=tmp_path, env=fake_terraform(tmp_path / "bin", script), timeout=0.5)
    assert time.monotonic() - began < 10
    assert (tmp_path / "state").read_text() == "saved\n"


def test_the_streams_are_kept_apart_and_progress_gets_each_line(tmp_path: Path) -> None:
    said: list[str] = []
    env = fake_terraform(tmp_path, "echo one; echo problem >&2; echo two")
    done = run(["show"], chdir=tmp_path, env=env, progress=said.append)
    assert (done.stdout, done.stderr, said) == ("one\ntwo\n", "problem\n", ["one", "two"])


def test_the_program_runs_terraform_with_its_exit_code(tmp_path: Path) -> None:
    base = {**os.environ, "TF_CLI_CONFIG_FILE": str(tmp_path / "missing.tfrc")}
    for args, code in ((["version"], 0), (["no-such-command"], 1)):
        done = subprocess.run(
            [sys.executable, "-m", "scripts.terraform.cli", "--", *args],
            env=base,
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
        )
        assert done.returncode == code
    assert shutil.which("terraform") is not None
