"""Apply Terraform again to the running laptop AWS: `python -m scripts.apply`.

What the catalog says is then what the running stack does: policies, authorizers, memories, tiers. Nothing is
restarted; the stand-ins read the recorded state again. For a new version of the agent, use `make down up`.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from local_aws.stack.state import StateFolder
from scripts.client import NoStack, load_stack
from scripts.terraform_setup import TerraformError
from scripts.up_laptop import ROOT, Laptop
from scripts.up_platform import (
    Applied,
    CatalogError,
    PlatformInputs,
    Progress,
    ReloadError,
    apply_platform,
    check_catalog,
    inputs_file,
    reload_standins,
)


def apply_again(state_dir: Path, progress: Progress, **changes: Any) -> Applied:
    """Apply the platform once more to a running stack, and let the stand-ins reload.

    Args:
        state_dir: The stack's folder.
        progress: Gets a line for each phase.
        changes: Fields of `PlatformInputs` that are to be other than at the last apply.

    Raises:
        NoStack: If none is running there.
        CatalogError, TerraformError, ReloadError: If it cannot be applied. What was applied until then stays.
    """
    state = StateFolder(path=state_dir.absolute())
    stack = dict(load_stack(state.stack_file))
    laptop = Laptop(
        state=state,
        aws_endpoint_url=stack["aws_endpoint_url"],
        region=stack["region"],
        account_id=stack["account_id"],
        secret=state.secret_file.read_text(encoding="utf-8").strip(),
    )
    inputs = replace(PlatformInputs(**json.loads(inputs_file(state).read_text(encoding="utf-8"))), **changes)
    if inputs.catalog_dir is not None:
        check_catalog(Path(inputs.catalog_dir))
    applied = apply_platform(laptop, inputs, progress)
    reload_standins(laptop, stack)
    stack["memories"] = {tier: memory["id"] for tier, memory in applied.memories.items()}
    stack["guardrails"] = {tier: dict(guardrail) for tier, guardrail in applied.foundation["guardrails"].items()}
    state.write(state.stack_file, stack)
    return applied


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.apply", description=__doc__.partition("\n")[0])
    parser.add_argument("--state", type=Path, default=ROOT / ".local", metavar="FOLDER", help="default: .local")
    parser.add_argument(
        "--catalog", type=Path, default=None, metavar="FOLDER", help="default: the one of the last apply"
    )
    options = parser.parse_args(arguments)
    changes = {} if options.catalog is None else {"catalog_dir": str(options.catalog.resolve())}
    try:
        apply_again(options.state, lambda line: print(f"  {line}", flush=True), **changes)
    except (NoStack, CatalogError, TerraformError, ReloadError) as error:
        print(f"apply: {error}", file=sys.stderr)
        return 1
    print("applied; the running stack uses it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
