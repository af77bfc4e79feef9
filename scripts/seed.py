"""Put the sample clinics of `data/synthetic` into a platform, the way an operator would: through `scripts.onboard`.

    python -m scripts.seed --settings .local/stack.json

Passwords are made here and go into the settings file, which git ignores. Seeding again keeps the passwords that the
file holds, and changes nothing.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from scripts.onboard import DEFAULT_SETTINGS, NewTenant, NewUser, Onboarded, onboard
from scripts.tenants.data import DataError
from scripts.tenants.sample_data import Clinic, SampleData, load
from scripts.tenants.settings import PlatformSettings, SettingsError, read_settings
from scripts.tenants.store import OnboardError, PlatformClients, TenantStore, make_password

PARALLEL_TENANTS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedResult:
    """What is there now. The lists have the shape that `.local/stack.json` wants."""

    tenants: list[dict[str, str]]  # clinic_id, tier, name: those that are ACTIVE
    users: list[dict[str, str]] = field(repr=False)  # username, password, clinic_id, tier: those who can sign in
    suspended_tenants: list[dict[str, str]]  # as tenants: those that must be refused everywhere
    suspended_users: list[dict[str, str]] = field(repr=False)
    outcomes: list[Onboarded]  # one for each clinic, in the order of the data


def seed(
    settings: PlatformSettings,
    data: SampleData,
    progress: Callable[[str], None],
    *,
    passwords: Mapping[str, str] | None = None,
) -> SeedResult:
    """Onboard all sample clinics, a few at a time.

    Args:
        settings: Where to.
        data: What.
        progress: Gets a line for each clinic that is done.
        passwords: Passwords to keep, by username; other users get new ones.

    Raises:
        OnboardError: If a clinic can't be added; the others are finished first.
        botocore.exceptions.ClientError: If AWS refuses a call; as above.
    """
    store = TenantStore(clients=PlatformClients.connect(settings), settings=settings)
    kept = passwords or {}
    chosen = {user.username: kept.get(user.username) or make_password() for user in data.users}
    outcomes: dict[str, Onboarded] = {}
    with ThreadPoolExecutor(PARALLEL_TENANTS) as pool:
        futures = [
            # No invitations, whatever the platform: the addresses are invented.
            pool.submit(onboard, _tenant(clinic, chosen), store=store, tiers=settings.tiers, invite=False)
            for clinic in data.clinics.values()
        ]
        for future in as_completed(futures):
            error = future.exception()
            if error is None:
                outcome = future.result()
                outcomes[outcome.clinic_id] = outcome
                progress(str(outcome))
    for future in futures:
        future.result()  # raises the first error, now that no other clinic is left half-way
    return SeedResult(
        tenants=_tenants(data, "ACTIVE"),
        users=_users(data, "ACTIVE", chosen),
        suspended_tenants=_tenants(data, "SUSPENDED"),
        suspended_users=_users(data, "SUSPENDED", chosen),
        outcomes=[outcomes[clinic_id] for clinic_id in data.clinics],
    )


def _tenant(clinic: Clinic, passwords: Mapping[str, str]) -> NewTenant:
    return NewTenant(
        clinic_id=clinic.clinic_id,
        name=clinic.name,
        tier=clinic.tier,
        status=clinic.status,
        users=tuple(
            NewUser(username=user.username, name=user.name, role=user.role, password=passwords[user.username])
            for user in clinic.users
        ),
        patients=clinic.patients,
        documents=clinic.documents,
        profile=clinic.profile,
    )


def _tenants(data: SampleData, status: str) -> list[dict[str, str]]:
    return [
        {"clinic_id": clinic.clinic_id, "tier": clinic.tier, "name": clinic.name}
        for clinic in data.clinics.values()
        if clinic.status == status
    ]


def _users(data: SampleData, status: str, passwords: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {
            "username": user.username,
            "password": passwords[user.username],
            "clinic_id": clinic.clinic_id,
            "tier": clinic.tier,
        }
        for clinic in data.clinics.values()
        if clinic.status == status
        for user in clinic.users
    ]


def summary(data: SampleData, result: SeedResult) -> Table:
    """Build the table of what is there; it holds no password."""
    table = Table(title="Sample clinics")
    for heading in ("clinic", "tier", "status", "users", "patients", "documents", "this run"):
        table.add_column(heading, justify="right" if heading in ("users", "patients", "documents") else "left")
    for outcome in result.outcomes:
        clinic = data.clinics[outcome.clinic_id]
        counts = (len(clinic.users), len(clinic.patients), len(clinic.documents))
        run = "created" if outcome.created else "completed" if outcome.added else "unchanged"
        table.add_row(clinic.clinic_id, clinic.tier, clinic.status, *map(str, counts), run)
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.seed", description="Add the sample clinics.")
    parser.add_argument("--settings", type=Path, default=DEFAULT_SETTINGS, metavar="FILE", help="stack.json")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        settings = read_settings(options.settings)
        # The passwords are known to whoever reads the settings file, and the data are public: nothing for real tenants.
        if not settings.on_laptop:
            raise SettingsError(
                f"{options.settings}: aws_endpoint_url: not this machine; sample clinics stay on a laptop"
            )
        stack = json.loads(options.settings.read_text(encoding="utf-8"))
        known = [*stack.get("users", []), *stack.get("suspended_users", [])]
        data = load()
        result = seed(settings, data, print, passwords={user["username"]: user["password"] for user in known})
    except (DataError, SettingsError, OnboardError, BotoCoreError, ClientError) as error:
        print(f"seed: {error}", file=sys.stderr)
        return 1
    stack |= {
        "tenants": result.tenants,
        "users": result.users,
        "suspended_tenants": result.suspended_tenants,
        "suspended_users": result.suspended_users,
    }
    _replace(options.settings, stack)
    Console().print(summary(data, result))
    print(f"{len(data.clinics)} clinics in {time.monotonic() - started:.1f} s; passwords are in {options.settings}")
    return 0


def _replace(file: Path, content: Mapping[str, Any]) -> None:
    """Replace the file as a whole, readable by its owner only: it holds passwords, and others may be reading it."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # mkstemp: mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(content, stream, indent=2, ensure_ascii=False)
            stream.write("\n")
        Path(name).replace(file)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise


if __name__ == "__main__":
    sys.exit(main())
