from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from clinic_agent.errors import Throttled, Unavailable
from clinic_agent.memory import AgentCoreMemory, Turn
from tests.unit.support import SESSION_ID, USER_A, tenant


class FakeClient:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answer: dict[str, Any] = {"events": [], "memoryRecordSummaries": []}

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> dict[str, Any]:
            self.calls.append((name, arguments))
            if self.error:
                raise self.error
            return self.answer

        return call


def memory(client: FakeClient) -> AgentCoreMemory:
    return AgentCoreMemory(client=client, memory_id="memory-1", tenant=tenant())


def event(question: str, answer: str) -> dict[str, Any]:
    return {
        "payload": [
            {"conversational": {"role": "USER", "content": {"text": question}}},
            {"conversational": {"role": "ASSISTANT", "content": {"text": answer}}},
        ]
    }


def test_turns_are_read_oldest_first_in_one_call() -> None:
    client = FakeClient()
    client.answer = {"events": [event("q2", "a2"), {"payload": [{"blob": {}}]}, event("q1", "a1")]}
    turns = memory(client).recent_turns(SESSION_ID, 5)
    assert turns == [Turn(question="q1", answer="a1"), Turn(question="q2", answer="a2")]
    ((name, arguments),) = client.calls
    assert name == "list_events"
    assert arguments["actorId"] == f"clinic-a/{USER_A}"
    assert arguments["maxResults"] == 5


def test_a_turn_is_one_event() -> None:
    client = FakeClient()
    memory(client).remember(SESSION_ID, Turn(question="q", answer="a" * 200_000), request_id="r-1")
    ((name, arguments),) = client.calls
    assert name == "create_event"
    assert arguments["clientToken"] == "r-1"
    roles = [item["conversational"]["role"] for item in arguments["payload"]]
    assert roles == ["USER", "ASSISTANT"]
    assert len(arguments["payload"][1]["conversational"]["content"]["text"]) == 100_000


def record(text: str, day: int) -> dict[str, Any]:
    return {"content": {"text": text}, "createdAt": datetime(2026, 11, day, tzinfo=UTC)}


def test_preferences_are_listed_newest_first_from_the_own_namespace_in_one_call() -> None:
    client = FakeClient()
    client.answer = {"memoryRecordSummaries": [record("prefers lists", 3), record("in French", 9), record("brief", 1)]}
    assert memory(client).preferences() == ["in French", "prefers lists", "brief"]
    ((name, arguments),) = client.calls
    assert name == "list_memory_records"
    assert arguments == {
        "memoryId": "memory-1",
        "namespace": f"/actors/clinic-a/{USER_A}/preferences/",
        "maxResults": 100,
    }


def test_a_turn_is_given_the_newest_preferences_only() -> None:
    client = FakeClient()
    client.answer = {"memoryRecordSummaries": [record(str(day), day) for day in range(1, 30)]}
    assert memory(client).preferences() == [str(day) for day in range(29, 9, -1)]


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (ClientError({"Error": {"Code": "ThrottledException"}}, "x"), Throttled),
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "x"), Unavailable),
        (EndpointConnectionError(endpoint_url="http://x"), Unavailable),
    ],
)
def test_failures_are_never_an_empty_memory(failure: Exception, error: type[Exception]) -> None:
    adapter = memory(FakeClient(failure))
    for call in (
        lambda: adapter.recent_turns(SESSION_ID, 5),
        adapter.preferences,
        lambda: adapter.remember(SESSION_ID, Turn(question="q", answer="a"), request_id="r"),
    ):
        with pytest.raises(error):
            call()
