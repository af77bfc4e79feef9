"""The guided tour: what the platform answers, and what it refuses, each checked from outside."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from botocore.exceptions import ClientError

from scripts.clients.runtime import Answer, Session, Stack, sign_in
from scripts.tours.gateway import GatewayAttempt, GatewayTour
from scripts.tours.isolation import (
    Attack,
    Owner,
    clients_of,
    execution_role_attacks,
    outcomes,
    own_access,
    tenant_attacks,
    user_id_of,
    wholesale_attacks,
)
from scripts.tours.tenant_credentials import execution_role, of_tenant

ROOT: Final = Path(__file__).parents[2]
CLINIC, SIBLING, STRANGER, HOSPITAL, SUSPENDED = "clinic-a", "clinic-ab", "clinic-b", "hospital-a", "clinic-s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Something that somebody tried."""

    who: str
    what: str
    expected: str
    got: str

    @property
    def ok(self) -> bool:
        """Whether it ended as it must."""
        return self.expected == self.got


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A question and its answer, to show."""

    user: str
    clinic_id: str
    tier: str
    question: str
    answer: Answer


def load_canaries() -> tuple[dict[str, dict[str, str]], list[dict[str, Any]]]:
    """Read the phrases that occur in one clinic's data only, by clinic, and the documents that hold injections."""
    content = yaml.safe_load((ROOT / "data/synthetic/canaries.yaml").read_text(encoding="utf-8"))
    injections = content.pop("injections")
    return content, injections


def load_models() -> dict[str, str]:
    """Read the catalog: the model of each tier."""
    catalog = yaml.safe_load((ROOT / "terraform/catalog/tiers.yaml").read_text(encoding="utf-8"))
    return {tier: settings["model"] for tier, settings in catalog.items()}


