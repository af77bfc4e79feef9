"""What people read when terraform refuses: every error once, in the words of the rule, without its dumps of values."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.plans.roots import _advice, values_of
from scripts.terraform.cli import TerraformFailed, TerraformRoot, environment
from scripts.terraform.diagnostics import read_errors
from scripts.terraform.environments import Environment, EnvironmentProblem, environment_named
from scripts.terraform.unknown_settings import check_settings, region_problem

PADDING = "since less is no list, " * 5
VARIABLES = """
variable "region" { type = string }
variable "alarms" {
  type = object({
    topics     = optional(set(string), [])
    thresholds = optional(map(object({ error_percent = optional(number, 5), note = optional(string) })), {})
    rules      = optional(list(object({ name = string })), [])
  })
  default = {}
  validation {
    condition     = length(var.alarms.topics) > 0
    error_message = "alarms.topics: must name one."
  }
}
variable "release" {
  type = object({ agent_version = string })
}
"""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment({**os.environ, "HOME": str(tmp_path), "TF_VAR_stray": "x"}, workdir=tmp_path / "cli")


@pytest.fixture
def root(tmp_path: Path, env: dict[str, str]) -> TerraformRoot:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "main.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    return TerraformRoot(folder=folder, work=tmp_path / "work", env=env)


@pytest.fixture
def dev(tmp_path: Path) -> Environment:
    folder = tmp_path / "terraform" / "envs" / "dev"
    folder.mkdir(parents=True)
    (folder / "variables.tf").write_text(VARIABLES)
    (folder / "terraform.tfvars").write_text('region = "eu-west-1"\n')
    return environment_named("dev", sources=tmp_path / "terraform")


def test_every_refused_setting_is_told_without_dumps_and_warnings(root: TerraformRoot) -> None:
    names = [f"setting_{i}" for i in range(12)]
    rule = """
variable "NAME" {
  type    = list(string)
  default = ["a"]
  validation {
    condition     = length(var.NAME) > 3
    error_message = "NAME: must have more than three entries, PADDINGand this is one; got 1."
  }
}"""
    text = "".join(rule.replace("NAME", name).replace("PADDING", PADDING) for name in names)
    (root.folder / "rules.tf").write_text(text)
    with pytest.raises(TerraformFailed) as caught:
        root.apply({"undeclared": 1})
    first, *lines = str(caught.value).splitlines()
    assert first == "12 settings are refused:"
    assert sorted(line.partition(":")[0].strip() for line in lines) == sorted(names)
    assert all(PADDING in line and line.endswith(")") and "(rules.tf line " in line for line in lines)
    assert not any(word in str(caught.value) for word in ("├", "Warning", "validation rule"))


def test_a_failed_precondition_says_its_message_and_nothing_of_what_terraform_compared(root: TerraformRoot) -> None:
    (root.folder / "rules.tf").write_text("""
