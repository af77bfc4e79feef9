"""Memories that Terraform recorded, and the preferences that they remember."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import TRUST_TENANT
from .support import (
    ACCOUNT,
    REGION,
    SECRET,
    Caller,
    allowed,
    create_role,
    error_of,
    grant,
    role_arn,
    serving,
    statement,
)

BASIC, PREMIUM = "clinic_basic-AAAAaaaa11", "clinic_premium-BBBBbbbb22"
TEMPLATE = "/actors/{actorId}/preferences/"
STRATEGY = "preferences-CCCCcccc33"
OWN_PREFERENCES = "/actors/${aws:PrincipalTag/Clinic}/*"


def arn(identifier: str, *, region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:bedrock-agentcore:{region}:{account}:memory/{identifier}"


def strategy(**more: Any) -> dict[str, Any]:
    strategy = {"id": STRATEGY, "name": "preferences", "type": "USER_PREFERENCE", "namespace_templates": [TEMPLATE]}
    return strategy | more


def recorded(identifier: str = PREMIUM, **more: Any) -> dict[str, Any]:
    name = identifier.partition("-")[0]
    memory = {"id": identifier, "arn": arn(identifier), "name": name, "event_expiry_days": 90}
    return {**memory, "strategies": [strategy()], **more}


def put(endpoint: str, content: Any, secret: str = SECRET) -> tuple[int, Any]:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    headers = {"X-Local-Secret": secret}
    request = urllib.request.Request(f"{endpoint}/_local/memories", data=data, method="PUT", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as failure:
        with failure:
            return failure.code, json.load(failure)


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Caller, Path]]:
    """An emulator of its own: the endpoint replaces every memory."""
    log = tmp_path_factory.mktemp("memories") / "log"
    environment = {"LOCAL_AWS_SECRET": SECRET, "PATH": "/usr/bin:/bin"}
    with serving("local_aws.emulator", health="/_ministack/health", log=log, environment=environment) as (url, _):
        yield Caller(endpoint=url), log


@pytest.fixture
def admin(laptop: tuple[Caller, Path]) -> Caller:
    caller, _ = laptop
    assert put(caller.endpoint, {"memories": []})[0] == 200
    assert put(caller.endpoint, {"memories": [recorded()]}) == (200, {"memories": [arn(PREMIUM)]})
    return caller


def say(caller: Caller, text: str, *, role: str = "USER", actor: str = "clinic-a/dr-1", **more: Any) -> None:
    message = {"conversational": {"role": role, "content": {"text": text}}}
    event = {"actorId": actor, "sessionId": "session1", "eventTimestamp": 0, "payload": [message]}
    caller.client("bedrock-agentcore").create_event(**{"memoryId": PREMIUM, **event, **more})


def remembered(caller: Caller, actor: str = "clinic-a/dr-1") -> list[str]:
    data = caller.client("bedrock-agentcore")
    page = data.list_memory_records(memoryId=PREMIUM, namespace=f"/actors/{actor}/preferences/")
    return [json.loads(record["content"]["text"])["preference"] for record in page["memoryRecordSummaries"]]


def test_a_memory_is_there_as_recorded(admin: Caller) -> None:
    control = admin.client("bedrock-agentcore-control")
    memory = control.get_memory(memoryId=PREMIUM)["memory"]
    assert (memory["id"], memory["arn"], memory["name"]) == (PREMIUM, arn(PREMIUM), "clinic_premium")
    assert (memory["eventExpiryDuration"], memory["status"]) == (90, "ACTIVE")
    found = memory["strategies"][0]
    assert (found["strategyId"], found["type"], found["namespaceTemplates"]) == (
        STRATEGY,
        "USER_PREFERENCE",
        [TEMPLATE],
    )


def test_memories_are_exactly_these_and_what_stays_keeps_its_data(admin: Caller) -> None:
    control, data = admin.client("bedrock-agentcore-control"), admin.client("bedrock-agentcore")
    control.create_memory(name="other", eventExpiryDuration=7)
    say(admin, "I prefer short answers.")
    changed = recorded(event_expiry_days=30, strategies=[])
    assert put(admin.endpoint, {"memories": [changed, recorded(BASIC, strategies=[])]})[0] == 200
    assert {memory["id"] for memory in control.list_memories()["memories"]} == {BASIC, PREMIUM}
    assert control.get_memory(memoryId=PREMIUM)["memory"]["eventExpiryDuration"] == 30
    session = {"memoryId": PREMIUM, "actorId": "clinic-a/dr-1", "sessionId": "session1"}
    assert len(data.list_events(**session)["events"]) == 1
    assert remembered(admin) == ["I prefer short answers."]
    assert put(admin.endpoint, {"memories": [recorded(BASIC, strategies=[])]})[0] == 200
    assert error_of(data.list_events, **session)[0] == "ResourceNotFoundException"
    assert put(admin.endpoint, {"memories": [recorded()]})[0] == 200
    assert data.list_events(**session)["events"] == []  # gone with the memory


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "the body has to be JSON"),
        ([], "body: an object with memories and nothing else is needed"),
        ({"memories": {}}, "memories: a list is needed"),
        ({"memories": ["x"]}, "memories[0]: an object with"),
        ({"memories": [recorded(odd=1)]}, "memories[0]: an object with"),
        ({"memories": [recorded(id="short")]}, "memories[0].id: text that matches"),
        ({"memories": [recorded(arn=arn(BASIC))]}, "memories[0].arn: the ARN of"),
        ({"memories": [recorded(arn="x")]}, "memories[0].arn: text that matches"),
        ({"memories": [recorded(name="with-hyphen")]}, "memories[0].name: text that matches"),
        ({"memories": [recorded(event_expiry_days=2)]}, "memories[0].event_expiry_days: a whole number from 3"),
        ({"memories": [recorded(event_expiry_days=366)]}, "memories[0].event_expiry_days"),
        ({"memories": [recorded(event_expiry_days=True)]}, "memories[0].event_expiry_days"),
        ({"memories": [recorded(), recorded()]}, "memories: arn "),
        ({"memories": [recorded(), recorded(BASIC, name="clinic_premium")]}, "memories: name "),
        ({"memories": [recorded(strategies=[strategy(type="ODD")])]}, "strategies[0].type: one of"),
        ({"memories": [recorded(strategies=[strategy(namespace_templates=[])])]}, "exactly one is needed"),
        ({"memories": [recorded(strategies=[strategy(namespace_templates=["/a.b/"])])]}, "namespace_templates[0]"),
        ({"memories": [recorded(strategies=[strategy(namespace_templates=["/{a b}/"])])]}, "namespace_templates[0]"),
        ({"memories": [recorded(strategies=[strategy(), strategy()])]}, "strategies: id"),
        (
            {"memories": [recorded(strategies=[strategy(), strategy(id="p2-CCCCcccc44", name="p2")])]},
            "strategies: type",
        ),
        ({"memories": [recorded(strategies=[strategy()] * 7)]}, "a list of at most 6"),
    ],
)
def test_what_aws_would_not_have_is_refused_and_changes_nothing(admin: Caller, content: Any, message: str) -> None:
    status, answer = put(admin.endpoint, content)
    assert (status, answer["error"]["code"]) == (400, "invalid_request")
    assert message in answer["error"]["message"]
    assert admin.client("bedrock-agentcore-control").get_memory(memoryId=PREMIUM)["memory"]["id"] == PREMIUM


def test_the_endpoint_needs_the_secret(admin: Caller) -> None:
    assert put(admin.endpoint, {"memories": []}, secret="wrong")[0] == 404
    assert admin.client("bedrock-agentcore-control").list_memories()["memories"]


def test_stated_preferences_become_records_newest_first(admin: Caller) -> None:
    say(admin, "I prefer short answers. What is the INR protocol?")
    say(admin, "Thanks.\nPlease always cite the document.  Call me Ann!")
    say(admin, "What did I prefer?")
    assert remembered(admin) == ["Call me Ann!", "Please always cite the document.", "I prefer short answers."]
    say(admin, "i PREFER  short answers")
    assert remembered(admin) == ["I prefer short answers.", "Call me Ann!", "Please always cite the document."]


def test_a_record_has_the_form_of_awss_strategy_and_names_the_extractor(admin: Caller) -> None:
    say(admin, "I prefer short answers.")
    data = admin.client("bedrock-agentcore")
    record = data.list_memory_records(memoryId=PREMIUM, namespacePath="/actors/clinic-a/")["memoryRecordSummaries"][0]
    content = json.loads(record["content"]["text"])
    assert set(content) == {"context", "preference", "categories"}
    assert (record["memoryStrategyId"], record["namespaces"]) == (STRATEGY, ["/actors/clinic-a/dr-1/preferences/"])
    assert record["metadata"] == {"extractor": {"stringValue": "rules on the laptop"}}
    one = data.get_memory_record(memoryId=PREMIUM, memoryRecordId=record["memoryRecordId"])["memoryRecord"]
    assert one["content"] == record["content"]


def test_only_what_the_user_said_is_extracted(admin: Caller) -> None:
    say(admin, "I prefer long answers.", role="ASSISTANT")
    say(admin, "I prefer long answers.", role="TOOL")
    say(admin, "I prefer long answers.", extractionMode="SKIP")
    say(admin, "I prefer " + "long " * 300 + "answers.")
    assert remembered(admin) == []
    say(admin, "I prefer long answers.", memoryId=arn(PREMIUM))
    assert remembered(admin) == ["I prefer long answers."]
    assert error_of(say, admin, "x", extractionMode="ODD")[0] == "ValidationException"


def test_each_actor_has_records_of_his_own(admin: Caller) -> None:
    say(admin, "I prefer short answers.")
    say(admin, "I prefer long answers.", actor="clinic-ab/dr-1")
    assert remembered(admin) == ["I prefer short answers."]
    assert remembered(admin, "clinic-ab/dr-1") == ["I prefer long answers."]


def test_a_search_finds_the_nearest_records_even_if_they_share_no_word(admin: Caller) -> None:
    for text in ("I prefer short answers.", "Please always cite the document.", "Call me Ann."):
        say(admin, text)
    data = admin.client("bedrock-agentcore")

    def search(query: str, **more: Any) -> list[str]:
        found = data.retrieve_memory_records(
            memoryId=PREMIUM,
            namespace="/actors/clinic-a/dr-1/preferences/",
            searchCriteria={"searchQuery": query, **more},
        )
        records = found["memoryRecordSummaries"]
        assert [record["score"] for record in records] == sorted((r["score"] for r in records), reverse=True)
        return [json.loads(record["content"]["text"])["preference"] for record in records]

    assert search("Which document?")[0] == "Please always cite the document."
    assert len(search("xyzzy")) == 3
    assert search("xyzzy", topK=1) == ["Call me Ann."]
    for criteria in ({"topK": 0}, {"topK": 101}, {"searchQuery": ""}):
        with pytest.raises(data.exceptions.ValidationException):
            search("x", **criteria)


def test_other_strategies_are_accepted_and_said_to_extract_nothing(laptop: tuple[Caller, Path], admin: Caller) -> None:
    _, log = laptop
    facts = strategy(type="SEMANTIC", name="facts", namespace_templates=["/actors/{actorId}/facts/"])
    assert put(admin.endpoint, {"memories": [recorded(strategies=[facts])]})[0] == 200
    say(admin, "I prefer short answers.")
    page = admin.client("bedrock-agentcore").list_memory_records(memoryId=PREMIUM, namespacePath="/actors/")
    assert page["memoryRecordSummaries"] == []
    assert "strategy=<facts>, type=<SEMANTIC> | accepted, but the laptop extracts nothing for it" in log.read_text()


def test_a_namespace_with_a_variable_that_has_no_value_extracts_nothing(admin: Caller) -> None:
    unknown = strategy(namespace_templates=["/tenant/{tenant}/{actorId}/"])
    assert put(admin.endpoint, {"memories": [recorded(strategies=[unknown])]})[0] == 200
    say(admin, "I prefer short answers.")
    page = admin.client("bedrock-agentcore").list_memory_records(memoryId=PREMIUM, namespacePath="/tenant/")
    assert page["memoryRecordSummaries"] == []


def test_the_log_says_at_the_start_what_the_laptop_does(laptop: tuple[Caller, Path]) -> None:
    assert "preferences are extracted by rules on the laptop" in laptop[1].read_text()


def test_a_tenant_reads_the_records_of_its_own_actors_only(admin: Caller) -> None:
    account = f"arn:aws:iam::{ACCOUNT}:root"
    everything = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": account}}
    if "broker" not in {role["RoleName"] for role in admin.client("iam").list_roles()["Roles"]}:
        create_role(admin, "broker", [everything], [statement("sts:*", role_arn("tenant"))])
        create_role(admin, "tenant", TRUST_TENANT, [])
    read = ["bedrock-agentcore:RetrieveMemoryRecords", "bedrock-agentcore:ListMemoryRecords"]
    condition = {"StringLike": {"bedrock-agentcore:namespace": OWN_PREFERENCES}}
    grant(admin, "tenant", "records", statement(read, arn(PREMIUM), **condition))
    for clinic in ("clinic-a", "clinic-ab"):
        say(admin, f"I prefer {clinic} answers.", actor=f"{clinic}/dr-1")
    tenant = admin.assume("broker").assume("tenant", Clinic="clinic-a")
    data = tenant.client("bedrock-agentcore")
    assert remembered(tenant) == ["I prefer clinic-a answers."]
    search = {"memoryId": PREMIUM, "searchCriteria": {"searchQuery": "answers"}}
    assert allowed(data.retrieve_memory_records, **search, namespace="/actors/clinic-a/dr-1/preferences/")
    other = "/actors/clinic-ab/dr-1/preferences/"
    assert not allowed(data.list_memory_records, memoryId=PREMIUM, namespace=other)
    assert not allowed(data.retrieve_memory_records, **search, namespace=other)
