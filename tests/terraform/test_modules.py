"""Every module and root: formatted, valid, tested, and with an example that plans."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .support import SOURCES, Workspace, needs_agentcore, planned_resources, readme_examples

MODULES = sorted(str(p.parent.relative_to(SOURCES)) for p in SOURCES.glob("modules/*/versions.tf"))
ROOTS = sorted(str(p.parent.relative_to(SOURCES)) for p in SOURCES.rglob("providers.tf") if "modules" not in p.parts)
# The others are tested with the recording provider, in test_agentcore_modules.py.
FOUNDATION = [folder for folder in (*MODULES, *ROOTS) if not needs_agentcore(SOURCES / folder)]
FILES = {"README.md", "variables.tf", "outputs.tf", "versions.tf"}


def test_sources_are_formatted(workspace: Workspace) -> None:
    code, out, _ = workspace.terraform("fmt", "-check", "-recursive", "-diff", chdir=".", accept=frozenset({0, 2, 3}))
    assert code == 0, out


@pytest.mark.timeout(300)
def test_terraform_tests_pass_in_every_foundation_folder(workspace: Workspace) -> None:
    """`terraform test` validates a folder before it runs the tests, so each folder needs no more than this."""

    def test(folder: str) -> str | None:
        workspace.init(folder)
        code, out, err = workspace.terraform("test", "-no-color", chdir=folder, accept=frozenset({0, 1}))
        ran = re.search(r"(\d+) passed, 0 failed", out)
        return None if code == 0 and ran and int(ran[1]) > 0 else f"{folder}\n{out}\n{err}"

    with ThreadPoolExecutor(max_workers=2) as pool:
        failures = [failure for failure in pool.map(test, FOUNDATION) if failure]
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("folder", [*MODULES, *ROOTS])
def test_layout(folder: str) -> None:
    present = {p.name for p in (SOURCES / folder).iterdir()}
    assert present >= FILES
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
    modules = plan["planned_values"]["root_module"]["child_modules"]
    planned = [m for m in modules if m["address"] == f"module.{module}"]
    assert sum(len(planned_resources(m)) for m in planned) == readme_examples()[module][1]