class Tour:
    """Walks through a running platform as several users."""

    def __init__(self, stack: Stack, *, state_dir: Path) -> None:
        self._stack = stack
        self._state_dir = state_dir
        self._log = state_dir / "logs" / "runtime.log"
        self._canaries, self._injections = load_canaries()
        self._models = load_models()
        self._tokens: dict[str, dict[str, str]] = {}
        self._sessions: dict[str, Session] = {}  # one a user: each is a process that has to start

    def usage(self) -> list[dict[str, Any]]:
        """Return the usage events that the agents have written so far."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [json.loads(line[line.index("{") :]) for line in lines if '"event":"inference_usage"' in line]

    def conversations(self) -> Iterator[Conversation]:
        """Yield a short conversation of each tier."""
        for clinic_id in (CLINIC, HOSPITAL):
            session, user = self._session(clinic_id), self._user(clinic_id)
            canary = self._canaries[clinic_id]
            for question in (canary["question"], f"And what do we know about patient {canary['patient_id']}?"):
                yield Conversation(
                    user=user["username"],
                    clinic_id=clinic_id,
                    tier=user["tier"],
                    question=question,
                    answer=session.ask(question),
                )

    def attempts(self) -> Iterator[Attempt]:
        """Make every attempt and yield how it ended."""
        yield from self._own_answers()
        yield from self._other_clinics_things()
        yield from self._identities()
        yield from self._stolen_credentials()
        yield from self._inside_the_microvm()

    def gateway_attempts(self) -> Iterator[GatewayAttempt]:
        """Make every attempt at the Gateway and yield how it ended, and what the policy engine decided."""
        tour = GatewayTour(
            stack=self._stack,
            people=self,
            state_dir=self._state_dir,
            clinic=CLINIC,
            stranger=STRANGER,
            hospital=HOSPITAL,
        )
        yield from tour.attempts()

    def access_token(self, clinic_id: str, number: int = 0) -> str:
        """Return the access token of a clinic's user."""
        return self._signed_in(clinic_id, number)["AccessToken"]

    def id_token(self, clinic_id: str) -> str:
        """Return the ID token of a clinic's first user."""
        return self._signed_in(clinic_id)["IdToken"]

    def name(self, clinic_id: str, number: int = 0) -> str:
        """Return the user's name."""
        return str(self._user(clinic_id, number)["username"])

    def patient_of(self, clinic_id: str) -> str:
        """Return a patient id that only this clinic has."""
        return self._canaries[clinic_id]["patient_id"]

    def _user(self, clinic_id: str, number: int = 0) -> Mapping[str, Any]:
        user: Mapping[str, Any] = [
            u for key in ("users", "suspended_users") for u in self._stack[key] if u["clinic_id"] == clinic_id
        ][number]
        return user

    def _signed_in(self, clinic_id: str, number: int = 0) -> dict[str, str]:
        user = self._user(clinic_id, number)
        name: str = user["username"]
        if name not in self._tokens:
            self._tokens[name] = sign_in(self._stack, name, user["password"])
        return self._tokens[name]

    def _session(self, clinic_id: str, number: int = 0) -> Session:
        name = self.name(clinic_id, number)
        if name not in self._sessions:
            self._sessions[name] = Session(self._stack, self.access_token(clinic_id, number))
        return self._sessions[name]

    def _owner(self, clinic_id: str, number: int = 0) -> Owner:
        user, canary = self._user(clinic_id, number), self._canaries[clinic_id]
        return Owner(
            clinic_id=clinic_id,
            tier=user["tier"],
            user_id=user_id_of(self._signed_in(clinic_id, number)["AccessToken"]),
            document_id=canary["document_id"],
            patient_id=canary["patient_id"],
            model_id=self._models[user["tier"]],
        )

    def _own_answers(self) -> Iterator[Attempt]:
        for clinic_id in (CLINIC, HOSPITAL):
            session, canary, name = (
                self._session(clinic_id),
                self._canaries[clinic_id],
                self._user(clinic_id)["username"],
            )
            answer = session.ask(canary["question"])
            found = _ending(
                answer, "own document quoted" if canary["answer_contains"] in answer.text else "something else"
            )
            yield Attempt(who=name, what="asks for an own document", expected="own document quoted", got=found)
            answer = session.ask("What did I ask before?")
            found = _ending(
                answer, "own question recalled" if canary["question"][:40] in answer.text else "something else"
            )
            yield Attempt(who=name, what="asks what was asked before", expected="own question recalled", got=found)

    def _other_clinics_things(self) -> Iterator[Attempt]:
        name, session = self._user(CLINIC)["username"], self._session(CLINIC)
        theirs = self._canaries[STRANGER]
        unknown = session.ask("Tell me about patient P-0000.")
        for clinic_id in (STRANGER, SIBLING, HOSPITAL):
            patient_id = self._canaries[clinic_id]["patient_id"]
            answer = session.ask(f"Tell me about patient {patient_id}.")
            alike = answer.text.replace(patient_id, "P-0000") == unknown.text and answer.tools == ["get_patient"]
            same = _ending(answer, "as an unknown patient" if alike else "another answer")
            yield Attempt(
                who=name,
                what=f"asks for {clinic_id}'s patient {patient_id}",
                expected="as an unknown patient",
                got=same,
            )
        answer = session.ask(theirs["question"])
        leaked = _ending(answer, "leaked" if theirs["answer_contains"] in answer.text else "nothing of it")
        yield Attempt(who=name, what=f"asks what {STRANGER}'s documents answer", expected="nothing of it", got=leaked)
        for injection in self._injections:
            clinic_id = injection["clinic_id"]
            answer = self._session(clinic_id).ask(injection["question"])
            others = [c for c in self._canaries if c != clinic_id]
            mixed_up = any(self._canaries[c][f] in answer.text for c in others for f in ("phrase", "patient_phrase"))
            yield Attempt(
                who=self._user(clinic_id)["username"],
                what="reads a document with instructions to the assistant",
                expected="nothing of other clinics",
                got=_ending(answer, "leaked" if mixed_up else "nothing of other clinics"),
            )

    def _identities(self) -> Iterator[Attempt]:
        owner, colleague = self._user(CLINIC)["username"], self._user(CLINIC, 1)["username"]
        live = self._session(CLINIC)
        live.ask("What are our opening hours?")
        stolen = Session(self._stack, self._signed_in(CLINIC, 1)["AccessToken"], session_id=live.session_id)
        tampered = live.access_token or ""
        tampered = tampered[:-8] + tampered[-8:][::-1]
        id_token = Session(self._stack, self._signed_in(CLINIC)["IdToken"])
        fields = json.dumps({"prompt": "hello", "clinic_id": STRANGER, "tier": "premium"}).encode()
        for who, what, expected, answer in (
            ("nobody", "asks without a token", "401 invalid_token", Session(self._stack, None).ask("hello")),
            ("nobody", "asks with garbage as token", "401 invalid_token", Session(self._stack, "garbage").ask("hello")),
            ("nobody", "changes a token's signature", "401 invalid_token", Session(self._stack, tampered).ask("hello")),
            (owner, "uses the ID token", "403 AccessDeniedException", id_token.ask("hello")),
            (owner, f"claims to be {STRANGER}, premium, in the payload", "403 identity_conflict", live.send(fields)),
            (colleague, f"takes over {owner}'s session", "403 session_owner", stolen.ask("What did I ask before?")),
            (owner, "uses a session id of 9 characters", "400 ValidationException", _short_session(self._stack, live)),
        ):
            yield Attempt(who=who, what=what, expected=expected, got=_ending(answer))
        yield self._suspended()

    def _suspended(self) -> Attempt:
        user = self._user(SUSPENDED)
        try:
            sign_in(self._stack, user["username"], user["password"])
            got = "signed in"
        except ClientError as error:
            got = str(error.response["Error"]["Code"])
        return Attempt(
            who=user["username"],
            what="signs in, from a suspended clinic",
            expected="UserLambdaValidationException",
            got=got,
        )

    def _stolen_credentials(self) -> Iterator[Attempt]:
        """Everything that boto3 can try with the scoped credentials of one user."""
        for clinic_id, victims in ((CLINIC, (SIBLING, STRANGER, HOSPITAL)), (HOSPITAL, (CLINIC,))):
            me = self._owner(clinic_id)
            clients = clients_of(self._stack, of_tenant(self._stack, self._signed_in(clinic_id)["AccessToken"]))
            who = f"{clinic_id}'s credentials"
            yield _summary(who, "reach their own things", own_access(self._stack, me), clients, "allowed")
            for victim in (self._owner(v) for v in victims):
                what = f"reach {victim.clinic_id}'s things"
                yield _summary(who, what, tenant_attacks(self._stack, me, victim), clients, "AccessDenied")
            colleague = self._owner(clinic_id, 1)
            what = "reach a colleague's conversations"
            yield _summary(who, what, tenant_attacks(self._stack, me, colleague), clients, "AccessDenied")
            yield _summary(
                who, "reach for everything, or other roles", wholesale_attacks(self._stack, me), clients, "AccessDenied"
            )

    def _inside_the_microvm(self) -> Iterator[Attempt]:
        clients = clients_of(self._stack, execution_role(self._stack))
        for clinic_id in (CLINIC, HOSPITAL):
            attacks = execution_role_attacks(self._stack, self._owner(clinic_id))
            what = f"reach {clinic_id}'s things, or other roles"
            yield _summary("code in the microVM", what, attacks, clients, "AccessDenied")


def _summary(who: str, what: str, attacks: Iterator[Attack], clients: Any, expected: str) -> Attempt:
    """Run several calls, of which each must end alike, as one attempt."""
    results = outcomes(attacks, clients)
    wrong = [f"{name}: {outcome}" for name, outcome in results if outcome != expected]
    counted = f"{len(results)} of {len(results)} calls {expected}"
    return Attempt(who=who, what=what, expected=counted, got="; ".join(wrong) or counted)


def _ending(answer: Answer, answered: str = "answered") -> str:
    """Say how a request ended; `answered` only if there really is an answer."""
    if answer.error or answer.status != httpx.codes.OK or not answer.text:
        return f"{answer.status} {answer.code}"
    return answered


def _short_session(stack: Stack, live: Session) -> Answer:
    return Session(stack, live.access_token, session_id="session-1").ask("hello")
