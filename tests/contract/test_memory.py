from __future__ import annotations

import itertools
from typing import Any

import pytest

from .support import ACCOUNT, REGION, Caller, allowed, error_of
from .test_leading_keys import change_request

by_clinic = pytest.mark.parametrize(
    ("clinic", "expected"), [("clinic-a", True), ("clinic-ab", False), ("clinic-b", False)]
)
numbers = itertools.count()


def event(memory: str, actor: str, *, text: str = "hello", at: int = 0, session: str = "session1") -> dict[str, Any]:
    message = {"conversational": {"role": "USER", "content": {"text": text}}}
    return {"memoryId": memory, "actorId": actor, "sessionId": session, "eventTimestamp": at, "payload": [message]}


def store_record(admin: Any, memory: str, namespace: str, text: str = "a fact") -> str:
    record = {
        "requestIdentifier": f"r{next(numbers)}",
        "namespaces": [namespace],
        "content": {"text": text},
        "timestamp": 0,
    }
    created = admin.batch_create_memory_records(memoryId=memory, records=[record])
    return str(created["successfulRecords"][0]["memoryRecordId"])


@by_clinic
def test_events(root: Caller, tenant: Caller, memory: str, clinic: str, expected: bool) -> None:
    mine, admin, actor = tenant.client("bedrock-agentcore"), root.client("bedrock-agentcore"), f"{clinic}/dr-1"
    assert allowed(mine.create_event, **event(memory, actor)) is expected
    stored = admin.create_event(**event(memory, actor))["event"]["eventId"]
    session = {"memoryId": memory, "actorId": actor, "sessionId": "session1"}
    assert allowed(mine.list_events, **session) is expected
    assert allowed(mine.list_sessions, memoryId=memory, actorId=actor) is expected
    assert allowed(mine.get_event, **session, eventId=stored) is expected
    assert allowed(mine.delete_event, **session, eventId=stored) is expected


@by_clinic
def test_reading_records(root: Caller, tenant: Caller, memory: str, clinic: str, expected: bool) -> None:
    mine, admin = tenant.client("bedrock-agentcore"), root.client("bedrock-agentcore")
    namespace = f"/clinics/{clinic}/facts/"
    record = store_record(admin, memory, namespace)
    search = {"memoryId": memory, "searchCriteria": {"searchQuery": "fact"}}
    one = {"memoryId": memory, "memoryRecordId": record}
    assert allowed(mine.retrieve_memory_records, **search, namespace=namespace) is expected
    assert allowed(mine.retrieve_memory_records, **search, namespacePath=namespace) is expected
    assert allowed(mine.list_memory_records, memoryId=memory, namespace=namespace) is expected
    assert not allowed(mine.list_memory_records, memoryId=memory, namespacePath=namespace)  # not granted by that key
    assert allowed(mine.get_memory_record, **one, namespace=namespace) is expected
    assert not allowed(mine.get_memory_record, **one)  # no key, no match


@by_clinic
def test_deleting_records(root: Caller, tenant: Caller, memory: str, clinic: str, expected: bool) -> None:
    mine, admin = tenant.client("bedrock-agentcore"), root.client("bedrock-agentcore")
    namespace = f"/clinics/{clinic}/facts/"
    record = store_record(admin, memory, namespace)
    named = {"memoryRecordId": record, "namespace": namespace}
    own = {"memoryRecordId": record, "namespace": "/clinics/clinic-a/facts/"}
    assert not allowed(mine.batch_delete_memory_records, memoryId=memory, records=[named, {"memoryRecordId": record}])
    assert allowed(mine.batch_delete_memory_records, memoryId=memory, records=[own, named]) is expected
    code, _, _ = error_of(mine.delete_memory_record, memoryId=memory, **named)
    assert code == ("ResourceNotFoundException" if expected else "AccessDeniedException")  # allowed, and already gone


def test_list_actors_carries_no_actor(tenant: Caller, memory: str) -> None:
    assert not allowed(tenant.client("bedrock-agentcore").list_actors, memoryId=memory)


def test_batch_writes_carry_no_namespace_key(tenant: Caller, memory: str) -> None:
    mine = tenant.client("bedrock-agentcore")
    named = {"namespaces": ["/clinics/clinic-a/facts/"], "timestamp": 0}
    new = {"requestIdentifier": "one", "content": {"text": "x"}, **named}
    assert not allowed(mine.batch_create_memory_records, memoryId=memory, records=[new])
    changed = {"memoryRecordId": "mem-" + "1" * 40, **named}
    assert not allowed(mine.batch_update_memory_records, memoryId=memory, records=[changed])


