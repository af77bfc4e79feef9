"""Real terraform on the recording provider, and the provider's procedures without terraform."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from scripts.terraform.cli import TerraformRoot, run

FIXTURE: Final = Path(__file__).with_name("recording_root")


def root(work: Path, env: Mapping[str, str]) -> TerraformRoot:
    """A copy of the fixture, to be changed and applied."""
    folder = work / "root"
    shutil.copytree(FIXTURE, folder)
    return TerraformRoot(folder=folder, work=work / "work", env=env)


def recorded(of: TerraformRoot) -> dict[str, dict[str, Any]]:
    """What the state holds, by address; data sources are left out."""
    resources = of.show().get("values", {}).get("root_module", {}).get("resources", [])
    return {r["address"]: r["values"] for r in resources if r["mode"] == "managed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An error that terraform reports."""

    text: str
    file: str = ""
    line: int = 0


@dataclass(slots=True)
class Folder:
    """A folder with one file, for commands that need no state."""

    path: Path
    env: Mapping[str, str] = field(repr=False)

    def problems(self, text: str) -> list[Problem]:
        """What `terraform validate` says about a configuration."""
        provider = '{ source = "hashicorp/aws", version = "6.69.1" }'
        (self.path / "versions.tf").write_text(
            f"terraform {{\n  required_providers {{\n    aws = {provider}\n  }}\n}}\n"
        )
        (self.path / "main.tf").write_text(text)
        run(["init", "-input=false", "-no-color"], chdir=self.path, env=self.env)
        done = run(["validate", "-json"], chdir=self.path, env=self.env, accept=frozenset({0, 1}))
        return [
            Problem(
                text=f"{item['summary']}: {item['detail']}",
                file=item.get("range", {}).get("filename", ""),
                line=item.get("range", {}).get("start", {}).get("line", 0),
            )
            for item in json.loads(done.stdout)["diagnostics"]
        ]
