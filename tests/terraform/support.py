"""Terraform on a copy of the sources, so that tests leave nothing behind and may change what they like."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from scripts.terraform.cli import run

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = ROOT / "terraform"
ENTERPRISE: Final = """
enterprise:
  display_name: Enterprise
  model: openai.gpt-oss-120b-1:0
  max_output_tokens: 8192
  history_turns: 20
  tools: [search_documents, clinic_profile]
  limits: {requests_per_second: 50, burst: 100, requests_per_day: 5000}
  memory: {retention_days: 365, strategies: [preferences, facts]}
  guardrail:
    prompt_attack: MEDIUM
    filters:
      sexual: {input: NONE, output: LOW}
      violence: {input: NONE, output: LOW}
      misconduct: {input: NONE, output: LOW}
      hate: {input: LOW, output: LOW}
      insults: {input: LOW, output: LOW}
    profanity: false
    denied_words: []
    blocked_information: [PASSWORD]
    masked_information: []
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A copy of `terraform/` and the environment to run terraform in."""

    folder: Path
    env: Mapping[str, str] = field(repr=False)

    def terraform(self, *args: str, chdir: str, accept: frozenset[int] = frozenset({0})) -> tuple[int, str, str]:
        """Run terraform in a folder of the copy; answers exit code and both outputs."""
        data = self.folder.parent / "data" / chdir.replace("/", "-")
        done = run(args, chdir=self.folder / chdir, env={**self.env, "TF_DATA_DIR": str(data)}, accept=accept)
        return done.returncode, done.stdout, done.stderr

    def init(self, chdir: str) -> None:
        self.terraform("init", "-backend=false", "-input=false", "-no-color", chdir=chdir)


def needs_agentcore(folder: Path) -> bool:
    """Whether a module or root needs the types of AgentCore, which the oldest provider in use does not have."""
    return re.search(r'hashicorp/aws", version = "(>= )?6', (folder / "versions.tf").read_text()) is not None


def readme_examples(*, agentcore: bool = False) -> dict[str, tuple[str, int]]:
    """The example of each module's README, and how many resources it says to expect.

    Args:
        agentcore: Of the modules that need AgentCore, instead of the others.
    """
    found = {}
    for versions in sorted(SOURCES.glob("modules/*/versions.tf")):
        module, readme = versions.parent.name, versions.parent / "README.md"
        if needs_agentcore(versions.parent) is not agentcore or not readme.is_file():
            continue  # a test of its own says which module has none
        fenced = re.findall(r"^```hcl\n(.*?)^```$", readme.read_text(), re.MULTILINE | re.DOTALL)
        blocks = [block for block in fenced if f'module "{module}" {{' in block]
        assert len(blocks) == 1, f'{readme} needs one example, with a module "{module}"'
        expected = re.search(r"^# expect: resources=(\d+)\n\Z", blocks[0], re.MULTILINE)
        assert expected, f"{readme}: its example must end with the number of resources to expect"
        found[module] = (blocks[0][: expected.start()], int(expected[1]))
    return found


def planned_example(plan: Mapping[str, Any], module: str) -> int:
    """How many resources the example of a module's README plans."""
    # What plans nothing is missing among the planned values, whether it was called or not.
    assert plan["configuration"]["root_module"]["module_calls"][module]["source"] == f"../../modules/{module}"
    modules = plan["planned_values"]["root_module"].get("child_modules", [])
    return sum(len(planned_resources(m)) for m in modules if m["address"] == f"module.{module}")


def changed_guardrails() -> dict[str, dict[str, Any]]:
    """A guardrail as it is in the catalog, and the same with one change each, by what is changed."""
    base = yaml.safe_load((SOURCES / "catalog" / "tiers.yaml").read_text())["basic"]["guardrail"]
    return {
        "nothing": base,
        "words": {**base, "denied_words": ["something else"]},
        "filters": {**base, "filters": {**base["filters"], "hate": {"input": "HIGH", "output": "HIGH"}}},
        "attack": {**base, "prompt_attack": "LOW"},
        "profanity": {**base, "profanity": not base["profanity"]},
        "blocked": {**base, "blocked_information": []},
        "masked": {**base, "masked_information": []},
    }


def planned_resources(module: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The resources of a module of `terraform show -json`, those of its own modules included."""
    inner = [r for child in module.get("child_modules", []) for r in planned_resources(child)]
    return [*module.get("resources", []), *inner]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What one instance of a module would make, policies decoded."""

    resources: list[dict[str, Any]] = field(repr=False)

    def addresses(self) -> set[str]:
        """Addresses without the instance's own part."""
        return {r["address"].partition("].")[2] for r in self.resources}

    def policy(self, resource: str) -> list[dict[str, Any]]:
        """Statements of the policy resource with this address within the module."""
        return _statements(self.values(resource)["policy"])

    def roles(self) -> dict[str, list[dict[str, Any]]]:
        """Trust statements of every role, by the role's name without the prefix."""
        return {
            r["values"]["name"].removeprefix("clinic-test-"): _statements(r["values"]["assume_role_policy"])
            for r in self.resources
            if r["type"] == "aws_iam_role"
        }

    def functions(self) -> dict[str, dict[str, Any]]:
        """Planned values of every function, by its name without the prefix."""
        return {
            r["values"]["function_name"].removeprefix("clinic-test-"): r["values"]
            for r in self.resources
            if r["type"] == "aws_lambda_function"
        }

    def tenant(self) -> list[dict[str, Any]]:
        """Statements of the tenant role: those for all tiers and those of each."""
        tiers = sorted(r["index"] for r in self.resources if r["type"] == "aws_iam_policy")
        per_tier = [s for tier in tiers for s in self.policy(f'aws_iam_policy.tier["{tier}"]')]
        return [*per_tier, *self.policy("aws_iam_role_policy.tenant")]

    def values(self, resource: str) -> dict[str, Any]:
        """Planned values of the resource with this address within the module."""
        (found,) = [r for r in self.resources if r["address"].endswith(f"].{resource}")]
        return dict(found["values"])


def _statements(text: str) -> list[dict[str, Any]]:
    document = json.loads(text)
    assert document["Version"] == "2012-10-17"  # policy variables are plain text in any other
    return list(document["Statement"])


def copy_sources(target: Path) -> Path:
    """Copy `terraform/` without what terraform may have left in it."""
    return Path(shutil.copytree(SOURCES, target, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*")))
