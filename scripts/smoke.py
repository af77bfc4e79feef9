"""`make smoke ENV=…`: the demo's checks against a running environment, through what clients can reach, and no more.

    SMOKE_USERS=~/smoke/dev.json make smoke ENV=dev
    SMOKE_USERS=~/smoke/dev.json make smoke ENV=dev ENDPOINT=candidate

It changes nothing but the memory of the users that it is given: use users that were made for it. Exit status: 0 if all
ended as expected, 1 if something did not, 2 if the test could not begin.
"""

import argparse
import datetime as dt
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

import yaml
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from scripts.clients.runtime import Stack
from scripts.releases import release_file
from scripts.smoke_test.calls import Budget, Ending, Kind
from scripts.smoke_test.checks import Check, NotRun, Smoke, Tools
from scripts.smoke_test.users import Cast, InputError, Person, cast_from, read_file
from scripts.tenants.settings import unwrapped
from scripts.terraform.environments import environment_named
from scripts.terraform.setup import TerraformError
from scripts.tours.assistant import load_canaries, load_models
from scripts.tours.isolation import DENIED, Owner, clients_of, outcomes, tenant_attacks, user_id_of
from scripts.tours.tenant_credentials import of_tenant

ROOT: Final = Path(__file__).resolve().parents[1]
CATALOG: Final = ROOT / "terraform" / "catalog"
LOCAL: Final = "local"
ENDPOINTS: Final = ("live", "candidate")
RUN_SECONDS: Final = 900.0
"""Longest time of a whole run."""


def target(content: Mapping[str, Any], *, endpoint: str, source: str) -> dict[str, Any]:
    """Find in stack.json, or in what an apply gave, where the platform is.

    Args:
        content: Values by name, as they are or as `terraform output -json` wraps them.
        endpoint: Of the runtime.
        source: Named in errors.

    Raises:
        InputError: If a value is missing, or a URL is one that no token may be sent to.
    """
    values = {name: unwrapped(value) for name, value in content.items()}
    for name in ("region", "client_id", "issuer"):
        if not isinstance(values.get(name), str) or not values[name]:
            raise InputError(f"{source}: {name}: missing; run `make apply` for this environment again")
    runtime, gateway = values.get("runtime"), values.get("gateway")
    url = values.get("runtime_url")
    if not url and isinstance(runtime, dict) and runtime.get("arn"):
        suffix = "amazonaws.com.cn" if values["region"].startswith("cn-") else "amazonaws.com"
        host = f"bedrock-agentcore.{values['region']}.{suffix}"
        url = f"https://{host}/runtimes/{quote(runtime['arn'], safe='')}/invocations"
    if not url:
        raise InputError(f"{source}: neither runtime_url nor runtime.arn is there; was the whole environment applied?")
    gateway_url = values.get("gateway_url") or (gateway.get("url") if isinstance(gateway, dict) else None)
    if not gateway_url:
        raise InputError(f"{source}: neither gateway_url nor gateway.url is there; was the whole environment applied?")
    parts = urlsplit(str(url))
    found = {
        **values,
        "aws_endpoint_url": values.get("aws_endpoint_url"),
        "runtime_url": urlunsplit((parts.scheme, parts.netloc, parts.path, f"qualifier={endpoint}", "")),
        "gateway_url": str(gateway_url),
    }
    for name in ("runtime_url", "gateway_url"):
        address = urlsplit(found[name])
        if address.scheme != "https" and address.hostname not in ("127.0.0.1", "localhost"):
            raise InputError(f"{source}: {name}: tokens are sent by https only; got {found[name]!r}")
    return found


def catalog_tools(folder: Path) -> tuple[Tools, dict[str, tuple[int, int]]]:
    """Read which tools the tiers have, under which names, and the hours of the tiers that have some.

    Raises:
        InputError: If the catalog cannot be read.
    """
    try:
        tiers = yaml.safe_load((folder / "tiers.yaml").read_text(encoding="utf-8"))
        names = {}
        for file in sorted((folder / "tools").glob("*.json")):
            tool = json.loads(file.read_text(encoding="utf-8"))
            names[tool["name"]] = f"{tool['target']}___{tool.get('connector', {}).get('tool', tool['name'])}"
        by_tier = {tier: frozenset(settings["tools"]) for tier, settings in tiers.items()}
        hours = {
            tier: (int(settings["access_hours_utc"]["from"]), int(settings["access_hours_utc"]["to"]))
            for tier, settings in tiers.items()
            if settings.get("access_hours_utc")
        }
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{folder}: the catalog cannot be read ({type(error).__name__}); run `make validate`"
        ) from None
    return Tools(by_tier=by_tier, wire_names=names), hours


