"""AgentCore modules on the recording provider: inputs for the root, plans with other inputs, refusals by message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from scripts.terraform.cli import TerraformRoot, run

from .support import Workspace

ACCOUNT: Final = "000000000000"
FOUNDATION: Final = {
    "issuer": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Abc123",
    "discovery_url": "http://127.0.0.1:4566/us-east-1_Abc123/.well-known/openid-configuration",
    "jwks_url": "http://127.0.0.1:4566/us-east-1_Abc123/.well-known/jwks.json",
    "client_id": "7exampleclientid",
    "execution_role_arn": f"arn:aws:iam::{ACCOUNT}:role/clinic-test-runtime",
    "gateway_role_arn": f"arn:aws:iam::{ACCOUNT}:role/clinic-test-gateway",
    "broker_function_arn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:clinic-test-broker",
    "interceptor_function_arn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:clinic-test-interceptor",
    "tools_function_arn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:clinic-test-tools",
}
WITHOUT_FOUNDATION: Final = {
    "region": "us-east-1",
    "account_id": ACCOUNT,
    "name_prefix": "clinic-test",
    "agent_version": "1.2.0",
    "artifacts": {
        "bucket": "clinic-test-artifacts",
        "runtime": {"key": "agents/clinic-agent/1.2.0/runtime-linux-arm64.zip", "sha256": "0123456789abcdef" * 4},
        "runtime_name": "PYTHON_3_11",
    },
    "aws_endpoint_url": "http://127.0.0.1:4566",
    "gateway_base_url": "http://127.0.0.1:8701",
}
VARIABLES: Final = {**WITHOUT_FOUNDATION, "foundation": FOUNDATION}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """HCL for an input of a module."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a plan would do to one resource."""

    actions: tuple[str, ...]  # such as ("update",); ("delete", "create") is a replacement
    before: Mapping[str, Any] | None = field(repr=False)
    after: Mapping[str, Any] | None = field(repr=False)
    unknown: Mapping[str, Any] = field(repr=False)  # true where a value is known only after the apply

    def changed(self) -> set[str]:
        """Top-level arguments that differ or are not known yet."""
        before, after = self.before or {}, self.after or {}
        unknown = {name for name, value in self.unknown.items() if value is True}
        return {name for name in {*before, *after} if before.get(name) != after.get(name)} | unknown


def planned_changes(root: TerraformRoot, variables: Mapping[str, Any]) -> dict[str, Change]:
    """Plan an applied root with other variables; answers what would change, by address."""
    inputs = root.work / "plan.tfvars.json"
    inputs.write_text(json.dumps(variables))
    env = {**root.env, "TF_DATA_DIR": str(root.work / "data")}
    out = root.work / "plan.bin"
    run(["plan", "-input=false", "-no-color", f"-var-file={inputs}", f"-out={out}"], chdir=root.folder, env=env)
    plan = json.loads(run(["show", "-json", str(out)], chdir=root.folder, env=env).stdout)
    return {
        r["address"]: Change(
            actions=tuple(c["actions"]), before=c["before"], after=c["after"], unknown=c["after_unknown"] or {}
        )
        for r in plan["resource_changes"]
        if (c := r["change"])["actions"] != ["no-op"]
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of one module."""

    module: str  # folder below `modules/`
    inputs: Mapping[str, Any]

    def text(self, name: str) -> str:
        # JSON is valid HCL, but for ${ and %{ in strings.
        texts = {
            key: value.text if isinstance(value, Expression) else json.dumps(value).replace("${", "$${")
            for key, value in self.inputs.items()
        }
        lines = "".join(f"  {key} = {text}\n" for key, text in texts.items())
        return f'module "{name}" {{\n  source = "../../modules/{self.module}"\n{lines}}}\n'


def refusals(workspace: Workspace, folder: str, calls: Mapping[str, Call]) -> dict[str, str]:
    """Plan many calls of modules at once; answers what terraform says of each, white space as single spaces.

    Args:
        workspace: With the recording provider.
        folder: To make below `envs/`.
        calls: By the names to give them.
    """
    root = workspace.folder / "envs" / folder
    root.mkdir()
    said: dict[str, list[str]] = {name: [] for name in calls}
    # Twice: what compares two inputs is looked at only once nothing else is wrong with any call.
    for _ in range(2):
        silent = [call.text(name) for name, call in calls.items() if not said[name]]
        (root / "main.tf").write_text(f'provider "aws" {{\n  region = "us-east-1"\n}}\n\n{"".join(silent)}')
        workspace.init(f"envs/{folder}")
        args = ("plan", "-input=false", "-json")
        _, out, _ = workspace.terraform(*args, chdir=f"envs/{folder}", accept=frozenset({0, 1}))
        for line in out.splitlines():
            diagnostic = json.loads(line).get("diagnostic", {})
            if diagnostic.get("severity") == "error":
                name = json.loads(diagnostic["snippet"]["context"].removeprefix("module "))
                said[name].append(diagnostic["detail"])
    return {name: " ".join(" ".join(details).split()) for name, details in said.items()}


def catalog_copy(source: Path, target: Path, tiers: str) -> Path:
    """Make a catalog with other tiers: everything else is the shipped one."""
    for path in source.rglob("*"):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    (target / "tiers.yaml").write_text(tiers)
    return target
