"""Who the smoke test is: users of several clinics, from a file outside the repository, and what they must be told."""

import json
import stat
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import jwt
from botocore.exceptions import BotoCoreError, ClientError

from scripts.clients.runtime import Stack, renew, sign_in
from scripts.tours.assistant import load_canaries

ROOT: Final = Path(__file__).resolve().parents[2]
MIN_TOKEN_SECONDS: Final = 180
"""Least time that a given access token must still be good for: the run takes about as long."""
_WAYS: Final = ("password", "refresh_token", "access_token")
"""How a user signs in: by exactly one of them."""
_USER_KEYS: Final = frozenset({"username", "clinic_id", "tier", "id_token", *_WAYS})
_EXPECTED_KEYS: Final = ("question", "answer_contains", "patient_id", "patient_contains")
_REFUSED_KEYS: Final = frozenset({"expired", "foreign"})


class InputError(Exception):
    """The smoke test cannot begin. The message names the field, what is wrong and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a clinic's own data answer, and nobody else's."""

    question: str
    answer_contains: str = field(repr=False)
    patient_id: str
    patient_contains: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user who has signed in."""

    username: str
    clinic_id: str
    tier: str
    access_token: str = field(repr=False)
    id_token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who plays which part."""

    main: Person
    sibling: Person  # of another clinic of the same tier
    others: Mapping[str, Person]  # one of each other tier, by tier
    colleague: Person | None  # of the main one's clinic
    expected: Mapping[str, Expected]  # by clinic
    refused: Mapping[str, str] = field(repr=False)  # genuine tokens that must not count: expired, foreign

    @property
    def people(self) -> tuple[Person, ...]:
        """One user of each clinic, the main one first."""
        return (self.main, self.sibling, *self.others.values())


def read_file(path: Path) -> dict[str, Any]:
    """Read a users file.

    Raises:
        InputError: If it lies in the repository, others may read it, or it is no JSON object of the known fields.
    """
    where = "SMOKE_USERS"
    file = path.expanduser().resolve()
    if file.is_relative_to(ROOT):
        raise InputError(f"{where}: {path} lies in the repository; move it out, so that nobody commits passwords")
    try:
        mode = file.stat().st_mode
        if stat.S_IMODE(mode) & (stat.S_IRWXG | stat.S_IRWXO):
            raise InputError(f"{where}: {path} may be read by others (mode {stat.S_IMODE(mode):04o}); run chmod 600")
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{where}: {path}: cannot be read ({type(error).__name__}); name another file") from None
    except ValueError:  # its text may hold a password: not quoted
        raise InputError(f"{where}: {path}: no JSON") from None
    if not isinstance(content, dict) or not isinstance(content.get("users"), list):
        raise InputError(f'{where}: {path}: expected an object with a list "users"; see docs/guide.md, "Smoke test"')
    unknown = sorted(content.keys() - {"users", "expectations", "refused_tokens"})
    if unknown:
        raise InputError(f"{where}: {unknown[0]}: no such field; known are users, expectations, refused_tokens")
    return content


def cast_from(content: Mapping[str, Any], stack: Stack) -> Cast:
    """Choose who plays which part, and sign them in.

    Args:
        content: Of a users file, or of stack.json.
        stack: The platform.

    Raises:
        InputError: If clinics are missing, nothing is known of their data, or somebody cannot sign in.
    """
    users = [_checked(entry, f"users[{number}]") for number, entry in enumerate(content["users"])]
    chosen = _choose(users)
    expected = _expectations(content.get("expectations"), {user["clinic_id"] for user in chosen["people"]})
    people = [_signed_in(user, stack) for user in chosen["people"]]
    colleague = _signed_in(chosen["colleague"], stack) if chosen["colleague"] else None
    main, sibling, *others = people
    return Cast(
        main=main,
        sibling=sibling,
        others={person.tier: person for person in others},
        colleague=colleague,
        expected=expected,
        refused=_refused(content.get("refused_tokens"), stack),
    )


def claims_of(token: str, where: str) -> dict[str, Any]:
    """Read a token's claims, unverified: what it says decides nothing here, it only has to fit.

    Raises:
        InputError: If it is no token.
    """
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        raise InputError(f"{where}: no JWT; copy the whole token") from None
    return claims


def _checked(entry: object, where: str) -> Mapping[str, Any]:
    if not isinstance(entry, dict):
        raise InputError(f"{where}: expected an object")
    unknown = sorted(entry.keys() - _USER_KEYS)
    if unknown:
        raise InputError(f"{where}.{unknown[0]}: no such field; known are {', '.join(sorted(_USER_KEYS))}")
    for name in ("username", "clinic_id", "tier"):
        if not isinstance(entry.get(name), str) or not entry[name]:
            raise InputError(f"{where}.{name}: missing; expected a text")
    for name in (*_WAYS, "id_token"):
        if name in entry and (not isinstance(entry[name], str) or not entry[name]):
            raise InputError(f"{where}.{name}: expected a text")
    if sum(way in entry for way in _WAYS) != 1:
        raise InputError(f"{where}: expected one of a password, a refresh_token, or an access_token with its id_token")
    return {**entry, "where": where}


