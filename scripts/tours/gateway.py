"""The part of the tour that talks to the Gateway directly, each attempt with what the policy engine decided."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import httpx

from scripts.clients.gateway import GatewaySession, Reply, connected
from scripts.clients.runtime import Stack

DATA: Final = "clinic-data___"
WEB_SEARCH: Final = "web-search___WebSearch"
NOT_ASKED: Final = "not asked"
"""For an attempt that ended before the policy engine."""
_AT_NIGHT: Final = "2026-08-12T23:30:00Z"
_MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayAttempt:
    """A message to the Gateway, and what came of it."""

    who: str
    what: str
    expected: str
    got: str
    decision: str  # of the policy engine, as its log has it

    @property
    def ok(self) -> bool:
        """Whether it ended as it must."""
        return self.expected == self.got


class People(Protocol):
    """Where the tour has its users from."""

    def access_token(self, clinic_id: str, number: int = 0) -> str:
        """Return the access token of a clinic's user."""

    def id_token(self, clinic_id: str) -> str:
        """Return the ID token of a clinic's first user."""

    def name(self, clinic_id: str, number: int = 0) -> str:
        """Return the user's name."""

    def patient_of(self, clinic_id: str) -> str:
        """Return a patient id that only this clinic has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayTour:
    """Attempts of a Basic clinic and a Premium hospital."""

    stack: Stack
    people: People
    state_dir: Path
    clinic: str
    stranger: str
    hospital: str

    def attempts(self) -> Iterator[GatewayAttempt]:
        """Make every attempt and yield how it ended."""
        mine, premium = self._session(self.clinic), self._session(self.hospital)
        who, premium_who = self.people.name(self.clinic), self.people.name(self.hospital)
        yield self._listing(who, mine, expected="4 tools, no web search")
        yield self._listing(premium_who, premium, expected="5 tools, web search")
        query = {"query": "influenza vaccination"}
        yield self._row(who, "searches documents", "answered", mine.call(f"{DATA}search_documents", {"query": "fever"}))
        yield self._row(premium_who, "searches the web", "answered", premium.call(WEB_SEARCH, query))
        yield self._row(who, "searches the web, in Basic", "200 tool_denied", mine.call(WEB_SEARCH, query))
        yield from self._forgeries(who)
        yield from self._others_things(who, mine)
        big = mine.call(f"{DATA}search_documents", {"query": "x" * _MEGABYTE})
        yield self._row(who, "sends 1 MB of arguments", "413 payload_too_large", big)
        yield self._stolen_session(mine)
        with policy_clock(self.stack, self.state_dir, _AT_NIGHT):
            night = mine.call(f"{DATA}search_documents", {"query": "fever"})
            yield self._row(who, "searches at 23:30 UTC, in Basic", "200 tool_denied", night)
            night = premium.call(f"{DATA}search_documents", {"query": "fever"})
            yield self._row(premium_who, "searches at 23:30 UTC", "answered", night)

    def _session(self, clinic_id: str, *, headers: Mapping[str, str] | None = None) -> GatewaySession:
        return connected(self.stack, self.people.access_token(clinic_id), headers=headers)

    def _listing(self, who: str, session: GatewaySession, *, expected: str) -> GatewayAttempt:
        tools = session.list_tools().tools
        got = f"{len(tools)} tools, {'web search' if WEB_SEARCH in tools else 'no web search'}"
        return GatewayAttempt(
            who=who, what="lists the tools", expected=expected, got=got, decision="what may be called"
        )

    def _forgeries(self, who: str) -> Iterator[GatewayAttempt]:
        theirs = self.people.access_token(self.stranger)
        forged = {"X-Clinic-Access-Token": theirs, "X-Tenant-Id": self.stranger, "X-Clinic-Id": self.stranger}
        own = self._session(self.clinic).call(f"{DATA}clinic_profile")
        reply = self._session(self.clinic, headers=forged).call(f"{DATA}clinic_profile")
        got = "own clinic's data" if reply.code is None and reply.answer == own.answer else reply.outcome
        yield self._row(who, f"forges {self.stranger}'s tenant headers", "own clinic's data", reply, got=got)
        id_token = GatewaySession(self.stack, self.people.id_token(self.clinic)).connect()
        yield self._row(who, "uses the ID token", "403 AccessDeniedException", id_token)
        garbage = GatewaySession(self.stack, "garbage").connect()
        yield self._row("nobody", "uses garbage as token", "401 invalid_token", garbage)

    def _others_things(self, who: str, mine: GatewaySession) -> Iterator[GatewayAttempt]:
        argument = mine.call(f"{DATA}list_patients", {"clinic_id": self.stranger})
        yield self._row(who, "passes clinic_id as an argument", "200 invalid_arguments", argument)
        patient_id = self.people.patient_of(self.stranger)
        patient = mine.call(f"{DATA}get_patient", {"patient_id": patient_id})
        yield self._row(who, f"reads {self.stranger}'s patient {patient_id}", "200 not_found", patient)
        page = self._session(self.stranger).call(f"{DATA}list_patients", {"limit": 1})
        cursor = mine.call(f"{DATA}list_patients", {"cursor": (page.answer or {}).get("next_cursor")})
        yield self._row(who, f"goes on from {self.stranger}'s cursor", "200 invalid_argument", cursor)

    def _stolen_session(self, mine: GatewaySession) -> GatewayAttempt:
        thief = GatewaySession(self.stack, self.people.access_token(self.clinic, 1))
        thief.session_id = mine.session_id
        reply = thief.list_tools()
        who = self.people.name(self.clinic, 1)
        return self._row(who, "uses a colleague's MCP session", "404 session_not_found", reply)

    def _row(self, who: str, what: str, expected: str, reply: Reply, *, got: str | None = None) -> GatewayAttempt:
        decision = decision_text(self.state_dir, reply.request_id)
        return GatewayAttempt(
            who=who, what=what, expected=expected, got=reply.outcome if got is None else got, decision=decision
        )


def decisions(state_dir: Path) -> list[dict[str, Any]]:
    """Read the policy engine's log."""
    file = state_dir / "logs" / "decisions.log"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return [json.loads(line) for line in lines]


def decision_text(state_dir: Path, request_id: str | None) -> str:
    """Say what the policy engine decided on a request, and by which policies."""
    found = [record for record in decisions(state_dir) if record["request_id"] == request_id]
    if not found:
        return NOT_ASKED
    record = found[-1]
    by = ", ".join(record["policy_ids"])
    return f"{record['decision']} by {by}" if by else f"{record['decision']}, no policy permits it"


@contextmanager
def policy_clock(stack: Stack, state_dir: Path, now: str) -> Iterator[None]:
    """Set the clock that the Gateway's policies see, inside the block; afterwards it goes on as before.

    Args:
        stack: Content of stack.json.
        state_dir: Holds the secret of the control endpoints.
        now: Such as `2026-08-12T19:30:00Z`.
    """
    _set_clock(stack, state_dir, now)
    try:
        yield
    finally:
        _set_clock(stack, state_dir, None)


def _set_clock(stack: Stack, state_dir: Path, now: str | None) -> None:
    parts = urlsplit(stack["gateway_url"])
    secret = (state_dir / "secret").read_text(encoding="utf-8").strip()
    url = f"{parts.scheme}://{parts.netloc}/_local/clock"
    httpx.put(url, json={"now": now}, headers={"X-Local-Secret": secret}, timeout=10).raise_for_status()
