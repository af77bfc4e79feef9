"""Say which agent an environment serves, and move its endpoints.

    make release-status ENV=staging
    make promote ENV=staging VERSION=0.2.0 [ENDPOINT=candidate|live] [SHARE=20]
    make promote ENV=staging VERSION=0.3.0 ENDPOINT=live ARGS=--with-apply      # a release of another contract
    make rollback ENV=prod [ENDPOINT=live]

On the laptop (ENV=local) a promotion acts at once. Elsewhere it changes the environment's release file, after a plan
that moves this endpoint and nothing else; `make apply` then does it. A release that changes the contract moves all
endpoints in the apply that brings it, and is planned as a whole.

Exit codes: 0; 1 for a refusal or an error; 3 if an endpoint serves something else than the release file says.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from clinic_agent.contract import CONTRACT_VERSION
from scripts.apply import running_laptop
from scripts.clients.runtime import NoStack
from scripts.deployment import release_environment
from scripts.deployment.release_environment import Changed
from scripts.laptop import release_laptop
from scripts.laptop.laptop import ROOT, release_file_of
from scripts.laptop.platform import ReloadError
from scripts.publishing import git
from scripts.releases import release_file
from scripts.releases.advice import for_environment
from scripts.releases.release_file import CANDIDATE, LIVE, NoReleaseError, Release, ReleaseError
from scripts.terraform import environments
from scripts.terraform.ending import INTERRUPTED, ends_on_sigterm
from scripts.terraform.setup import TerraformError

LAPTOP: Final = "local"
DRIFTED: Final = 3
_SECONDS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What the endpoints of an environment really serve, or why that is not known."""

    numbers: Mapping[str, str]  # runtime version by endpoint; empty if not known
    source: str  # for people
    notes: Sequence[str] = ()
    share_percent: int | None = None  # the candidate's share that clients read; None if that is not known


