"""Plans of the checks' examples: made by Terraform itself, all in one run, then one document for each example."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from scripts.terraform.cli import run
from scripts.terraform.sessions import recording_session

ROOT: Final = Path(__file__).resolve().parents[2]
EXAMPLES: Final = ROOT / "policy_checks" / "examples"


def examples() -> dict[str, Path]:
    """The example files by `<check id>/<name>`."""
    return {f"{path.parent.name}/{path.stem}": path for path in sorted(EXAMPLES.glob("*/*.tf"))}


def plan_examples(files: Mapping[str, Path], *, work: Path) -> dict[str, dict[str, Any]]:
    """Plan files, each on its own, and answer what `terraform show -json` would print for each.

    Args:
        files: Terraform files by name.
        work: An empty folder.
    """
    root = work / "root"
    calls = []
    for number, (_, path) in enumerate(sorted(files.items())):
        folder = root / f"example{number}"
        folder.mkdir(parents=True)
        shutil.copyfile(path, folder / "main.tf")
        calls.append(f'module "example{number}" {{\n  source = "./example{number}"\n}}\n')
    (root / "main.tf").write_text('provider "aws" {\n  region = "eu-west-1"\n}\n' + "".join(calls))
    base = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_VAR_"))}
    with recording_session(base, workdir=work / "recording") as session:
        env = {**session, "TF_DATA_DIR": str(work / "data")}
        run(["init", "-backend=false", "-input=false", "-no-color"], chdir=root, env=env)
        run(["plan", "-input=false", "-no-color", f"-out={work / 'plan'}"], chdir=root, env=env)
        whole = json.loads(run(["show", "-json", str(work / "plan")], chdir=root, env=env).stdout)
    return {name: _one(whole, f"example{number}") for number, name in enumerate(sorted(files))}


def _one(whole: Mapping[str, Any], module: str) -> dict[str, Any]:
    """Cut one module out of a plan, as if it were the root."""
    prefix = f"module.{module}"
    (planned,) = [m for m in whole["planned_values"]["root_module"]["child_modules"] if m["address"] == prefix]
    configuration = whole["configuration"]["root_module"]["module_calls"][module]["module"]
    document = {
        "format_version": whole["format_version"],
        "terraform_version": whole["terraform_version"],
        "planned_values": {"root_module": {"resources": planned["resources"]}},
        "resource_changes": [c for c in whole["resource_changes"] if c.get("module_address") == prefix],
        "variables": {
            name: {"value": variable["default"]}
            for name, variable in configuration.get("variables", {}).items()
            if "default" in variable
        },
        "configuration": {"root_module": configuration},
    }
    cut: dict[str, Any] = json.loads(json.dumps(document).replace(f"{prefix}.", ""))
    for change in cut["resource_changes"]:
        del change["module_address"]
    return cut
