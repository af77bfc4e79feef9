"""The checks of the smoke test: what each user must get from a running platform, and what nobody may.

All of it goes through what clients can reach: the runtime's endpoint, and the Gateway. Answers come from a language
model, so a check looks for words of the clinic's own data in them, never for a whole sentence.
"""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from scripts.clients.runtime import Stack
from scripts.smoke_test.calls import Budget, Ending, Kind, SmokeGateway, SmokeSession
from scripts.smoke_test.users import Cast, Person

_UNKNOWN_PATIENT: Final = "P-0000"
_NOT_YOURS: Final = (401, 403)
_SEARCH: Final = "x_amz_bedrock_agentcore_search"
"""A tool of the service's own, on a gateway with semantic search."""
_ARGUMENTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "search_documents": {"query": "opening hours"},
    "list_patients": {},
    "clinic_profile": {},
    "web_search": {"query": "influenza vaccination"},
}
"""What a tool that a tier lacks is called with: arguments that are good for who may call it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Something that was tried, and how it ended."""

    who: str
    what: str
    expected: Kind
    got: Ending

    @property
    def ok(self) -> bool:
        """Whether it ended as it must."""
        return self.got.kind is self.expected


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRun:
    """Something that could not be tried here. It is no success."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What the catalog lets the tiers call."""

    by_tier: Mapping[str, frozenset[str]]  # names in the catalog
    wire_names: Mapping[str, str]  # on the Gateway, by name in the catalog