def status_lines(
    name: str, release: Release, served: Served, *, contract: int = CONTRACT_VERSION
) -> tuple[list[str], bool]:
    """Describe a release.

    Args:
        name: Of the environment.
        release: From its file.
        served: What its endpoints serve.
        contract: That the platform of these sources offers.

    Returns:
        Lines for people, and whether an endpoint serves something else than the file says.
    """
    drifted = False
    rows = [("endpoint", "runtime version", "agent version", "new sessions", "before", "")]
    for endpoint in sorted(release.endpoints, key=lambda one: (one != LIVE, one)):
        number = release.endpoints[endpoint]
        real = served.numbers.get(endpoint) if served.numbers else number
        mark = ""
        if real != number:
            drifted = True
            agent = release.runtime_versions.get(real or "", "unknown")
            mark = f"DRIFT: serves {'nothing' if real is None else f'version {real} (agent {agent})'}"
        before = release.previous.get(endpoint)
        was = "-" if before is None else f"{before} ({release.runtime_versions.get(before, 'unknown')})"
        agent = release.runtime_versions.get(number, "not applied yet")
        rows.append((endpoint, number, agent, _share(release, endpoint), was, mark))
    for endpoint in sorted(set(served.numbers) - set(release.endpoints) - {"DEFAULT"}):
        drifted = True
        rows.append((endpoint, served.numbers[endpoint], "-", "-", "-", "DRIFT: not in the release file"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    applied = release.newest_number_of(release.agent_version)
    newest = f"runtime version {applied}" if applied else f"not applied yet: make apply{_env(name)}"
    lines = [f"Release of {name} ({served.source})", "", *(f"  {line}" for line in table), ""]
    lines.append(f"  newest published: {release.agent_version} (contract {release.contract_version}), {newest}")
    if served.share_percent not in (None, release.candidate_share_percent):
        drifted = True
        lines.append(
            f"  DRIFT: clients give the candidate {served.share_percent} % of new sessions, the release file says"
            f" {release.candidate_share_percent} %: make apply{_env(name)}"
        )
    if release.contract_version != contract:
        lines.append(
            f"  it does not fit this platform (contract {contract}): make publish-agent{_env(name)} from this commit"
        )
    elif release.coming is not None and set(release.endpoints.values()) != {release.coming}:
        lines.append(
            f"  it changes the contract: make promote{_env(name)} VERSION={release.agent_version} ENDPOINT={LIVE}"
            " ARGS=--with-apply"
        )
    return lines + [f"  {note}" for note in served.notes], drifted


def _share(release: Release, endpoint: str) -> str:
    # A candidate that is what live is takes its share all the same: it costs warm processes and shows nothing.
    share = release.candidate_share_percent
    return {LIVE: f"{100 - share} %", CANDIDATE: f"{share} %"}.get(endpoint, "-")


def _env(name: str) -> str:
    return "" if name == LAPTOP else f" ENV={name}"


def laptop_status(state_dir: Path) -> tuple[Release, Served]:
    """Return the running laptop's release and what its endpoints serve.

    Raises:
        NoStack, ReleaseError, ReloadError: If no stack is running there, or it does not answer.
    """
    stack, laptop = running_laptop(state_dir)
    release = release_file.load(release_file_of(laptop.state))
    return release, Served(
        numbers=release_laptop.served(stack),
        source="as the running stack says",
        share_percent=stack.get("candidate_share_percent"),
    )


def environment_status(name: str) -> tuple[Release, Served]:
    """Return an environment's release and what its endpoints serve, if AWS can be asked.

    Raises:
        EnvironmentProblem, ReleaseError: If there is no such environment, or nothing was published for it.
    """
    chosen = environments.environment_named(name)
    release = release_file.load(chosen.release)
    notes = _uncommitted(chosen.release)
    only_file = "from the release file alone; nothing was asked of AWS"
    if not chosen.is_real:
        why = f"{name} is not connected to an account (no {chosen.backend.name})"
        return release, Served(numbers={}, source=only_file, notes=[why, *notes])
    try:
        written = json.loads(chosen.outputs_file.read_text(encoding="utf-8"))  # as `terraform output -json` prints
        outputs = {name: output["value"] for name, output in written.items()}
        control = boto3.client(
            "bedrock-agentcore-control",
            region_name=outputs["region"],
            config=Config(connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"total_max_attempts": 2}),
        )
        asked = release_environment.service_versions(chosen, outputs, control=control)
        newest = release_environment.newest_version(outputs, control=control)
    except FileNotFoundError:
        why = f"{chosen.outputs_file} is not here: the last apply ran elsewhere; `make plan ENV={name}` shows drift too"
        return release, Served(numbers={}, source=only_file, notes=[why, *notes])
    except (BotoCoreError, ClientError, ReleaseError, ValueError, KeyError, TypeError) as failure:
        why = f"AWS could not be asked ({type(failure).__name__}: {failure})"
        return release, Served(numbers={}, source=only_file, notes=[why, *notes])
    moving = [f"{one} is moving to version {target}" for one, (live, target) in asked.items() if live != target]
    unknown = newest is not None and newest not in release.runtime_versions
    if unknown:
        moving.append(f"runtime version {newest} is not in the release file: `make apply ENV={name}` records it")
    live_numbers = {endpoint: live for endpoint, (live, _) in asked.items()}
    share = outputs.get("candidate_share_percent")
    return release, Served(
        numbers=live_numbers, source="as AgentCore says", notes=[*moving, *notes], share_percent=share
    )


def _uncommitted(path: Path) -> list[str]:
    """Say that Git is behind what runs; nothing where Git cannot be asked."""
    try:
        changed = git.ask(path.parent, "status", "--porcelain=v1", "--untracked-files=all", "--", path.name)
    except git.GitError:
        return []
    return [f"{path.name} is not committed, so Git is behind what runs: commit it"] if changed.strip() else []


def _status(options: argparse.Namespace, _: Callable[[str], None]) -> int:
    name = options.env
    try:
        release, served = laptop_status(options.state) if name == LAPTOP else environment_status(name)
    except NoReleaseError:
        print(f"{name}: nothing published yet. Next: `make publish-agent{_env(name)}`")
        return 0
    lines, drifted = status_lines(name, release, served)
    print("\n".join(lines))
    if drifted:
        print(f"\nrelease-status: {name} serves something else than its release file says", file=sys.stderr)
    return DRIFTED if drifted else 0


def _promote(options: argparse.Namespace, tell: Callable[[str], None]) -> int:
    wanted: dict[str, Any] = {
        "version": options.version,
        "endpoint": options.endpoint or CANDIDATE,
        "share_percent": options.share,
        "with_apply": options.with_apply,
    }
    if options.env == LAPTOP:
        after = release_laptop.promote(options.state, **wanted, progress=tell)
        _tell_laptop(after)
    else:
        changed = release_environment.promote(options.env, **wanted, progress=tell)
        _tell_next(options.env, changed)
        after = changed.after
    if wanted["endpoint"] == CANDIDATE and after.candidate_share_percent == 0:
        print("0 % of new sessions: nobody uses it yet. Add SHARE=20")
    return 0


def _rollback(options: argparse.Namespace, tell: Callable[[str], None]) -> int:
    endpoint = options.endpoint or LIVE
    if options.env == LAPTOP:
        other = options.other_authorizer
        _tell_laptop(release_laptop.roll_back(options.state, endpoint=endpoint, progress=tell, other_authorizer=other))
    else:
        changed = release_environment.roll_back(options.env, endpoint=endpoint, progress=tell)
        number = changed.after.endpoints[endpoint]
        print(
            f"Runtime version {number} comes back as it was made, with its authorizer, headers and environment: if the"
            " app client was rotated or a tier added since, it refuses those users (docs/runbooks/rollback.md)."
        )
        _tell_next(options.env, changed)
    return 0


def _tell_laptop(release: Release) -> None:
    lines, _ = status_lines(LAPTOP, release, Served(numbers={}, source="as applied"))
    print("\n".join(lines))
    print("Sessions that run stay on their version; new ones go by this.")


def _tell_next(name: str, changed: Changed) -> None:
    share = changed.after.candidate_share_percent
    print(f"{changed.path}: written; {share} % of new sessions belong to the candidate")
    if changed.offline:
        print(f"Only tried: {name} is not connected to an account (no {environments.BACKEND}), so no endpoint moves.")
    else:
        print(f"Next: make apply ENV={name}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.release", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    status = commands.add_parser("status", help="which agent each endpoint serves")
    status.set_defaults(run=_status, name="release-status")
    promote = commands.add_parser("promote", help="let an endpoint serve an agent version")
    promote.add_argument("--version", default="", help="agent version, such as 0.2.0")
    promote.add_argument("--endpoint", help=f"default: {CANDIDATE}")
    promote.add_argument(
        "--share", type=int, metavar="PERCENT", help="of new sessions for the candidate; default: as is"
    )
    promote.add_argument(
        "--with-apply",
        action="store_true",
        help="for a release that changes the contract: all endpoints move in the apply that brings it",
    )
    promote.set_defaults(run=_promote, name="promote")
    rollback = commands.add_parser("rollback", help="let an endpoint serve what it served before")
    rollback.add_argument("--endpoint", help=f"default: {LIVE}")
    rollback.add_argument(
        "--other-authorizer",
        action="store_true",
        help="on the laptop: also to a version that admits other users; environments cannot tell",
    )
    rollback.set_defaults(run=_rollback, name="rollback")
    for command in (status, promote, rollback):
        command.add_argument("--env", default=LAPTOP, help="dev, staging, prod, ...; default: the running laptop")
        command.add_argument("--state", type=Path, default=ROOT / ".local", metavar="FOLDER", help="the laptop's")
    options = parser.parse_args(arguments)
    try:
        with ends_on_sigterm():
            code: int = options.run(options, lambda line: print(f"  {line}", flush=True))
    except KeyboardInterrupt as interrupt:
        notes = "".join(f"\n{note}" for note in getattr(interrupt, "__notes__", ()))
        print(f"{options.name}: interrupted, nothing was changed{f', but:{notes}' if notes else ''}", file=sys.stderr)
        return INTERRUPTED
    except (NoStack, ReleaseError, TerraformError, ReloadError, BotoCoreError, ClientError) as error:
        notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
        print(f"{options.name}: {for_environment(f'{error}{notes}', options.env)}", file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
