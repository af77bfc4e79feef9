"""Apply Terraform again to the running laptop AWS: `python -m scripts.apply`; with `--env dev` to that environment.

What the catalog says is then what the running stack does: policies, authorizers, memories, tiers. Nothing is
restarted; the stand-ins read the recorded state again. A version of the agent that was published since the last apply
becomes the runtime's newest version; endpoints stay where they are until `make promote` moves them.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from local_aws.stack.state import StateFolder
from scripts.clients.runtime import NoStack, load_stack
from scripts.laptop.laptop import ROOT, Laptop, release_file_of
from scripts.laptop.platform import (
    Applied,
    CatalogError,
    PlatformInputs,
    Progress,
    ReloadError,
    apply_platform,
    check_catalog,
    inputs_file,
    manifest_of,
    move_endpoints,
    release_fields,
    reload_standins,
)
from scripts.releases import release_file
from scripts.releases.release_file import Release, ReleaseError
from scripts.terraform.setup import TerraformError

_LAPTOP: Final = "local"


def apply_again(state_dir: Path, progress: Progress, **changes: Any) -> Applied:
    """Apply the platform once more to a running stack, and let the stand-ins reload.

    Args:
        state_dir: The stack's folder.
        progress: Gets a line for each phase.
        changes: Fields of `PlatformInputs` that are to be other than at the last apply. Agent and endpoints are those
            of the release file.

    Raises:
        NoStack: If none is running there.
        CatalogError, TerraformError, ReloadError, ReleaseError: If it cannot be applied. What was applied until then
            stays.
    """
    stack, laptop = running_laptop(state_dir)
    inputs = replace(_inputs(laptop), **changes)
    if inputs.catalog_dir is not None:
        check_catalog(Path(inputs.catalog_dir))
    applied = apply_platform(laptop, inputs, progress)
    reload_standins(laptop, stack)
    stack["memories"] = {tier: memory["id"] for tier, memory in applied.memories.items()}
    stack["guardrails"] = {tier: dict(guardrail) for tier, guardrail in applied.foundation["guardrails"].items()}
    _write_stack(laptop, stack, applied.release)
    return applied


def apply_release(state_dir: Path, progress: Progress) -> Release:
    """Let the endpoints of a running stack serve what the release file says, and clients find the candidate's share.

    Args:
        state_dir: The stack's folder.
        progress: Gets a line for each phase.

    Raises:
        NoStack, TerraformError, ReloadError, ReleaseError: As `apply_again`.
    """
    stack, laptop = running_laptop(state_dir)
    release = release_file.load(release_file_of(laptop.state))
    last = last_inputs(laptop)
    if dict(last.endpoints) != dict(release.endpoints):
        # Nothing but endpoints: an agent that was published meanwhile waits for the next `make apply`.
        release = move_endpoints(laptop, replace(last, endpoints=release.endpoints), progress)
        reload_standins(laptop, stack)
    _write_stack(laptop, stack, release)
    return release


def running_laptop(state_dir: Path) -> tuple[dict[str, Any], Laptop]:
    """Return stack.json's content and the laptop of a running stack.

    Raises:
        NoStack: If none is running there.
    """
    state = StateFolder(path=state_dir.absolute())
    stack = dict(load_stack(state.stack_file))
    return stack, Laptop(
        state=state,
        aws_endpoint_url=stack["aws_endpoint_url"],
        region=stack["region"],
        account_id=stack["account_id"],
        secret=state.secret_file.read_text(encoding="utf-8").strip(),
    )


def last_inputs(laptop: Laptop) -> PlatformInputs:
    """Return what was applied last."""
    return PlatformInputs(**json.loads(inputs_file(laptop.state).read_text(encoding="utf-8")))


def _inputs(laptop: Laptop) -> PlatformInputs:
    """Return the inputs of the last apply, with the agent and the endpoints of the release file."""
    release = release_file.load(release_file_of(laptop.state))
    return replace(last_inputs(laptop), manifest=manifest_of(release), endpoints=release.endpoints)


def _write_stack(laptop: Laptop, stack: dict[str, Any], release: Release) -> None:
    laptop.state.write(laptop.state.stack_file, {**stack, **release_fields(release, stack["runtime_url"])})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    choice = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    choice.add_argument("--env", default=_LAPTOP)
    if choice.parse_known_args(given)[0].env != _LAPTOP:
        from scripts.deployment import apply_environment  # has arguments and exit codes of its own

        return apply_environment.main(given)
    parser = argparse.ArgumentParser(prog="python -m scripts.apply", description=__doc__.partition("\n")[0])
    parser.add_argument("--env", default=_LAPTOP, help="dev, staging, prod, ...; default: the running laptop")
    parser.add_argument("--state", type=Path, default=ROOT / ".local", metavar="FOLDER", help="default: .local")
    parser.add_argument(
        "--catalog", type=Path, default=None, metavar="FOLDER", help="default: the one of the last apply"
    )
    options = parser.parse_args(given)
    changes = {} if options.catalog is None else {"catalog_dir": str(options.catalog.resolve())}
    try:
        apply_again(options.state, lambda line: print(f"  {line}", flush=True), **changes)
    except (NoStack, CatalogError, TerraformError, ReloadError, ReleaseError) as error:
        print(f"apply: {error}", file=sys.stderr)
        return 1
    print("applied; the running stack uses it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
