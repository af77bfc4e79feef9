"""Apply Terraform again to the running laptop AWS: `python -m scripts.apply`; with `--env dev` to that environment.

What the catalog says is then what the running stack does: policies, authorizers, memories, tiers. Nothing is
restarted; the stand-ins read the recorded state again. A version of the agent that was published since the last apply
becomes the runtime's newest version; endpoints stay where they are until `make promote` moves them.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from local_aws.runtime.config import DEFAULT_ENDPOINT
from local_aws.stack.state import StateFolder
from scripts.clients.runtime import NoStack, load_stack
from scripts.laptop.laptop import ROOT, Laptop, release_file_of
from scripts.laptop.lock import changing
from scripts.laptop.platform import (
    Applied,
    CatalogError,
    PlatformInputs,
    Progress,
    ReloadError,
    apply_platform,
    check_catalog,
    check_contract,
    inputs_file,
    manifest_of,
    move_endpoints,
    release_fields,
    reload_runtime,
    reload_standins,
)
from scripts.releases import release_file
from scripts.releases.release_checks import check_published
from scripts.releases.release_file import LIVE, Release, ReleaseError
from scripts.terraform.ending import INTERRUPTED, ends_on_sigterm
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
            stays. Another change of the stack may be under way (`BusyError`).
    """
    _, laptop = running_laptop(state_dir)
    with changing(laptop.state, progress):
        return apply_held(state_dir, progress, **changes)


def apply_held(state_dir: Path, progress: Progress, **changes: Any) -> Applied:
    """Do what `apply_again` does, for callers that hold the stack (`changing`)."""
    stack, laptop = running_laptop(state_dir)
    inputs = replace(_inputs(laptop), **changes)
    if inputs.catalog_dir is not None:
        check_catalog(Path(inputs.catalog_dir))
    release = release_file.load(release_file_of(laptop.state))
    bucket = stack["buckets"]["artifacts"]
    check_published(laptop.client("s3"), bucket=bucket, release=release, version=release.agent_version)
    applied = apply_platform(laptop, inputs, progress)
    reloaded = reload_standins(laptop, stack)
    for number, why in reloaded.failed.items():
        progress(f"runtime version {number} cannot be served, so it cannot be promoted: {why}")
    stack["memories"] = {tier: memory["id"] for tier, memory in applied.memories.items()}
    stack["guardrails"] = {tier: dict(guardrail) for tier, guardrail in applied.foundation["guardrails"].items()}
    _write_stack(laptop, stack, applied.release)
    return applied


def apply_release(state_dir: Path, progress: Progress, *, unsure: bool = False) -> Release:
    """Let the endpoints of a running stack serve what the release file says, and clients find the candidate's share.

    The caller holds the stack (`changing`).

    Args:
        state_dir: The stack's folder.
        progress: Gets a line for each phase.
        unsure: Whether Terraform may have stopped halfway, so that nobody knows where endpoints are.

    Raises:
        NoStack, TerraformError, ReloadError, ReleaseError: As `apply_again`.
    """
    stack, laptop = running_laptop(state_dir)
    release = release_file.load(release_file_of(laptop.state))
    last = last_inputs(laptop)
    wanted = replace(last, endpoints=release.endpoints)
    if unsure or dict(last.endpoints) != dict(release.endpoints):
        # Nothing but endpoints: an agent that was published meanwhile waits for the next `make apply`.
        release = move_endpoints(laptop, wanted, progress)
    if not _serves(laptop, stack, release):
        # A promotion was killed after its files were written, or before.
        release = move_endpoints(laptop, wanted, progress)
        if not _serves(laptop, stack, release):
            raise ReloadError(f"the runtime does not serve {dict(release.endpoints)}; start anew with `make down up`")
    _write_stack(laptop, stack, release)
    return release


def _serves(laptop: Laptop, stack: Mapping[str, Any], release: Release) -> bool:
    """Let the runtime read the recorded state again, and tell whether it serves what a release says."""
    served = reload_runtime(laptop, stack).endpoints
    return {name: number for name, number in served.items() if name != DEFAULT_ENDPOINT} == dict(release.endpoints)


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
    check_contract(release.contract_version)
    release.check_endpoints()
    return replace(last_inputs(laptop), manifest=manifest_of(release), endpoints=release.endpoints)


def _write_stack(laptop: Laptop, stack: dict[str, Any], release: Release) -> None:
    laptop.state.write(laptop.state.stack_file, {**stack, **release_fields(release, stack["runtime_url"])})


def said(release: Release) -> str:
    """Say what an apply did, and what of it serves nobody yet.

    Args:
        release: As it was applied.
    """
    newest = max(release.runtime_versions, key=int)
    if release.endpoints[LIVE] == newest:
        return "applied; the running stack uses it"
    agent = release.runtime_versions[newest]
    where = "the candidate alone serves" if newest in release.endpoints.values() else "no endpoint serves"
    return (
        f"applied; functions, memories, gateway and policies use it. But {where} runtime version {newest} (agent"
        f" {agent}), and with it its authorizer (so new tiers too), headers and environment.\n"
        f"{LIVE} serves version {release.endpoints[LIVE]}. To let it in: make promote VERSION={agent}, then again with"
        f" ENDPOINT={LIVE}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    with ends_on_sigterm():
        return _main(arguments)


def _main(arguments: Sequence[str] | None) -> int:
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
        applied = apply_again(options.state, lambda line: print(f"  {line}", flush=True), **changes)
    except KeyboardInterrupt:
        print("apply: interrupted; what was applied until then stays, run it again", file=sys.stderr)
        return INTERRUPTED
    except (NoStack, CatalogError, TerraformError, ReloadError, ReleaseError) as error:
        print(f"apply: {error}", file=sys.stderr)
        return 1
    print(said(applied.release))
    return 0


if __name__ == "__main__":
    sys.exit(main())
