"""One copy of the Terraform sources, and one plan that all tests of policies read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.terraform.cli import environment
from scripts.terraform.sessions import recording_session

from .support import (
    ENTERPRISE,
    SOURCES,
    Access,
    Workspace,
    changed_guardrails,
    copy_sources,
    planned_resources,
    readme_examples,
)

# Credentials of whoever runs the tests must not reach terraform: nothing here may touch an account.
_KEPT = ("PATH", "HOME", "TMPDIR", "TF_PLUGIN_MIRROR", "TF_PLUGIN_CACHE_DIR", "TF_CLI_CONFIG_FILE")


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("terraform")
    env = environment({k: v for k, v in os.environ.items() if k in _KEPT}, workdir=folder / "work")
    copy = copy_sources(folder / "terraform")
    # In place of an environment, so that the examples' relative paths hold.
    root = copy / "envs" / "check"
    root.mkdir()
    main = (Path(__file__).parent / "fixture" / "main.tf").read_text()
    (root / "main.tf").write_text("\n".join([main, *(text for text, _ in readme_examples().values())]))
    tiers = (SOURCES / "catalog" / "tiers.yaml").read_text()
    catalogs = {"shipped": tiers, "enterprise": tiers + ENTERPRISE}
    variables = {"catalogs": catalogs, "guardrails": changed_guardrails()}
    (root / "terraform.tfvars.json").write_text(json.dumps(variables))
    return Workspace(folder=copy, env=env)


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A copy of its own for the recording provider: two providers in one folder would dispute the lock file."""
    folder = tmp_path_factory.mktemp("recording")
    base = {k: v for k, v in os.environ.items() if k in _KEPT}
    with recording_session(base, workdir=folder / "work") as env:
        yield Workspace(folder=copy_sources(folder / "terraform"), env=env)


@pytest.fixture(scope="session")
def plan(workspace: Workspace) -> dict[str, Any]:
    """The plan of the fixture and of the READMEs' examples, as `terraform show -json` has it."""
    workspace.init("envs/check")
    workspace.terraform("plan", "-input=false", "-out=plan.bin", chdir="envs/check")
    content: dict[str, Any] = json.loads(workspace.terraform("show", "-json", "plan.bin", chdir="envs/check")[1])
    return content


def _instance(plan: dict[str, Any], module: str, instance: str) -> Access:
    modules = plan["planned_values"]["root_module"]["child_modules"]
    (found,) = [m for m in modules if m["address"] == f'module.{module}["{instance}"]']
    return Access(resources=planned_resources(found))


@pytest.fixture(scope="session")
def shipped(plan: dict[str, Any]) -> Access:
    """`tenant_access`, made from the catalog as it is."""
    return _instance(plan, "checked_access", "shipped")


@pytest.fixture(scope="session")
def enterprise(plan: dict[str, Any]) -> Access:
    """`tenant_access`, made from the catalog with one more block."""
    return _instance(plan, "checked_access", "enterprise")


@pytest.fixture(scope="session")
def gateway(plan: dict[str, Any]) -> Access:
    """`gateway_access`, made from the catalog as it is."""
    return _instance(plan, "checked_gateway", "shipped")


@pytest.fixture(scope="session")
def guardrails(plan: dict[str, Any]) -> dict[str, Access]:
    """`guardrail`, by catalog."""
    return {catalog: _instance(plan, "checked_guardrail", catalog) for catalog in ("shipped", "enterprise")}


@pytest.fixture(scope="session")
def changed(plan: dict[str, Any]) -> dict[str, Access]:
    """`guardrail` for each of `changed_guardrails`, with two messages."""
    return {message: _instance(plan, "changed_guardrail", message) for message in ("own", "other")}
