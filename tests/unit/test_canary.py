"""Which endpoint a new session begins at."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from scripts.chat import begin
from scripts.clients.canary import CANDIDATE, LIVE, endpoint_of, takes_candidate
from scripts.clients.runtime import Session, new_session_id

shares = st.integers(min_value=0, max_value=100)
ids = st.text(min_size=1, max_size=60)


@given(ids)
def test_a_share_of_0_is_nobody_and_of_100_everybody(session_id: str) -> None:
    assert not takes_candidate(session_id, 0)
    assert takes_candidate(session_id, 100)


@given(ids, shares, shares)
def test_a_larger_share_only_adds_sessions(session_id: str, one: int, other: int) -> None:
    smaller, larger = sorted((one, other))
    assert takes_candidate(session_id, larger) or not takes_candidate(session_id, smaller)


@pytest.mark.parametrize(
    ("session_id", "first"),
    [
        ("a", 58),
        ("session-0123456789-0123456789-0123456789", 22),
        ("0b9f6d6c-7f6e-4e55-9a6b-0f3f6d1f2a11", 64),
        ("ünïcode", 24),
    ],
)
def test_an_id_is_in_from_the_same_share_on_for_ever(session_id: str, first: int) -> None:
    """Clients of other versions and in other languages must choose alike."""
    assert [takes_candidate(session_id, share) for share in (0, first - 1, first, 100)] == [False, False, True, True]


@pytest.mark.parametrize("share", [1, 5, 20, 50, 80, 99])
def test_the_share_is_met_over_many_ids(share: int) -> None:
    count = 20_000
    taken = sum(takes_candidate(f"session-{number:044x}", share) for number in range(count)) * 100 / count
    assert abs(taken - share) < 5 * (share * (100 - share) / count) ** 0.5, "five standard deviations"


@pytest.mark.parametrize("share", [-1, 101])
def test_what_is_no_share_is_refused(share: int) -> None:
    with pytest.raises(ValueError, match="candidate_share_percent: must be from 0 to 100"):
        takes_candidate("a", share)


def stack(share: int) -> dict[str, Any]:
    urls = {LIVE: "http://runtime.test/live", CANDIDATE: "http://runtime.test/candidate"}
    return {"runtime_url": urls[LIVE], "runtime_urls": urls, "candidate_share_percent": share}


def test_a_session_keeps_its_endpoint_whatever_the_share_becomes() -> None:
    session = Session(stack(100), "token")
    assert (session.endpoint, session.url) == (CANDIDATE, "http://runtime.test/candidate")
    later = Session(stack(0), "token", session_id=session.session_id, endpoint=session.endpoint)
    assert later.url == session.url
    assert Session(stack(0), "token").url == "http://runtime.test/live"


def test_a_chat_says_that_its_session_is_on_the_candidate() -> None:
    console = Console(record=True, file=io.StringIO(), width=100)
    canary = {**stack(100), "agent_versions": {LIVE: "0.1.0", CANDIDATE: "0.2.0"}}
    assert begin(console, canary, "token").endpoint == CANDIDATE
    assert console.export_text() == "This session is on the candidate, agent 0.2.0.\n"
    assert begin(console, stack(0), "token").endpoint == LIVE
    assert console.export_text() == ""


def test_a_stack_without_a_canary_is_all_live() -> None:
    """As stack.json of a platform that knows none."""
    assert endpoint_of({}, new_session_id()) == LIVE
    assert Session({"runtime_url": "http://runtime.test/live"}, None).url == "http://runtime.test/live"
