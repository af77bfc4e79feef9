"""Every module and root: formatted, laid out alike, with an example that plans. `make validate` runs their tests."""

from __future__ import annotations

import re
from typing import Any

import pytest

from .support import SOURCES, Workspace, planned_example, readme_examples

MODULES = sorted(str(p.parent.relative_to(SOURCES)) for p in SOURCES.glob("modules/*/versions.tf"))
ROOTS = sorted(str(p.parent.relative_to(SOURCES)) for p in SOURCES.rglob("providers.tf") if "modules" not in p.parts)
FILES = {"README.md", "variables.tf", "outputs.tf", "versions.tf"}
CONSTANTS = {"modules/contract"}
"""Modules without inputs."""


def test_sources_are_formatted(workspace: Workspace) -> None:
    code, out, _ = workspace.terraform("fmt", "-check", "-recursive", "-diff", chdir=".", accept=frozenset({0, 2, 3}))
    assert code == 0, out


@pytest.mark.parametrize("folder", [*MODULES, *ROOTS])
def test_layout(folder: str) -> None:
    present = {p.name for p in (SOURCES / folder).iterdir()}
    assert present >= FILES - ({"variables.tf"} if folder in CONSTANTS else set())
    assert list((SOURCES / folder / "tests").glob("*.tftest.hcl"))


@pytest.mark.parametrize("module", MODULES)
def test_modules_hold_no_provider_data_source_or_provisioner(module: str) -> None:
    text = "\n".join(p.read_text() for p in (SOURCES / module).glob("*.tf"))
    assert not re.findall(r'^\s*(?:provider|data|provisioner)\s+"', text, re.MULTILINE)
    assert "ignore_changes" not in text


@pytest.mark.parametrize("folder", [*MODULES, *ROOTS])
def test_every_variable_and_output_is_described_and_every_validation_tells_the_value(folder: str) -> None:
    text = "\n".join(p.read_text() for p in sorted((SOURCES / folder).glob("*.tf")))
    for kind, name, body in re.findall(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL):
        assert re.search(r"^  description\s+= \"", body, re.MULTILINE), f"{kind} {name} has no description"
        for message in re.findall(r"validation \{.*?error_message\s+= \"(.*)\"\n", body, re.DOTALL):
            assert re.match(rf"{name}[.:]", message), f"{name}: the message must start with the field: {message}"
            assert "; got " in message, f"{name}: the message must tell the value: {message}"


@pytest.mark.parametrize("module", sorted(readme_examples()))
def test_readme_example_plans_what_it_says(plan: dict[str, Any], module: str) -> None:
    assert planned_example(plan, module) == readme_examples()[module][1]


def test_every_module_has_an_example_that_is_planned_with_one_provider_or_the_other() -> None:
    planned = {f"modules/{module}" for module in [*readme_examples(), *readme_examples(agentcore=True)]}
    assert sorted(set(MODULES) - planned) == []
