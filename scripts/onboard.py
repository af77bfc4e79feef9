"""Add a tenant: data, never infrastructure.

    python -m scripts.onboard --clinic-id clinic-f --name "Fern Lane Clinic" --tier basic \
        --user dr.fern@example.org --role physician \
        --profile fern/profile.yaml --documents fern/documents --patients fern/patients.yaml

The registry row is written first, as ONBOARDING, and becomes ACTIVE last: broker and claims function refuse every other
status, so a tenant that is half there serves nobody. Running the same command again goes on where it stopped, and
changes nothing once the tenant is complete. It only ever adds: a profile, patients and documents that are there already
stay as they are, and a registry row or a membership that contradicts the command stops it.
"""

import argparse
import datetime as dt
import getpass
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from clinic_agent.keys import check_clinic_id, check_tier
from scripts.tenants.data import (
    DataError,
    Document,
    Patient,
    Profile,
    read_documents,
    read_patients,
    read_profile,
)
from scripts.tenants.settings import SettingsError, read_settings
from scripts.tenants.store import OnboardError, PlatformClients, TenantStore
from scripts.terraform.environments import environment_named, environments
from scripts.terraform.setup import TerraformError

DEFAULT_SETTINGS: Final = Path(__file__).resolve().parent.parent / ".local" / "stack.json"
LAPTOP: Final = "local"
ROLES: Final = ("physician", "nurse", "admin")
MAX_NAME_CHARS: Final = 120
_REQUIRED: Final = ("clinic_id", "name", "tier")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """A user to add to the tenant."""

    username: str  # e-mail address
    role: str
    name: str | None = None
    password: str | None = field(default=None, repr=False)  # set as permanent; None leaves the password alone


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTenant:
    """A tenant to add."""

    clinic_id: str
    name: str
    tier: str
    users: tuple[NewUser, ...] = ()
    patients: tuple[Patient, ...] = ()
    documents: tuple[Document, ...] = ()
    status: str = "ACTIVE"  # what it ends with; SUSPENDED for a tenant that is prepared ahead of its contract
    profile: Profile = field(default_factory=Profile)


@dataclass(frozen=True, slots=True, kw_only=True)
class Onboarded:
    """What one run changed."""

    clinic_id: str
    status: str
    created: bool  # the registry row is new
    activated: bool  # it went from ONBOARDING to `status`
    profile: bool  # what the assistant tells about the clinic is new
    users: int  # created in Cognito
    passwords: int
    memberships: int
    documents: int
    patients: int

    @property
    def added(self) -> bool:
        """Whether anything is there that was not. A password set once more is nothing new."""
        counts = (self.users, self.memberships, self.documents, self.patients)
        return any((self.created, self.activated, self.profile, *counts))

    def __str__(self) -> str:
        people = f"{self.users} users, {self.memberships} memberships, {self.patients} patients"
        profile = ", the profile" if self.profile else ""
        counts = f"added {people}, {self.documents} documents{profile}"
        passwords = f"; set {self.passwords} passwords" if self.passwords else ""
        return f"{self.clinic_id}: {self.status}, {counts if self.added else 'unchanged'}{passwords}"


def onboard(
    tenant: NewTenant,
    *,
    store: TenantStore,
    tiers: frozenset[str] | None = None,
    invite: bool = True,
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
) -> Onboarded:
    """Add a tenant, or complete one whose onboarding stopped.

    Args:
        tenant: What to add.
        store: The stores of the platform.
        tiers: The tiers that the platform serves; None skips that check.
        invite: Let Cognito send new users an invitation with a temporary password. A user with a password gets none.
        now: The time for `created_at`.

    Raises:
        InvalidKey: If clinic id or tier are outside their grammar.
        OnboardError: If the tenant or a user can't be added. What was written before stays; a new tenant is not active.
        botocore.exceptions.ClientError: If AWS refuses a call; the same holds.
    """
    _check(tenant, tiers)
    status, created = store.claim_tenant(
        clinic_id=tenant.clinic_id,
        name=tenant.name,
        tier=tenant.tier,
        status=tenant.status,
        created_at=now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        details={
            "specialty": tenant.profile.specialty,
            "opening_hours": dict(tenant.profile.opening_hours),
            "services": list(tenant.profile.services),
        },
    )
    profile = store.ensure_profile(clinic_id=tenant.clinic_id, name=tenant.name, profile=tenant.profile)
    documents = store.add_documents(tenant.clinic_id, tenant.documents)
    patients = store.add_patients(tenant.clinic_id, tenant.patients)
    users = passwords = memberships = 0
    for user in tenant.users:
        send = invite and user.password is None
        user_id, is_new = store.ensure_user(user.username, name=user.name, invite=send)
        users += is_new
        # The membership before the password: a user of another clinic must stop the run before his sign-in is touched.
        memberships += store.ensure_membership(
            user_id=user_id, username=user.username, clinic_id=tenant.clinic_id, role=user.role
        )
        if user.password is not None:
            store.set_password(user.username, user.password)
            passwords += 1
    activated = status == "ONBOARDING"
    if activated:
        store.finish_tenant(tenant.clinic_id, tenant.status)
    return Onboarded(
        clinic_id=tenant.clinic_id,
        status=tenant.status,
        created=created,
        activated=activated,
        profile=profile,
        users=users,
        passwords=passwords,
        memberships=memberships,
        documents=documents,
        patients=patients,
    )