def test_members_that_an_operation_does_not_use_do_not_count(tenant: Caller, memory: str) -> None:
    mine = tenant.client("bedrock-agentcore")
    change_request(mine, "bedrock-agentcore", body={"namespace": "/clinics/clinic-a/", "actorId": "clinic-a/dr-1"})
    new = {"requestIdentifier": "one", "namespaces": ["/clinics/b/"], "content": {"text": "x"}, "timestamp": 0}
    assert not allowed(mine.batch_create_memory_records, memoryId=memory, records=[new])
    assert not allowed(mine.list_actors, memoryId=memory)
    assert not allowed(mine.list_events, memoryId=memory, actorId="clinic-b/dr-1", sessionId="session1")


def test_an_actor_that_is_encoded_twice_is_refused(tenant: Caller, memory: str) -> None:
    """Decoding once more than authorisation did would reach another actor."""
    mine = tenant.client("bedrock-agentcore")

    def rewrite(params: dict[str, Any], **_: Any) -> None:
        path = f"/memories/{memory}%252Factor%252Fclinic-a/actor/clinic-b%2Fdr-1/sessions/session1"
        params["url"] = params["url"].split("/memories/")[0] + path

    mine.meta.events.register("before-call.bedrock-agentcore.ListEvents", rewrite)
    assert not allowed(mine.list_events, memoryId=memory, actorId="clinic-a/dr-1", sessionId="session1")


def test_memory_by_arn(tenant: Caller, memory: str) -> None:
    arn = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:memory/{memory}"
    mine = tenant.client("bedrock-agentcore")
    assert allowed(mine.list_sessions, memoryId=arn, actorId="clinic-a/dr-1")
    assert not allowed(mine.list_sessions, memoryId=arn, actorId="clinic-b/dr-1")


def test_managing_memories_is_authorised(tenant: Caller, memory: str) -> None:
    control = tenant.client("bedrock-agentcore-control")
    assert not allowed(control.get_memory, memoryId=memory)
    assert not allowed(control.list_memories)
    assert not allowed(control.delete_memory, memoryId=memory)
    assert not allowed(control.list_agent_runtimes)


def texts(page: dict[str, Any]) -> set[str]:
    return {record["content"]["text"] for record in page["memoryRecordSummaries"]}


def test_a_namespace_path_holds_what_lies_below(root: Caller, memory: str) -> None:
    admin = root.client("bedrock-agentcore")
    for namespace in ("/paths/u1/", "/paths/u1/preferences/", "/paths/u10/", "/paths/"):
        store_record(admin, memory, namespace, f"record in {namespace}")
    below = {"record in /paths/u1/", "record in /paths/u1/preferences/"}
    for path in ("/paths/u1/", "/paths/u1", "paths/u1"):
        assert texts(admin.list_memory_records(memoryId=memory, namespacePath=path)) == below
        search = {"searchQuery": "record"}
        found = admin.retrieve_memory_records(memoryId=memory, namespacePath=path, searchCriteria=search)
        assert texts(found) == below


def test_a_namespace_is_exact_and_a_star_in_it_is_a_star(root: Caller, memory: str) -> None:
    admin = root.client("bedrock-agentcore")
    store_record(admin, memory, "/exact/u1/", "own")
    store_record(admin, memory, "/exact/u1/deeper/", "deeper")
    assert texts(admin.list_memory_records(memoryId=memory, namespace="/exact/u1/")) == {"own"}
    assert texts(admin.list_memory_records(memoryId=memory, namespace="/exact/*")) == set()
    assert texts(admin.list_memory_records(memoryId=memory, namespacePath="/exact/*")) == set()


def test_both_namespace_fields_must_hold(root: Caller, memory: str) -> None:
    admin = root.client("bedrock-agentcore")
    store_record(admin, memory, "/both/u1/", "one")
    page = admin.list_memory_records(memoryId=memory, namespace="/both/u1/", namespacePath="/both/u2/")
    assert texts(page) == set()


@pytest.mark.parametrize("field", ["namespace", "namespacePath"])
@pytest.mark.parametrize("value", ["/clinics/clinic-a/../clinic-b/", "/clinics/./", "/clinics/a b/"])
def test_dots_in_a_namespace_are_refused(root: Caller, memory: str, field: str, value: str) -> None:
    admin = root.client("bedrock-agentcore")
    code, _, status = error_of(admin.list_memory_records, memoryId=memory, **{field: value})
    assert (code, status) == ("ValidationException", 400)


def test_events_are_listed_newest_first(root: Caller, memory: str) -> None:
    admin = root.client("bedrock-agentcore")
    for at, text in ((10, "first"), (30, "third"), (20, "second"), (30, "fourth")):
        admin.create_event(**event(memory, "order/u1", text=text, at=at))
    pages = admin.get_paginator("list_events").paginate(
        memoryId=memory, actorId="order/u1", sessionId="session1", maxResults=3
    )
    listed = [entry for page in pages for entry in page["events"]]
    found = [entry["payload"][0]["conversational"]["content"]["text"] for entry in listed]
    assert found == ["fourth", "third", "second", "first"]
