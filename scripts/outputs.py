"""Write an environment's outputs from its state into `.local/<env>.outputs.json`: `make outputs ENV=prod`.

`make apply` writes that file too. Whoever has a fresh clone, or was not the one who applied, gets it here: runbooks and
programs read from it where things are. Nothing is planned and nothing changes; the state is read, and not locked.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from scripts.plans.roots import real_root, without_backend
from scripts.terraform.cli import ROOT, Progress, TerraformError
from scripts.terraform.environments import SOURCES, Environment, EnvironmentProblem, environment_named
from scripts.terraform.locks import using_terraform

_ANY_RELEASE: Final[Mapping[str, Any]] = {"release": {}}
"""Outputs are read from the state, for which no variable needs a value: a clone without a release file will do."""


def fetch_outputs(
    name: str,
    *,
    sources: Path = SOURCES,
    local: Path = ROOT / ".local",
    base: Mapping[str, str] | None = None,
    progress: Progress = lambda _: None,
) -> Path:
    """Read the outputs of an environment from its remote state, and keep them for their owner alone.

    Args:
        name: Of the environment.
        sources: The Terraform sources.
        local: Folder for Terraform's files and the outputs.
        base: Environment to start from, by default that of this process.
        progress: Gets a line for each step.

    Returns:
        The file.

    Raises:
        EnvironmentProblem: If there is no such environment, it has no remote state, or nothing was applied yet.
        TerraformError: If terraform fails.
    """
    chosen = environment_named(name, sources=sources, local=local)
    if not chosen.is_real:
        raise EnvironmentProblem(without_backend(chosen))
    with using_terraform(chosen):
        root = real_root(chosen, release=_ANY_RELEASE, base=base, progress=progress)
        root.init("-reconfigure", f"-backend-config={chosen.backend.absolute()}")
        outputs: dict[str, Any] = json.loads(root.terraform("output", "-json", "-no-color"))
    if not outputs:
        raise EnvironmentProblem(
            f"{name}: its state has no outputs, so nothing was applied yet, or backend.hcl names another state; look at"
            f" terraform/envs/{name}/backend.hcl, or apply first: make apply ENV={name}"
        )
    return write_outputs(chosen, outputs)


def write_outputs(chosen: Environment, outputs: Mapping[str, Any]) -> Path:
    """Replace the file of the outputs, which its owner alone may read.

    Args:
        chosen: The environment.
        outputs: As `terraform output -json` prints them.
    """
    path = chosen.outputs_file
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".draft")  # nobody reads half a file
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(outputs, file, indent=2)
        file.write("\n")
    draft.replace(path)
    return path


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.outputs", description=__doc__.partition("\n")[0])
    parser.add_argument("--env", required=True, metavar="ENV", help="the environment, such as prod")
    options = parser.parse_args(argv)
    try:
        written = fetch_outputs(options.env, progress=lambda line: print(f"  {line}", file=sys.stderr, flush=True))
    except (TerraformError, OSError, ValueError) as error:
        print(f"outputs: {error}", file=sys.stderr)
        return 1
    print(f"{options.env}: outputs in {written}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