def _check(tenant: NewTenant, tiers: frozenset[str] | None) -> None:
    check_clinic_id(tenant.clinic_id)
    check_tier(tenant.tier)
    if tiers is not None and tenant.tier not in tiers:
        raise OnboardError(f"tier: {tenant.tier!r} is not served here, expected one of {', '.join(sorted(tiers))}")
    if not tenant.name.strip() or len(tenant.name) > MAX_NAME_CHARS or not tenant.name.isprintable():
        raise OnboardError(f"name: expected 1-{MAX_NAME_CHARS} printable characters")
    if tenant.status not in ("ACTIVE", "SUSPENDED"):
        raise OnboardError(f"status: {tenant.status!r} is none of ACTIVE, SUSPENDED")
    for user in tenant.users:
        local, at, domain = user.username.partition("@")
        if not (local and at and "." in domain) or "@" in domain or any(c.isspace() for c in user.username):
            raise OnboardError(f"user: {user.username!r} is no e-mail address")
        if user.role not in ROLES:
            raise OnboardError(f"role: {user.role!r} is none of {', '.join(ROLES)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    if missing := [f"--{name.replace('_', '-')}" for name in _REQUIRED if not getattr(options, name)]:
        env = "" if options.env == LAPTOP else f" ENV={options.env}"
        known = f" (ENV: {', '.join(environments())}; without it, the laptop)" if options.env == LAPTOP else ""
        print(
            f"onboard: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: make onboard{env}"
            f" ARGS='--clinic-id clinic-f --name \"Fern Lane Clinic\" --tier basic'{known}",
            file=sys.stderr,
        )
        return 2
    try:
        settings = read_settings(_settings_file(options), region=options.region)
        password = getpass.getpass(f"Password of {options.user}: ") if options.ask_password else None
        users = (NewUser(username=options.user, role=options.role, password=password),) if options.user else ()
        result = onboard(
            NewTenant(
                clinic_id=options.clinic_id,
                name=options.name,
                tier=options.tier,
                users=users,
                patients=read_patients(options.patients) if options.patients else (),
                documents=read_documents(options.documents) if options.documents else (),
                profile=read_profile(options.profile) if options.profile else Profile(),
            ),
            store=TenantStore(clients=PlatformClients.connect(settings), settings=settings),
            tiers=settings.tiers,
            # The emulator sends no mail, so nobody would get the temporary password.
            invite=not settings.on_laptop and not options.no_invitation,
        )
    except (DataError, SettingsError, OnboardError, TerraformError, ValueError, BotoCoreError, ClientError) as error:
        print(f"onboard: {error}", file=sys.stderr)
        return 1
    print(result)
    return 0


def _settings_file(options: argparse.Namespace) -> Path:
    """Return where the platform's stores are named.

    Raises:
        EnvironmentProblem: If there is no such environment.
        SettingsError: If nothing was applied there.
    """
    if options.settings is not None:
        return Path(options.settings)
    if options.env == LAPTOP:
        return DEFAULT_SETTINGS
    file = environment_named(options.env).outputs_file
    if not file.is_file():
        raise SettingsError(f"{file}: missing; `make apply ENV={options.env}` writes it")
    return file


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.onboard", description="Add a tenant.")
    parser.add_argument("--clinic-id", help="permanent; 2-32 lower-case letters, digits and hyphens")
    parser.add_argument("--name", help="for people")
    parser.add_argument("--tier", help="a block of terraform/catalog/tiers.yaml")
    parser.add_argument("--user", metavar="EMAIL", help="first user of the tenant")
    parser.add_argument("--role", choices=ROLES, default="admin", help="of that user (default: %(default)s)")
    parser.add_argument("--ask-password", action="store_true", help="ask for the user's permanent password")
    parser.add_argument("--no-invitation", action="store_true", help="send the user no e-mail")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="YAML: specialty, opening_hours, services")
    parser.add_argument("--documents", type=Path, metavar="FOLDER", help="Markdown files, <document_id>.md")
    parser.add_argument("--patients", type=Path, metavar="FILE", help="YAML list `patients`")
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="stack.json or the output of `terraform output -json` (default: that of the environment)",
    )
    parser.add_argument("--env", default=LAPTOP, help="environment (default: %(default)s, the laptop)")
    parser.add_argument("--region", help="for Terraform outputs that don't name it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
