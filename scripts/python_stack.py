"""Check the Python stack example: its own tests, and that it plans what the HCL root of the same environment plans.

    python -m scripts.python_stack [--env dev] [--require-node]

It needs Node, which nothing else here does. Without it, it says that nothing was checked and ends with code 3, or with
--require-node as a failure. The plans are made by the recording provider: no account, no network.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scripts.documentation.hcl_module import HclError, HclModule, read_module
from scripts.plan import OfflineWorkspace, offline_workspace
from scripts.terraform.cli import ROOT, TerraformError, run
from scripts.terraform.environments import EnvironmentProblem, environment_named

EXAMPLE: Final = ROOT / "examples" / "python-stack"
NOT_RUN: Final = 3
OLDEST_NODE: Final = 20
"""Oldest major version that cdktn 0.24.0 was seen to run with here; its runtime, jsii 1.142, supports 22 and 24."""

_STEP_SECONDS: Final = 600
_PREFIX: Final = "compared_"
_UNSET: Final = {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PROJECT", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON"}
"""What of the caller's environment would make uv install somewhere else; mirrors and caches stay."""


class StackCheckError(Exception):
    """The example is not as it should be, or could not be checked. The message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that the two plan differently."""

    what: str  # such as module.memory.aws_bedrockagentcore_memory.tier["basic"]: tags_all
    hcl: Any
    python: Any

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.what}: HCL root {_short(self.hcl)}, Python stack {_short(self.python)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What came of comparing two plans."""

    differences: tuple[Difference, ...]
    inputs: int  # of modules that were compared
    resources: int  # planned by the HCL root
    taken_over: tuple[str, ...]  # what the stack would change of what the HCL root made: addresses and actions


def node_version(env: Mapping[str, str]) -> tuple[int, ...] | None:
    """Version of the Node on the PATH, or None if there is none that runs."""
    program = shutil.which("node", path=env.get("PATH"))
    if program is None:
        return None
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.fullmatch(r"v(\d+)\.(\d+)\.(\d+)\S*", done.stdout.strip())
    return tuple(int(number) for number in found.groups()) if found else None


def compare(environment: str) -> Comparison:
    """Plan an environment's HCL root and the Python stack on one copy of the sources, and compare every value.

    Compared are each input of each module, each planned resource with all its values, the outputs, the versions that
    are asked for, and the kind of backend. Then the root is applied, which the provider records, and the stack is
    planned on that state: it should have nothing to change.

    Raises:
        StackCheckError: If the stack cannot be synthesised, or does not keep the environment's rules.
        TerraformError: If terraform refuses one of the two, or there is no such environment.
        HclError: If the root cannot be read.
    """
    with offline_workspace() as workspace:
        chosen = environment_named(environment, sources=workspace.folder)
        root = read_module(chosen.folder)
        outputs = {
            f"{_PREFIX}{call.name}_{name}": f"{{\n  sensitive = true\n  value     = {value.text}\n}}"
            for call in root.calls
            for name, value in call.inputs.items()
        }
        text = "".join(f'output "{name}" {body}\n' for name, body in outputs.items())
        (chosen.folder / "compared.tf").write_text(text, encoding="utf-8")
        release = json.loads(chosen.sample_release.read_text(encoding="utf-8"))
        hcl = workspace.plan(environment, release=release).document
        stack = synthesise(environment, terraform=workspace.folder, release=chosen.sample_release)
        python = plan_stack(workspace, stack)
        configuration = json.loads((stack / "cdk.tf.json").read_text(encoding="utf-8"))
        differences = (*settings_differences(root, configuration), *plan_differences(hcl, python))
        state = workspace.apply(environment, into=workspace.work / "applied", release=release)
        after = plan_stack(workspace, stack, state=state)
        check_rules(workspace, stack)
        return Comparison(
            differences=differences,
            inputs=len(outputs),
            resources=sum(1 for change in hcl["resource_changes"] if change["mode"] == "managed"),
            taken_over=tuple(changes(after)),
        )


def synthesise(environment: str, *, terraform: Path, release: Path) -> Path:
    """Run the example's program.

    Args:
        environment: Such as `dev`.
        terraform: The Terraform sources, with values and catalog of the environment.
        release: The release file.

    Returns:
        The folder of the synthesised stack.

    Raises:
        StackCheckError: If it fails.
    """
    out = terraform.parent / "cdktf.out"
    _run(
        "synth",
        [
            str(EXAMPLE / ".venv" / "bin" / "python"),
            "main.py",
            f"--environment={environment}",
            f"--terraform={terraform}",
            f"--release={release}",
            # The settings are never used: the plan gets a local state.
            f"--backend={terraform / 'envs' / environment / 'backend.hcl.example'}",
            f"--out={out}",
        ],
    )
    return out / "stacks" / environment


def check_rules(workspace: OfflineWorkspace, stack: Path) -> None:
    """Check that the environment's rules hold for the stack: what production refuses, it refuses.

    Raises:
        StackCheckError: If a production environment with policies that are only logged can be planned.
        TerraformError: If terraform does not run.
    """
    values = ["-var=production=true", "-var=policy_mode=LOG_ONLY"]
    done = run(
        ["plan", "-input=false", "-no-color", "-refresh=false", *values],
        chdir=stack,
        env=_env(workspace),
        accept=frozenset({0, 1}),
    )
    said = " ".join(re.sub(r"[\u2500-\u257f]", " ", done.stderr).split())
    if done.returncode == 0 or "policy_mode: must be ENFORCE in production" not in said:
        raise StackCheckError(f"the stack does not refuse LOG_ONLY in production; terraform said: {said[-1000:]}")


def plan_stack(workspace: OfflineWorkspace, stack: Path, *, state: Path | None = None) -> Mapping[str, Any]:
    """Plan a synthesised stack with the recording provider.

    Args:
        workspace: Where the modules are.
        stack: From `synthesise`.
        state: To compare with; None if nothing is there yet.

    Returns:
        `terraform show -json` of the plan.

    Raises:
        TerraformError: If terraform refuses it.
    """
    configuration = json.loads((stack / "cdk.tf.json").read_text(encoding="utf-8"))
    outputs = {
        f"{_PREFIX}{module}_{name}": {"sensitive": True, "value": value}
        for module, call in configuration["module"].items()
        for name, value in call.items()
        if name not in {"//", "source", "depends_on", "providers", "count"}
    }
    (stack / "compared.tf.json").write_text(json.dumps({"output": outputs}), encoding="utf-8")
    (stack / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n', encoding="utf-8")
    env = _env(workspace)
    out = workspace.work / "python-stack.tfplan"
    own = workspace.work / "python-stack.tfstate"
    own.unlink(missing_ok=True)
    if state is not None:
        shutil.copyfile(state, own)
    run(["init", "-input=false", "-no-color", f"-backend-config=path={own}"], chdir=stack, env=env)
    run(["validate", "-no-color"], chdir=stack, env=env)
    run(["plan", "-input=false", "-no-color", "-refresh=false", f"-out={out}"], chdir=stack, env=env)
    document: Mapping[str, Any] = json.loads(run(["show", "-json", str(out)], chdir=stack, env=env).stdout)
    return document


def _env(workspace: OfflineWorkspace) -> dict[str, str]:
    return {**workspace.env, "TF_DATA_DIR": str(workspace.work / "data" / "python-stack"), "TF_IN_AUTOMATION": "1"}


def settings_differences(root: HclModule, configuration: Mapping[str, Any]) -> Iterator[Difference]:
    """Compare what no plan shows: versions, backend, and where the modules come from."""
    terraform = configuration["terraform"]
    yield from _differences(
        "terraform.required_version", ", ".join(root.required_version), terraform.get("required_version")
    )
    yield from _differences(
        "terraform.required_providers",
        {provider.name: {"source": provider.source, "version": provider.version} for provider in root.providers},
        terraform.get("required_providers"),
    )
    yield from _differences("terraform.backend", sorted(root.backends), sorted(terraform.get("backend", {})))
    yield from _differences(
        "module sources",
        {call.name: Path(call.source).name for call in root.calls},
        {name: Path(call["source"]).name for name, call in configuration["module"].items()},
    )


def plan_differences(hcl: Mapping[str, Any], python: Mapping[str, Any]) -> Iterator[Difference]:
    """Compare two plans: outputs, among them the modules' inputs, and resources."""
    for part in ("after", "after_unknown"):
        one, other = ({n: o.get(part) for n, o in p.get("output_changes", {}).items()} for p in (hcl, python))
        for name in sorted({*one, *other}):
            shown = f"input {name.removeprefix(_PREFIX)}" if name.startswith(_PREFIX) else f"output {name}"
            yield from _differences(f"{shown} ({part})", one.get(name, "<missing>"), other.get(name, "<missing>"))
    for part in ("after", "after_unknown"):
        one, other = ({r["address"]: r["change"].get(part) for r in p["resource_changes"]} for p in (hcl, python))
        for address in sorted({*one, *other}):
            yield from _differences(
                f"{address} ({part})", one.get(address, "<missing>"), other.get(address, "<missing>")
            )


def _differences(what: str, hcl: Any, python: Any) -> Iterator[Difference]:
    """Go down into objects, so that a difference names its field."""
    if isinstance(hcl, Mapping) and isinstance(python, Mapping):
        for key in sorted({*hcl, *python}):
            yield from _differences(f"{what}: {key}", hcl.get(key, "<missing>"), python.get(key, "<missing>"))
    elif hcl != python:
        yield Difference(what=what, hcl=hcl, python=python)


def changes(plan: Mapping[str, Any]) -> Iterator[str]:
    """List what a plan would change, outputs included."""
    for change in plan["resource_changes"]:
        if change["change"]["actions"] not in (["no-op"], ["read"]):
            yield f"{change['address']} ({'/'.join(change['change']['actions'])})"
    for name, output in plan.get("output_changes", {}).items():
        if output["actions"] != ["no-op"]:
            yield f"output {name} ({'/'.join(output['actions'])})"


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _run(step: str, command: Sequence[str]) -> None:
    began = time.monotonic()
    env = {name: value for name, value in os.environ.items() if name not in _UNSET}
    try:
        done = subprocess.run(
            command, cwd=EXAMPLE, env=env, capture_output=True, text=True, timeout=_STEP_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError) as failure:
        raise StackCheckError(f"{step} does not run ({type(failure).__name__}): {' '.join(command)}") from failure
    if done.returncode:
        raise StackCheckError(f"{step} failed (exit code {done.returncode}):\n{done.stdout}{done.stderr}".rstrip())
    print(f"python-stack: {step}: {time.monotonic() - began:.1f} s", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Check the example, and say what was found."""
    parser = argparse.ArgumentParser(prog="python -m scripts.python_stack", description=__doc__.partition("\n")[0])
    parser.add_argument("--env", default="dev", help="the environment to compare (dev)")
    parser.add_argument("--require-node", action="store_true", help="fail if there is no Node, as CI does")
    options = parser.parse_args(argv)
    node = node_version(os.environ)
    if node is None or node[0] < OLDEST_NODE:
        found = f"node {'.'.join(map(str, node))} is too old" if node else "there is no node on the PATH"
        how = "Install Node 22 or 24: https://nodejs.org/en/download"
        if options.require_node:
            print(f"python-stack: FAILED: {found}, and --require-node was given. {how}", file=sys.stderr)
            return 1
        print(f"python-stack: NOT RUN, nothing was checked: {found}. {how}", file=sys.stderr)
        return NOT_RUN
    program = str(EXAMPLE / ".venv" / "bin" / "python")
    uv = str(Path(sys.executable).parent / "uv")
    try:
        _run("install", [uv, "sync", "--frozen", "--quiet", f"--python={sys.executable}"])
        _run("types", [program, "-m", "mypy"])
        _run("tests", [program, "-m", "pytest", "-q"])
        compared = compare(options.env)
    except (StackCheckError, EnvironmentProblem, TerraformError, HclError, OSError, ValueError) as error:
        print(f"python-stack: {error}", file=sys.stderr)
        return 1
    for difference in compared.differences:
        print(f"python-stack: {difference}", file=sys.stderr)
    for change in compared.taken_over:
        print(f"python-stack: on the state of the HCL root, the stack would change {change}", file=sys.stderr)
    print(
        f"python-stack: {options.env}, HCL root and Python stack: {compared.inputs} module inputs and "
        f"{compared.resources} planned resources compared, {len(compared.differences)} differences; on the root's "
        f"state the stack would change {len(compared.taken_over)} things"
    )
    return 1 if compared.differences or compared.taken_over else 0


if __name__ == "__main__":
    sys.exit(main())