class Smoke:
    """Goes through a running platform as several users."""

    def __init__(self, stack: Stack, cast: Cast, tools: Tools, *, budget: Budget) -> None:
        self._stack = stack
        self._cast = cast
        self._tools = tools
        self._budget = budget
        self._gateways: dict[str, tuple[SmokeGateway, Ending]] = {}
        self.versions: set[str] = set()  # of the agents that answered

    def checks(self) -> Iterator[Check | NotRun]:
        """Try everything, and yield how it ended."""
        main = SmokeSession(self._stack, self._cast.main.access_token, budget=self._budget)
        yield from self._own_answers(main)
        yield from self._other_patients(main)
        yield from self._identities(main)
        yield from self._tokens()
        yield from self._listings()
        yield from self._denied_tools()
        yield from self._patients_at_the_gateway()
        yield from self._forged_headers()

    # What everybody must get.

    def _own_answers(self, main: SmokeSession) -> Iterator[Check]:
        for person in self._cast.people:
            session = main if person is self._cast.main else self._session(person)
            expected = self._cast.expected[person.clinic_id]
            got = self._ask(session, expected.question)
            if got.kind is Kind.ANSWERED and not _holds(got, expected.answer_contains):
                got = replace(got, kind=Kind.WRONG, detail="an answer without what the own document says")
            yield self._answered(person, "asks for an own document", self._without_others(person, got))
            got = self._ask(session, f"Tell me about patient {expected.patient_id}.")
            yield self._answered(person, "asks for an own patient", self._without_others(person, got))
        for person in (self._cast.main, *self._cast.others.values()):
            session = main if person is self._cast.main else self._session(person)
            word = f"otter{secrets.token_hex(3)}"
            first = self._ask(session, f"The code word of this conversation is {word}. What are our opening hours?")
            got = first
            if first.kind is Kind.ANSWERED:
                got = self._ask(session, "What did I ask before? Repeat it with the code word.")
            if got.kind is Kind.ANSWERED and not _holds(got, word):
                got = replace(got, kind=Kind.WRONG, detail="an answer that remembers nothing")
            yield self._answered(person, "asks what was asked before", self._without_others(person, got))

    # What nobody may get.

    def _other_patients(self, main: SmokeSession) -> Iterator[Check]:
        me = self._cast.main
        for person in self._cast.people[1:]:
            got = self._ask(main, f"Tell me about patient {self._cast.expected[person.clinic_id].patient_id}.")
            what = f"asks for {person.clinic_id}'s patient, and is told nothing of it"
            yield self._answered(me, what, self._without_others(me, got))
            got = self._ask(main, self._cast.expected[person.clinic_id].question)
            what = f"asks what {person.clinic_id}'s documents answer, and is told nothing of it"
            yield self._answered(me, what, self._without_others(me, got))

    def _identities(self, main: SmokeSession) -> Iterator[Check]:
        me, victim = self._cast.main, self._cast.sibling
        for name, value in (("clinic_id", victim.clinic_id), ("tier", next(iter(self._cast.others)))):
            got = main.ask_for_ending("hello", **{name: value})
            yield self._refused(me, f"claims {name} {value} in the payload", got, (403,), "identity_conflict")
        if self._ask(main, "hello").kind is Kind.ANSWERED:
            thieves = [victim, *([self._cast.colleague] if self._cast.colleague else [])]
            for thief in thieves:
                stolen = self._session(thief, session_id=main.session_id)
                got = self._ask(stolen, "What did I ask before?")
                yield self._refused(thief, f"takes over {me.username}'s session", got, (403,), "session_owner")
        else:
            failed = Ending(kind=Kind.UNREACHABLE, detail="there is no session to take over")
            yield self._refused(victim, f"takes over {me.username}'s session", failed, (403,))

    def _tokens(self) -> Iterator[Check | NotRun]:
        me = self._cast.main
        for who, what, token in self._bad_tokens():
            got = self._ask(SmokeSession(self._stack, token, budget=self._budget), "hello")
            yield Check(who=who, what=f"{what}, at the runtime", expected=Kind.REFUSED, got=_only(got, _NOT_YOURS))
            got = SmokeGateway(self._stack, token, budget=self._budget).begin()
            yield Check(who=who, what=f"{what}, at the Gateway", expected=Kind.REFUSED, got=_only(got, _NOT_YOURS))
        if me.id_token is None:
            yield NotRun(what="an ID token is refused", why=f"no id_token of {me.username} is given")
        for name, what in (("expired", "an expired token"), ("foreign", "a token of another pool or client")):
            if name not in self._cast.refused:
                yield NotRun(what=f"{what} is refused", why=f"no refused_tokens.{name} is given")

    def _bad_tokens(self) -> Iterator[tuple[str, str, str | None]]:
        me = self._cast.main
        claims = jwt.decode(me.access_token, options={"verify_signature": False})
        kid = jwt.get_unverified_header(me.access_token).get("kid")
        own_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        head, body, signature = me.access_token.split(".")
        yield "nobody", "asks without a token", None
        yield "nobody", "uses garbage as token", "garbage"
        yield "nobody", "changes a token's signature", ".".join((head, body, signature[:-8] + signature[-8:][::-1]))
        yield "nobody", "signs a token with an own key", jwt.encode(claims, own_key, "RS256", headers={"kid": kid})
        yield "nobody", "leaves a token unsigned", jwt.encode(claims, "", "none", headers={"kid": kid})
        if me.id_token is not None:
            yield me.username, "uses the ID token", me.id_token
        names = {"expired": "uses an expired token", "foreign": "uses a token of another pool or client"}
        for name, token in self._cast.refused.items():
            yield "nobody", names[name], token

    def _listings(self) -> Iterator[Check]:
        for person in (self._cast.main, *self._cast.others.values()):
            gateway, got = self._gateway(person)
            if got.kind is Kind.ANSWERED:
                got = gateway.listing()
            if got.kind is Kind.ANSWERED:
                wanted = {self._tools.wire_names[name] for name in self._tools.by_tier[person.tier]}
                listed = set(got.data) - {_SEARCH}
                if listed != wanted:
                    off = [
                        *(f"no {n}" for n in sorted(wanted - listed)),
                        *(f"also {n}" for n in sorted(listed - wanted)),
                    ]
                    got = replace(got, kind=Kind.WRONG, detail=", ".join(off)[:200])
            yield self._answered(person, f"lists the tools of {person.tier}, and no others", got)

    def _denied_tools(self) -> Iterator[Check | NotRun]:
        """Call each tool as a tier that has it and as one that has not: a refusal counts only beside an answer."""
        found = False
        people = (self._cast.main, *self._cast.others.values())
        for name, wire_name in sorted(self._tools.wire_names.items()):
            have = [p for p in people if name in self._tools.by_tier[p.tier]]
            lack = [p for p in people if name not in self._tools.by_tier[p.tier]]
            if not have or not lack or name not in _ARGUMENTS:
                continue
            found = True
            got = self._use(have[0], name, _ARGUMENTS[name])
            yield self._answered(have[0], f"calls {wire_name}, which {have[0].tier} has", got)
            for person in lack:
                denied = self._use(person, name, _ARGUMENTS[name])
                yield self._refused(person, f"calls {wire_name}, which {person.tier} lacks", denied, (200, 403))
        if not found:
            yield NotRun(what="a tool is denied by tier", why="these tiers have the same tools in the catalog")

    def _patients_at_the_gateway(self) -> Iterator[Check | NotRun]:
        """Ask without a model between: here another tenant's patient must be the same as one that nobody has."""
        me = self._cast.main
        if not self._everybody_has("get_patient"):
            yield NotRun(what="another clinic's patient is as an unknown one", why="a tier has no get_patient")
            return
        unknown = self._use(me, "get_patient", {"patient_id": _UNKNOWN_PATIENT})
        yield self._refused(me, "reads a patient that nobody has", unknown, (200,), "not_found")
        for person in self._cast.people:
            expected = self._cast.expected[person.clinic_id]
            got = self._use(person, "get_patient", {"patient_id": expected.patient_id})
            if got.kind is Kind.ANSWERED and not _data_holds(got, expected.patient_contains):
                got = replace(got, kind=Kind.WRONG, detail="an answer without what the own patient's row says")
            yield self._answered(person, "reads an own patient", got)
            if person is me:
                continue
            got = self._use(me, "get_patient", {"patient_id": expected.patient_id})
            if got.kind is Kind.REFUSED and _masked(got, expected.patient_id) != _masked(unknown, _UNKNOWN_PATIENT):
                got = replace(got, kind=Kind.WRONG, detail=f"{got.detail}, but otherwise than for an unknown patient")
            yield self._refused(me, f"reads {person.clinic_id}'s patient, as an unknown one", got, (200,), "not_found")

    def _forged_headers(self) -> Iterator[Check | NotRun]:
        me, victim = self._cast.main, self._cast.sibling
        if not self._everybody_has("clinic_profile"):
            yield NotRun(what="forged tenant headers change nothing", why="a tier has no clinic_profile")
            return
        own, theirs = (self._use(person, "clinic_profile", {}) for person in (me, victim))
        forged = {
            "X-Clinic-Access-Token": victim.access_token,
            "X-Tenant-Id": victim.clinic_id,
            "X-Clinic-Id": victim.clinic_id,
        }
        gateway = SmokeGateway(self._stack, me.access_token, budget=self._budget, headers=forged)
        got = gateway.begin()
        if got.kind is Kind.ANSWERED:
            got = gateway.use(self._tools.wire_names["clinic_profile"], {})
        if theirs.kind is not Kind.ANSWERED:
            got = replace(theirs, kind=Kind.UNREACHABLE, detail=f"{victim.clinic_id}'s own profile to compare with")
        elif got.kind is Kind.ANSWERED and (got.data != own.data or got.data == theirs.data):
            got = replace(got, kind=Kind.WRONG, detail="another answer than without the headers")
        yield self._answered(me, f"forges {victim.clinic_id}'s tenant headers, and gets the own profile", got)

    # Calls and verdicts.

    def _everybody_has(self, tool: str) -> bool:
        return all(tool in self._tools.by_tier[person.tier] for person in self._cast.people)

    def _session(self, person: Person, *, session_id: str | None = None) -> SmokeSession:
        return SmokeSession(self._stack, person.access_token, budget=self._budget, session_id=session_id)

    def _ask(self, session: SmokeSession, prompt: str) -> Ending:
        got = session.ask_for_ending(prompt)
        if got.version is not None:
            self.versions.add(got.version)
        return got

    def _gateway(self, person: Person) -> tuple[SmokeGateway, Ending]:
        if person.username not in self._gateways:
            gateway = SmokeGateway(self._stack, person.access_token, budget=self._budget)
            self._gateways[person.username] = gateway, gateway.begin()
        return self._gateways[person.username]

    def _use(self, person: Person, tool: str, arguments: Mapping[str, Any]) -> Ending:
        gateway, begun = self._gateway(person)
        if begun.kind is not Kind.ANSWERED:  # then nothing was decided on the tool
            return replace(begun, kind=Kind.UNREACHABLE, detail=f"no MCP session: {begun.detail}")
        return gateway.use(self._tools.wire_names[tool], arguments)

    def _without_others(self, person: Person, got: Ending) -> Ending:
        """Turn an answer that holds words of another clinic's data into a wrong one."""
        for clinic_id, expected in self._cast.expected.items():
            leaked = _holds(got, expected.answer_contains) or _holds(got, expected.patient_contains)
            if clinic_id != person.clinic_id and leaked:
                return replace(got, kind=Kind.WRONG, detail=f"LEAK: words of {clinic_id}'s data")
        return got

    def _answered(self, person: Person, what: str, got: Ending) -> Check:
        return Check(who=person.username, what=what, expected=Kind.ANSWERED, got=got)

    def _refused(
        self, person: Person, what: str, got: Ending, statuses: tuple[int, ...], code: str | None = None
    ) -> Check:
        return Check(who=person.username, what=what, expected=Kind.REFUSED, got=_only(got, statuses, code))


def _only(got: Ending, statuses: tuple[int, ...], code: str | None = None) -> Ending:
    """Turn a refusal for another reason than the one that is checked into a wrong answer."""
    if got.kind is not Kind.REFUSED:
        return got
    if got.status in statuses and (code is None or got.detail.endswith(f" {code}")):
        return got
    wanted = f"{' or '.join(map(str, statuses))}{f' {code}' if code else ''}"
    return replace(got, kind=Kind.WRONG, detail=f"refused otherwise: {got.detail}, expected {wanted}")


def _holds(got: Ending, words: str) -> bool:
    return " ".join(words.split()).casefold() in " ".join(got.text.split()).casefold()


def _data_holds(got: Ending, words: str) -> bool:
    return words in str(got.data)


def _masked(got: Ending, patient_id: str) -> str:
    return str(got.data).replace(patient_id, "?")
