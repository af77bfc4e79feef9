"""The stack that is synthesised. What Terraform plans of it is compared by `python -m scripts.python_stack`."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cdktn import App

from main import main, synthesise
from python_stack.errors import StackError
from python_stack.inputs import Files, Inputs
from python_stack.stack import EnvironmentStack


@pytest.fixture(scope="module")
def folder(unchanged: Files, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthesised stack."""
    return synthesise(unchanged, tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def configuration(folder: Path) -> dict[str, Any]:
    """What Terraform reads."""
    content: dict[str, Any] = json.loads((folder / "cdk.tf.json").read_text())
    return content


def test_modules_are_those_of_the_root_under_the_same_names(
    configuration: dict[str, Any], unchanged: Files, folder: Path
) -> None:
    root = (unchanged.root / "main.tf").read_text()
    called = dict(
        re.findall(r'^module "(\w+)" \{\n(?:  .*\n)*?  source +?= "\.\./\.\./modules/(\w+)"', root, re.MULTILINE)
    )
    assert called
    found = {name: (folder / call["source"]).resolve() for name, call in configuration["module"].items()}
    assert found == {name: (unchanged.terraform / "modules" / module).resolve() for name, module in called.items()}
    assert all(call["source"].startswith("../") for call in configuration["module"].values())


def test_state_is_where_the_settings_say_and_is_locked(configuration: dict[str, Any], unchanged: Files) -> None:
    lines = re.findall(r"^(\w+) += (.*)$", (unchanged.root / "backend.hcl").read_text(), re.MULTILINE)
    wanted = {name: json.loads(value) for name, value in lines}
    assert wanted.keys() >= {"bucket", "key", "region"}
    assert configuration["terraform"]["backend"] == {"s3": {**wanted, "use_lockfile": True}}


def test_one_provider_pinned_and_held_to_the_account(configuration: dict[str, Any]) -> None:
    assert configuration["terraform"]["required_providers"] == {"aws": {"source": "hashicorp/aws", "version": "6.69.1"}}
    assert configuration["provider"] == {
        "aws": [
            {
                "region": "${var.region}",
                "allowed_account_ids": ["${var.account_id}"],
                "default_tags": [
                    {
                        "tags": {
                            "Environment": "${var.environment}",
                            "CostCentre": "${var.cost_centre}",
                            "ManagedBy": "terraform",
                            "Production": "${tostring(var.production)}",
                        }
                    }
                ],
            }
        ]
    }


def test_the_catalog_is_data_in_the_stack(configuration: dict[str, Any], unchanged: Files) -> None:
    call = configuration["module"]["catalog"]
    assert call["tiers"]["basic"]["model"] == "mistral.ministral-3-8b-instruct"
    assert call["tools"] == {
        p.stem: json.loads(p.read_text()) for p in (unchanged.terraform / "catalog/tools").glob("*.json")
    }
    template = (unchanged.terraform / "catalog/policies/tier.cedar.tftpl").read_text()
    assert configuration["module"]["agentcore"]["policy_template"] == template.replace("${", "$${").replace("%{", "%%{")


def test_rules_values_and_release_lie_beside_it(folder: Path, unchanged: Files) -> None:
    for name in ("variables.tf", "terraform.tfvars"):
        assert (folder / name).read_text() == (unchanged.root / name).read_text()
    release = json.loads((unchanged.root / "release.auto.tfvars.json").read_text())["release"]
    assert json.loads((folder / "release.auto.tfvars.json").read_text()) == {"release": release}
    located = json.loads((folder / "catalog.auto.tfvars.json").read_text())["catalog_dir"]
    assert not Path(located).is_absolute()
    assert (folder / located / "tiers.yaml").is_file()


def test_two_runs_write_the_same(unchanged: Files, tmp_path: Path) -> None:
    one, other = (synthesise(unchanged, tmp_path / name) / "cdk.tf.json" for name in ("one", "two"))
    assert one.read_text() == other.read_text()


def test_a_variable_that_the_root_lacks_is_refused(files: Files, tmp_path: Path) -> None:
    text = (files.root / "variables.tf").read_text()
    (files.root / "variables.tf").write_text(text.replace('variable "policy_mode"', 'variable "mode"'))
    with pytest.raises(StackError) as caught:
        synthesise(files, tmp_path / "out")
    assert str(caught.value).startswith("policy_mode: must be a variable of dev's variables.tf (account_id, ")


def test_the_program_says_what_is_wrong_and_fails(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    (files.root / "backend.hcl").unlink()
    assert main(["--environment=dev", f"--terraform={files.terraform}"]) == 1
    assert capsys.readouterr().err == (
        f"python-stack: backend: {files.root / 'backend.hcl'} is missing; write it (backend.hcl.example shows the "
        "lines) or name one\n"
    )


def test_the_app_need_not_be_the_program_s(files: Files, tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path / "own"), context={"targetVersions": {"terraform": ">=1.11.0 <2.0.0"}})
    stack = EnvironmentStack(app, inputs=Inputs.load(files), folder=tmp_path / "own" / "stacks" / "dev")
    assert stack.node.id == "dev"