def check_hours(hours: Mapping[str, tuple[int, int]], tiers: Sequence[str], now: dt.datetime) -> None:
    """Refuse to begin when a tier has no access: then its refusals would say nothing about tenants.

    Raises:
        InputError: If it has none.
    """
    for tier in tiers:
        begin, end = hours.get(tier, (0, 24))
        if not begin <= now.hour < end:
            raise InputError(
                f"tier {tier}: its access hours are {begin:02d}:00-{end:02d}:00 UTC, and it is {now:%H:%M};"
                " run the smoke test within them"
            )


def run(smoke: Smoke, cast: Cast, stack: Stack, *, on_laptop: bool) -> Iterator[Check | NotRun]:
    """Yield all results of a run: the checks, and what cannot be tried from here."""
    yield from smoke.checks()
    if on_laptop:
        for victim in cast.people[1:]:
            yield _stolen_credentials(stack, cast.main, victim)
    else:
        yield NotRun(
            what="a tenant's credentials reach no other tenant's things",
            why="only AgentCore can be the execution role, which gets them; `make demo` and `make test` try it",
        )
        yield NotRun(
            what="code in the microVM reaches nobody's things", why="for the same reason; `make demo` tries it"
        )


def _stolen_credentials(stack: Stack, me: Person, victim: Person) -> Check:
    """Try everything that boto3 can with the credentials of one user."""
    canaries, models = load_canaries()[0], load_models()
    owners = [
        Owner(
            clinic_id=person.clinic_id,
            tier=person.tier,
            user_id=user_id_of(person.access_token),
            document_id=canaries[person.clinic_id]["document_id"],
            patient_id=canaries[person.clinic_id]["patient_id"],
            model_id=models[person.tier],
        )
        for person in (me, victim)
    ]
    try:
        clients = clients_of(stack, of_tenant(stack, me.access_token))
        results = outcomes(tenant_attacks(stack, *owners), clients)
    except (BotoCoreError, ClientError, PermissionError) as error:
        got = Ending(kind=Kind.UNREACHABLE, detail=type(error).__name__)
    else:
        wrong = [f"{name}: {outcome}" for name, outcome in results if outcome != DENIED]
        kind = Kind.WRONG if wrong or not results else Kind.REFUSED
        got = Ending(kind=kind, detail="; ".join(wrong)[:300] or f"{len(results)} of {len(results)} calls {DENIED}")
    what = f"{victim.clinic_id}'s things by boto3, with own credentials"
    return Check(who=me.username, what=what, expected=Kind.REFUSED, got=got)


def version_check(versions: set[str], expected: str | None, endpoint: str) -> Check | NotRun:
    """Say whether the agent that answered is the one that the release file has at this endpoint."""
    what = f"is answered by the version that {endpoint} has in the release file"
    if expected is None:
        return NotRun(what=f"everybody {what}", why="there is no release file that says so")
    right = versions == {expected}
    detail = expected if right else f"expected {expected}, got {', '.join(sorted(versions)) or 'none'}"
    got = Ending(kind=Kind.ANSWERED if right else Kind.WRONG, detail=detail)
    return Check(who="everybody", what=what, expected=Kind.ANSWERED, got=got)


