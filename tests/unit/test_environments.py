"""Which environments there are, and what their settings are: terraform evaluates them, without a provider."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.terraform.cli import environment
from scripts.terraform.environments import Environment, EnvironmentProblem, environment_named, environments, settings

VARIABLES = """
variable "region" {
  type = string
  validation {
    condition     = length(var.region) > 2
    error_message = "region: must be a Region; got ${var.region}."
  }
}
variable "tiers" { type = map(object({ text = string, days = optional(number, 30) })) }
variable "partition" {
  type    = string
  default = "aws"
}
variable "release" { type = any }
variable "not_set" { type = string }
"""
TEXT = 'a "quote", a $${dollar}, a %%{percent}, \\n and é'


@pytest.fixture
def dev(tmp_path: Path) -> Environment:
    folder = tmp_path / "terraform" / "envs" / "dev"
    folder.mkdir(parents=True)
    (folder / "variables.tf").write_text(VARIABLES)
    # Neither is to be had here, and neither is asked for.
    (folder / "main.tf").write_text('module "gone" {\n  source = "../../modules/gone"\n}\nprovider "aws" {}\n')
    quoted = TEXT.replace('"', '\\"')
    (folder / "terraform.tfvars").write_text(f'region = "eu-west-1"\ntiers = {{ basic = {{ text = "{quoted}" }} }}\n')
    (tmp_path / "terraform" / "envs" / "no-settings").mkdir()
    return environment_named("dev", sources=tmp_path / "terraform", local=tmp_path / "local")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment({**os.environ, "TF_VAR_region": "mars-1", "TF_WORKSPACE": "stray"}, workdir=tmp_path / "cli")


def test_settings_have_defaults_types_and_every_character_and_leave_out_what_is_not_set(
    dev: Environment, env: dict[str, str]
) -> None:
    text = 'a "quote", a ${dollar}, a %{percent}, \n and é'
    expected = {"region": "eu-west-1", "tiers": {"basic": {"text": text, "days": 30}}, "partition": "aws"}
    assert settings(dev, env=env) == expected
    dev.release.write_text('{"release": {"agent_version": "0.2.0"}}')
    assert settings(dev, env=env) == {**expected, "release": {"agent_version": "0.2.0"}}


@pytest.mark.parametrize(
    ("written", "said"), [("region = ", "Invalid expression"), ('region = "x"', "region: must be a Region; got x.")]
)
def test_settings_that_terraform_refuses_are_refused_in_its_words(
    dev: Environment, env: dict[str, str], written: str, said: str
) -> None:
    (dev.folder / "terraform.tfvars").write_text(f"{written}\n")
    with pytest.raises(EnvironmentProblem, match="its settings cannot be read") as refused:
        settings(dev, env=env)
    assert said in str(refused.value)


def test_an_environment_is_a_folder_with_settings_and_real_with_a_backend(dev: Environment, tmp_path: Path) -> None:
    sources = tmp_path / "terraform"
    assert environments(sources=sources) == ["dev"]
    before = dev.is_real
    dev.backend.write_text('bucket = "state"\n')
    assert (before, dev.is_real) == (False, True)
    assert dev.variables() == ("region", "tiers", "partition", "release", "not_set")
    assert dev.outputs_file == tmp_path / "local" / "dev.outputs.json"


@pytest.mark.parametrize("name", ["prod", "no-settings", "", "../envs/dev", "local"])
def test_any_other_name_is_refused_with_those_that_there_are(dev: Environment, tmp_path: Path, name: str) -> None:
    assert dev.name == "dev"
    with pytest.raises(EnvironmentProblem, match=r"ENV: .*must be one of dev"):
        environment_named(name, sources=tmp_path / "terraform")
    with pytest.raises(EnvironmentProblem, match="there is no environment in terraform/envs yet"):
        environment_named(name, sources=tmp_path / "nowhere")