def _choose(users: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    clinics: dict[str, dict[str, Mapping[str, Any]]] = {}  # first user by tier and clinic
    for user in users:
        clinics.setdefault(user["tier"], {}).setdefault(user["clinic_id"], user)
    paired = next((tier for tier, found in clinics.items() if len(found) > 1), None)
    if paired is None or len(clinics) == 1:
        have = "; ".join(f"{tier}: {', '.join(found)}" for tier, found in clinics.items()) or "none"
        raise InputError(
            "users: expected users of at least two clinics of one tier and of one clinic of another tier: without them"
            f" nothing is shown about tenants; have {have}"
        )
    main, sibling = list(clinics[paired].values())[:2]
    others = [next(iter(found.values())) for tier, found in clinics.items() if tier != paired]
    mates = [u for u in users if u["clinic_id"] == main["clinic_id"] and u["username"] != main["username"]]
    return {"people": [main, sibling, *others], "colleague": mates[0] if mates else None}


def _expectations(given: object, clinics: set[str]) -> dict[str, Expected]:
    if given is not None and not isinstance(given, dict):
        raise InputError("expectations: expected an object by clinic_id")
    sample, _ = load_canaries()
    found: dict[str, Expected] = {}
    for clinic_id in sorted(clinics):
        entry = (given or {}).get(clinic_id)
        where = f"expectations.{clinic_id}"
        if entry is None and clinic_id in sample:
            canary = sample[clinic_id]
            entry = {name: canary.get(name) for name in _EXPECTED_KEYS[:3]}
            entry["patient_contains"] = canary["patient_phrase"]
        if not isinstance(entry, dict):
            raise InputError(
                f"{where}: missing, and it is no clinic of the sample data; give {', '.join(_EXPECTED_KEYS)}"
            )
        for name in _EXPECTED_KEYS:
            if not isinstance(entry.get(name), str) or not entry[name].strip():
                raise InputError(f"{where}.{name}: missing; expected a text")
        if entry.keys() - set(_EXPECTED_KEYS):
            raise InputError(f"{where}: known fields are {', '.join(_EXPECTED_KEYS)}")
        if entry["answer_contains"].casefold() in entry["question"].casefold():
            raise InputError(f"{where}.answer_contains: stands in the question; an echo would pass")
        found[clinic_id] = Expected(**entry)
    for name in ("answer_contains", "patient_contains", "patient_id"):
        values = [getattr(expected, name).casefold() for expected in found.values()]
        if len(set(values)) != len(values):
            raise InputError(f"expectations: {name}: two clinics have the same; then a leak would not show")
    return found


def _signed_in(user: Mapping[str, Any], stack: Stack) -> Person:
    where = user["where"]
    if "access_token" not in user:
        tokens = _by_cognito(user, stack)
        access, identity = tokens["AccessToken"], tokens.get("IdToken")
    else:
        access, identity = user["access_token"], user.get("id_token")
    claims = claims_of(access, f"{where}.access_token")
    for name, expected in (
        ("token_use", "access"),
        ("clinic_id", user["clinic_id"]),
        ("tier", user["tier"]),
        ("client_id", stack["client_id"]),
        ("iss", stack["issuer"]),
    ):
        if claims.get(name) != expected:
            raise InputError(
                f"{where}: the access token's claim {name} is {claims.get(name)!r}, expected {expected!r}; is it a"
                " token of this environment, and of this user?"
            )
    left = claims.get("exp", 0) - time.time()
    if left < MIN_TOKEN_SECONDS:
        raise InputError(
            f"{where}: the access token is good for {max(left, 0):.0f} s more, expected at least {MIN_TOKEN_SECONDS};"
            " sign in again"
        )
    if identity is not None and claims_of(identity, f"{where}.id_token").get("token_use") != "id":
        raise InputError(f"{where}.id_token: is no ID token")
    return Person(
        username=user["username"],
        clinic_id=user["clinic_id"],
        tier=user["tier"],
        access_token=access,
        id_token=identity,
    )


def _by_cognito(user: Mapping[str, Any], stack: Stack) -> dict[str, str]:
    where = user["where"]
    try:
        if "refresh_token" in user:
            return renew(stack, user["refresh_token"])
        return sign_in(stack, user["username"], user["password"])
    except ClientError as error:
        code = error.response["Error"]["Code"]
        hint = "is password sign-in switched on there? Otherwise give a refresh_token of the browser's sign-in"
        if "refresh_token" in user:
            hint = "is the refresh token of this environment, and not too old? Sign in with the browser again"
        raise InputError(f"{where}: sign-in was refused ({code}); {hint}") from None
    except BotoCoreError as error:
        raise InputError(f"{where}: sign-in could not be reached ({type(error).__name__})") from None
    except KeyError:
        raise InputError(
            f"{where}: sign-in asks for more than a password (a new one, or a second factor); sign in with the"
            " browser and give its refresh_token"
        ) from None


def _refused(given: object, stack: Stack) -> dict[str, str]:
    if given is None:
        return {}
    if (
        not isinstance(given, dict)
        or given.keys() - _REFUSED_KEYS
        or not all(isinstance(v, str) for v in given.values())
    ):
        raise InputError(
            f"refused_tokens: expected an object with {', '.join(sorted(_REFUSED_KEYS))}, each an access token"
        )
    for name, token in given.items():
        claims = claims_of(token, f"refused_tokens.{name}")
        ours = claims.get("iss") == stack["issuer"] and claims.get("client_id") == stack["client_id"]
        over = claims.get("exp", 0) < time.time()
        if name == "expired" and not (ours and over):
            raise InputError("refused_tokens.expired: expected an access token of this environment that has expired")
        if name == "foreign" and (ours or over):
            raise InputError(
                "refused_tokens.foreign: expected an access token of another user pool or app client that is still good"
            )
    return dict(given)