def report(console: Console, results: Sequence[Check | NotRun], *, seconds: float) -> bool:
    """Print the results and return whether all of them are as expected."""
    checks = [result for result in results if isinstance(result, Check)]
    table = Table(title="Smoke test", show_lines=False, expand=False)
    for heading in ("who", "what", "expected", "got", ""):
        table.add_column(heading, overflow="fold")
    for check in checks:
        got = f"{check.got.kind}{f': {check.got.detail}' if check.got.detail else ''}"
        verdict = "ok" if check.ok else "[red]UNEXPECTED[/red]"
        table.add_row(check.who, check.what, str(check.expected), got, verdict)
    console.print(table)
    skipped = [result for result in results if isinstance(result, NotRun)]
    for left_out in skipped:
        console.print(f"not run here: {left_out.what}: {left_out.why}", markup=False, highlight=False)
    counts = {kind: sum(check.ok and check.got.kind is kind for check in checks) for kind in Kind}
    wrong = [check for check in checks if not check.ok]
    parts = [
        f"{len(checks)} checks: {counts[Kind.ANSWERED]} answered and {counts[Kind.REFUSED]} refused as expected",
        f"{len(wrong)} unexpected"
        + f" ({sum(check.got.kind is Kind.UNREACHABLE for check in wrong)} could not be reached)" * bool(wrong),
        f"{len(skipped)} not run here",
        f"{seconds:.1f} s",
    ]
    console.print("; ".join(parts), markup=False, highlight=False)
    return bool(checks) and not wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 180)
    began = time.monotonic()
    try:
        stack, version = _find(options)
        content = read_file(Path(options.users)) if options.users else stack if options.env == LOCAL else None
        if content is None:
            raise InputError(
                'SMOKE_USERS: missing; name a file outside of the repository with users to test with ("Smoke test" in'
                " docs/guide.md says what stands in it)"
            )
        tools, hours = catalog_tools(options.catalog)
        cast = cast_from({**content, "users": content.get("users", [])}, stack)
        for person in cast.people:
            if person.tier not in tools.by_tier:
                raise InputError(f"users: tier {person.tier!r} is not in {options.catalog}/tiers.yaml")
        if stack["aws_endpoint_url"] is None:  # the laptop's clock is its own
            check_hours(hours, [person.tier for person in cast.people], dt.datetime.now(dt.UTC))
    except (InputError, TerraformError) as error:
        print(f"smoke: {error}", file=sys.stderr)
        return 2
    clinics = ", ".join(f"{person.clinic_id} ({person.tier})" for person in cast.people)
    console.print(f"{options.env}, endpoint {options.endpoint}, as users of {clinics}", markup=False, highlight=False)
    smoke = Smoke(stack, cast, tools, budget=Budget(options.seconds))
    results: list[Check | NotRun] = []
    with console.status("Asking and attacking …"):
        for result in run(smoke, cast, stack, on_laptop=options.env == LOCAL):
            results.append(result)
            if isinstance(result, Check) and not result.ok:
                line = f"UNEXPECTED {result.who}: {result.what}: {result.got.kind} {result.got.detail}"
                console.print(line, markup=False, highlight=False)
    results.append(version_check(smoke.versions, version, options.endpoint))
    return 0 if report(console, results, seconds=time.monotonic() - began) else 1


def _find(options: argparse.Namespace) -> tuple[dict[str, Any], str | None]:
    """Return the platform, and the agent version that its endpoint must serve, if that is known."""
    if options.env == LOCAL:
        file, hint = options.state / "stack.json", "start the laptop AWS with `make up`"
        release = options.state / release_file.FILE_NAME
    else:
        environment = environment_named(options.env)
        file = options.outputs or environment.outputs_file
        # Outputs from elsewhere may be of another release than the one in this working copy.
        release = file.with_name(release_file.FILE_NAME) if options.outputs else environment.release
        hint = f"`make apply ENV={options.env}` writes it, or name one with --outputs"
    try:
        content = json.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({type(error).__name__}); {hint}") from None
    except ValueError:
        raise InputError(f"{file}: no JSON; {hint}") from None
    if not isinstance(content, dict):
        raise InputError(f"{file}: expected an object; {hint}")
    return target(content, endpoint=options.endpoint, source=str(file)), _released(release, options.endpoint)


def _released(file: Path, endpoint: str) -> str | None:
    """Return the agent version that an endpoint serves, as the release file has it; None if there is none.

    Raises:
        InputError: If the file is not as it must be.
    """
    try:
        return release_file.load(file).agent_version_of(endpoint)
    except release_file.NoReleaseError:
        return None
    except release_file.ReleaseError as error:
        raise InputError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make smoke", description="Check a running environment from outside.")
    parser.add_argument("--env", default=LOCAL, help="environment (default: %(default)s, the laptop)")
    parser.add_argument("--endpoint", default=ENDPOINTS[0], choices=ENDPOINTS, help="(default: %(default)s)")
    parser.add_argument("--users", default=os.environ.get("SMOKE_USERS", ""), metavar="FILE", help="or SMOKE_USERS")
    parser.add_argument("--outputs", type=Path, metavar="FILE", help="what `terraform output -json` printed")
    parser.add_argument("--state", type=Path, default=ROOT / ".local", metavar="FOLDER", help="of the laptop")
    parser.add_argument("--catalog", type=Path, default=CATALOG, metavar="FOLDER", help="that was applied")
    parser.add_argument("--seconds", type=float, default=RUN_SECONDS, help="longest time of all (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