locals { problems = ["a"] }
output "x" {
  value = 1
  precondition {
    condition     = length(local.problems) == 0
    error_message = "tiers.yaml: must be otherwise."
  }
}
""")
    with pytest.raises(TerraformFailed) as caught:
        root.apply({})
    assert str(caught.value) == (
        "terraform apply failed (exit code 1):\n  tiers.yaml: must be otherwise. (rules.tf line 6)"
    )


def test_bad_yaml_names_its_file(root: TerraformRoot) -> None:
    (root.folder / "rules.tf").write_text('output "x" { value = yamldecode(file("${path.root}/tiers.yaml")) }\n')
    (root.folder / "tiers.yaml").write_text("a: [b\nc: d\n")
    with pytest.raises(TerraformFailed, match=r"\n  tiers\.yaml of the catalog: is not valid YAML: on line 1, column"):
        root.apply({})


def test_a_framed_and_coloured_error_is_read_too() -> None:
    text = """\x1b[33m╷
│ Warning: no
╵
╷
│ \x1b[31mError: Bad\x1b[0m
│ 
│   on a.tf line 3, in output "x":
│    3: x = y
│     ├────
│     │ y is 1
│ 
│ Why.
╵
more
"""  # noqa: W291
    (error,) = read_errors(text.splitlines())
    assert list(error.lines()) == ["Error: Bad", "  a.tf line 3: x = y", "  Why."]


def test_a_misspelt_setting_is_refused_with_what_was_meant(dev: Environment, env: dict[str, str]) -> None:
    dev.release.write_text('{"release": {"agent_version": "0.2.0", "for_programs": 1}}')
    check_settings(dev, env=env)
    (dev.folder / "terraform.tfvars").write_text("""
region = "eu-west-1"
regoin = "eu-west-1"
q1     = 1
q2     = 2
alarms = {
  topcis     = ["a"]
  thresholds = { basic = { eror_percent = 3 } }
  rules      = [{ name = "a" }, { name = "b", nam = "c" }]
}
""")
    (dev.folder / "more.auto.tfvars.json").write_text('{"q3": 1}')
    with pytest.raises(EnvironmentProblem) as refused:
        check_settings(dev, env=env)
    first, *lines, last = str(refused.value).splitlines()
    assert first == "7 settings are not known, and would be ignored:"
    known = "; there are region, alarms, release"
    assert sorted(lines) == sorted(
        [
            "  regoin: is no setting (terraform.tfvars); did you mean region?",
            f"  q1: is no setting (terraform.tfvars){known}",
            f"  q2: is no setting (terraform.tfvars){known}",
            f"  q3: is no setting (more.auto.tfvars.json){known}",
            "  alarms.topcis: is no setting; did you mean topics?",
            "  alarms.thresholds.basic.eror_percent: is no setting; did you mean error_percent?",
            "  alarms.rules[1].nam: is no setting; did you mean name?",
        ]
    )
    assert last == "What to do: correct or remove them; terraform/envs/dev/README.md lists all settings."


def test_what_terraform_cannot_read_is_left_to_the_plan(dev: Environment, env: dict[str, str]) -> None:
    (dev.folder / "terraform.tfvars").write_text("region = \n")
    check_settings(dev, env=env)


@pytest.mark.parametrize(
    ("region", "partition", "said"),
    [
        ("us-east-1", "aws", None),
        ("us-gov-west-1", "aws-us-gov", None),
        ("us-moon-1", "aws", "region: 'us-moon-1' is no AWS Region"),
        ("eu-wst-3", "aws", "did you mean eu-west-3?"),
        ("aws-global", "aws", "region: 'aws-global' is no AWS Region"),
        ("cn-north-1", "aws", "partition: must be aws-cn for region cn-north-1; got 'aws'"),
    ],
)
def test_a_region_is_one_that_aws_has(region: str, partition: str, said: str | None) -> None:
    problem = region_problem(region, partition)
    assert problem == said if said is None else problem is not None and said in problem


def test_a_region_that_is_none_is_refused_in_an_environment(dev: Environment, env: dict[str, str]) -> None:
    (dev.folder / "terraform.tfvars").write_text('region = "us-moon-1"\n')
    with pytest.raises(EnvironmentProblem, match=r"(?s)1 setting is refused:.*us-moon-1.*What to do: change it in"):
        check_settings(dev, env=env)


@pytest.mark.parametrize(
    ("summary", "place", "message", "advice"),
    [
        (
            "Invalid value for variable",
            "terraform.tfvars line 3",
            "production: must be true for environment dev; got false.",
            "set `production = true` in terraform/envs/dev/terraform.tfvars",
        ),
        (
            "Module output value precondition failed",
            "outputs.tf line 9",
            "release.contract_version: must be 1, which this platform offers; got 2.",
            "`make publish-agent ENV=dev` from this commit",
        ),
        (
            "Invalid value for variable",
            "terraform.tfvars line 3",
            "mfa: must be ON.",
            "change what is refused in terraform/envs/dev/terraform.tfvars, then plan again",
        ),
        (
            "Invalid value for variable",
            "release.auto.tfvars.json line 2",
            "release.endpoints: must serve runtime versions that were applied here (1); got {}.",
            "leave terraform/envs/dev/release.auto.tfvars.json to `make publish-agent`, `make promote` and"
            " `make rollback`, each with ENV=dev; take its last good version from version control",
        ),
        (
            "Resource precondition failed",
            "../../modules/catalog/main.tf line 3",
            "tiers.yaml: basic.model: must be known.",
            "correct it in terraform/catalog, then plan again",
        ),
    ],
)
def test_a_refusal_ends_with_what_to_do(dev: Environment, summary: str, place: str, message: str, advice: str) -> None:
    err = [f"Error: {summary}", "", f"  on {place}:", "   3: x = {", '   4:   "y": 1', "   5: }", "", message]
    failure = TerraformFailed(command="plan", reason="failed (exit code 1)", err=err, env={})
    assert _advice(failure, dev) == f"\nWhat to do: {advice}."


def test_a_release_file_that_is_no_json_is_refused_in_the_words_of_the_status(dev: Environment) -> None:
    dev.release.write_text('{"release": ')
    with pytest.raises(EnvironmentProblem, match=r"is not JSON \(.*\); restore it from your version control"):
        values_of(dev, release=None, variables=None, offline=True)
