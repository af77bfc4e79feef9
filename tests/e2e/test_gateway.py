"""Direct MCP calls to the Gateway of the running platform: what each tier may call, and what is refused, and how."""

import base64
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from scripts.apply import apply_again
from scripts.clients.gateway import GatewaySession, Reply, connected
from scripts.clients.runtime import sign_in
from scripts.laptop.platform import CATALOG
from scripts.tours.gateway import DATA, WEB_SEARCH, decisions, policy_clock
from tests.conftest import Platform

SEARCH = f"{DATA}search_documents"
LIST = f"{DATA}list_patients"
PATIENT = f"{DATA}get_patient"
PROFILE = f"{DATA}clinic_profile"
FEVER = {"query": "fever"}
MINUTES = 60.0


def gateway(
    platform: Platform, clinic_id: str, number: int = 0, headers: dict[str, str] | None = None
) -> GatewaySession:
    return connected(platform.stack, platform.access_token(clinic_id, number), headers=headers)


def records(platform: Platform, reply: Reply) -> list[dict[str, Any]]:
    return [record for record in decisions(platform.state_dir) if record["request_id"] == reply.request_id]


def patient_of(platform: Platform, clinic_id: str) -> str:
    return str(platform.canaries["clinics"][clinic_id]["patient_id"])


def function_log(platform: Platform, function: str) -> str:
    """What a function has logged, as CloudWatch has it."""
    group = f"/aws/lambda/{function_name(platform, function)}"
    pages = platform.root("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    return "\n".join(event["message"] for page in pages for event in page["events"])


def function_name(platform: Platform, function: str) -> str:
    return str(platform.stack["functions"][function].rpartition(":")[2])


# --- what each tier may -----------------------------------------------------------------------------------------------


def test_each_tier_is_offered_its_tools_and_no_other(platform: Platform) -> None:
    basic = set(gateway(platform, "clinic-a").list_tools().tools)
    premium = set(gateway(platform, "hospital-a").list_tools().tools)
    assert basic == {SEARCH, LIST, PATIENT, PROFILE}
    assert premium == basic | {WEB_SEARCH}


def test_no_tool_has_an_argument_that_names_a_tenant(platform: Platform) -> None:
    listed = gateway(platform, "hospital-a").list_tools().result["tools"]
    arguments = {name for tool in listed for name in tool["inputSchema"].get("properties", {})}
    assert arguments == {"query", "limit", "cursor", "patient_id", "maxResults"}


def test_every_tool_answers_its_own_clinic(platform: Platform) -> None:
    mine, canary = gateway(platform, "clinic-a"), platform.canaries["clinics"]["clinic-a"]
    found = mine.call(SEARCH, {"query": canary["question"], "limit": 3}).answer["documents"]
    assert canary["document_id"] in [document["document_id"] for document in found]
    assert mine.call(PATIENT, {"patient_id": canary["patient_id"]}).answer["patient"]["clinic_id"] == "clinic-a"
    assert mine.call(PROFILE).answer["profile"]["clinic_id"] == "clinic-a"
    listed = mine.call(LIST, {"limit": 50}).answer["patients"]
    assert listed
    assert {patient["clinic_id"] for patient in listed} == {"clinic-a"}


def test_pages_follow_each_other_without_gap_or_repetition(platform: Platform) -> None:
    mine = gateway(platform, "clinic-a")
    whole = [patient["patient_id"] for patient in mine.call(LIST, {"limit": 50}).answer["patients"]]
    paged: list[str] = []
    cursor: str | None = None
    while True:
        page = mine.call(LIST, {"limit": 2, **({"cursor": cursor} if cursor else {})}).answer
        paged += [patient["patient_id"] for patient in page["patients"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        assert len(paged) < 100
    assert paged == whole
    assert len(whole) > 2


def test_the_offline_web_search_says_what_it_is(platform: Platform) -> None:
    answer = (
        gateway(platform, "hospital-a").call(WEB_SEARCH, {"query": "influenza vaccination", "maxResults": 3}).answer
    )
    assert 1 <= len(answer["results"]) <= 3
    for result in answer["results"]:
        assert "offline sample" in result["title"]
        assert urlsplit(result["url"]).hostname == "public-health.example"


# --- what policies refuse ---------------------------------------------------------------------------------------------


def test_a_basic_token_gets_no_web_search_and_no_policy_text(platform: Platform) -> None:
    denied = gateway(platform, "clinic-a").call(WEB_SEARCH, {"query": "influenza"})
    assert (denied.status, denied.code) == (200, "tool_denied")
    assert denied.error is not None
    assert denied.error["code"] == -32002
    assert WEB_SEARCH in denied.error["message"]
    said = json.dumps(denied.body)
    for secret in ("permit", "principal", "hasTag", "premium", "basic", "arn:aws"):
        assert secret not in said
    (record,) = records(platform, denied)
    assert record["decision"] != "ALLOW"
    assert record["mode"] == "ENFORCE"
    assert record["action"].endswith(f'"{WEB_SEARCH}"')


def test_every_decision_is_recorded_without_arguments(platform: Platform) -> None:
    owner = platform.owner("clinic-a")
    allowed = gateway(platform, "clinic-a").call(SEARCH, {"query": "zebrafish wallpaper"})
    (record,) = records(platform, allowed)
    assert record["decision"] == "ALLOW"
    assert owner.user_id in record["principal"]
    assert record["policy_ids"]
    log = (platform.state_dir / "logs" / "decisions.log").read_text()
    assert owner.user_id in log
    logs = {path.name: path.read_text() for path in (platform.state_dir / "logs").glob("*.log")}
    logs |= {name: function_log(platform, name) for name in ("interceptor", "tools", "broker")}
    assert "START RequestId" in logs["tools"], "it was called"
    for name, text in logs.items():
        assert "zebrafish" not in text, name
        assert "eyJ" not in text, f"a token in {name}"


@pytest.mark.parametrize(("now", "allowed"), [("05:59", False), ("06:00", True), ("19:59", True), ("20:00", False)])
def test_basic_is_served_in_its_access_hours_only(platform: Platform, now: str, allowed: bool) -> None:
    basic, premium = gateway(platform, "clinic-a"), gateway(platform, "hospital-a")
    with policy_clock(platform.stack, platform.state_dir, f"2026-08-12T{now}:00Z"):
        assert basic.call(SEARCH, FEVER).code == (None if allowed else "tool_denied")
        assert bool(basic.list_tools().tools) is allowed
        assert premium.call(SEARCH, FEVER).code is None
    assert basic.call(SEARCH, FEVER).code is None


def test_outside_its_hours_a_basic_question_is_refused_before_the_first_event(platform: Platform) -> None:
    with policy_clock(platform.stack, platform.state_dir, "2026-08-12T23:30:00Z"):
        answer = platform.session("clinic-a").ask("What are our opening hours?")
        assert (answer.status, answer.code) == (403, "tools_denied")
        assert platform.session("hospital-a").ask("What are our opening hours?").status == 200


# --- identities -------------------------------------------------------------------------------------------------------


def test_tenant_headers_of_the_client_change_nothing(platform: Platform) -> None:
    forged = {
        "X-Clinic-Access-Token": platform.access_token("clinic-b"),
        "x-clinic-request-id": "chosen-by-the-client",
        "X-Clinic-Id": "clinic-b",
        "X-Tenant-Id": "clinic-b",
        "X-Tier": "premium",
        "X-User-Id": "somebody",
    }
    plain, forging = gateway(platform, "clinic-a"), gateway(platform, "clinic-a", headers=forged)
    assert forging.call(LIST, {"limit": 50}).body["result"] == plain.call(LIST, {"limit": 50}).body["result"]
    assert forging.call(PROFILE).answer["profile"]["clinic_id"] == "clinic-a"
    assert forging.call(WEB_SEARCH, {"query": "influenza"}).code == "tool_denied"
    assert forging.call(PATIENT, {"patient_id": patient_of(platform, "clinic-b")}).code == "not_found"


def test_without_a_good_access_token_nothing_is_answered(platform: Platform) -> None:
    good = platform.access_token("clinic-a")
    head, body, signature = good.split(".")
    for token in (None, "garbage", f"{head}.{body}.", f"{head}.{body}.{signature[::-1]}", good + "x"):
        refused = GatewaySession(platform.stack, token).connect()
        assert (refused.status, refused.code) == (401, "invalid_token"), token
    id_token = platform.tokens(platform.users("clinic-a")[0])["IdToken"]
    assert GatewaySession(platform.stack, id_token).connect().status == 403


def test_a_token_of_another_client_is_refused(platform: Platform) -> None:
    cognito, user = platform.root("cognito-idp"), platform.users("clinic-a")[0]
    pool = platform.stack["user_pool_id"]
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    made = cognito.create_user_pool_client(UserPoolId=pool, ClientName="other", ExplicitAuthFlows=flows)
    client_id = made["UserPoolClient"]["ClientId"]
    try:
        tokens = sign_in({**platform.stack, "client_id": client_id}, user["username"], user["password"])
    finally:
        cognito.delete_user_pool_client(UserPoolId=pool, ClientId=client_id)
    refused = GatewaySession(platform.stack, tokens["AccessToken"]).connect()
    assert (refused.status, refused.code) == (403, "AccessDeniedException")


def test_a_session_is_its_owners(platform: Platform) -> None:
    mine = gateway(platform, "clinic-a")
    for clinic_id, number in (("clinic-a", 1), ("clinic-b", 0), ("hospital-a", 0)):
        thief = GatewaySession(platform.stack, platform.access_token(clinic_id, number))
        thief.session_id = mine.session_id
        assert thief.list_tools().status == 404
        assert thief.call(SEARCH, FEVER).status == 404
    assert mine.call(SEARCH, FEVER).code is None
    assert httpx.delete(mine.url, headers=mine._all_headers(), timeout=10).is_success
    assert mine.list_tools().status == 404, "it was ended"
    stale = gateway(platform, "clinic-a")
    stale.session_id = "00000000-0000-0000-0000-000000000000"
    assert stale.list_tools().status == 404


# --- arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        (LIST, {"clinic_id": "clinic-b"}),
        (PATIENT, {"patient_id": "P-1001", "clinic_id": "clinic-b"}),
        (PATIENT, {"patient_id": "P-1001", "tier": "premium"}),
        (PROFILE, {"clinic_id": "clinic-b"}),
        (PATIENT, {}),
        (PATIENT, {"patient_id": 1001}),
        (SEARCH, {"query": ["fever"]}),
        (LIST, {"limit": "all"}),
    ],
)
def test_arguments_outside_the_schema_are_refused(platform: Platform, tool: str, arguments: dict[str, Any]) -> None:
    refused = gateway(platform, "clinic-a").call(tool, arguments)
    assert (refused.code, refused.error is not None) == ("invalid_arguments", True)
    assert refused.error is not None
    assert refused.error["code"] == -32602
    assert "clinic-b" not in json.dumps(refused.body)


def test_who_may_not_call_a_tool_does_not_learn_its_arguments(platform: Platform) -> None:
    refused = gateway(platform, "clinic-a").call(WEB_SEARCH, {"clinic_id": "clinic-b"})
    assert refused.code == "invalid_arguments"
    assert "maxResults" not in json.dumps(refused.body)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [(LIST, {"limit": 0}), (LIST, {"limit": 51}), (SEARCH, {"query": "..."}), (LIST, {"cursor": "%%%"})],
)
def test_values_out_of_range_are_refused_by_the_tool(platform: Platform, tool: str, arguments: dict[str, Any]) -> None:
    assert gateway(platform, "clinic-a").call(tool, arguments).code == "invalid_argument"


def test_unknown_tools_and_methods_are_typed_errors(platform: Platform) -> None:
    mine = gateway(platform, "clinic-a")
    for tool in (f"{DATA}delete_patient", "search_documents", "", "clinic-data__search_documents"):
        assert mine.call(tool, FEVER).code == "unknown_tool", tool
    assert mine.request("no/such/method", {}).error is not None


def test_another_clinics_patient_is_answered_as_an_unknown_one(platform: Platform) -> None:
    mine = gateway(platform, "clinic-a")
    unknown = mine.call(PATIENT, {"patient_id": "P-0000"})
    assert unknown.code == "not_found"
    for clinic_id in ("clinic-b", "clinic-ab", "hospital-a"):
        theirs = mine.call(PATIENT, {"patient_id": patient_of(platform, clinic_id)})
        assert theirs.result == unknown.result


def test_another_clinics_cursor_is_refused(platform: Platform) -> None:
    cursor = gateway(platform, "clinic-b").call(LIST, {"limit": 1}).answer["next_cursor"]
    assert cursor
    refused = gateway(platform, "clinic-a").call(LIST, {"cursor": cursor})
    assert refused.code == "invalid_argument"
    assert gateway(platform, "clinic-b", 1).call(LIST, {"cursor": cursor}).code is None, "a colleague may go on"


def test_a_megabyte_of_arguments_is_refused(platform: Platform) -> None:
    mine = gateway(platform, "clinic-a")
    refused = mine.call(SEARCH, {"query": "x" * 1_000_000})
    assert (refused.status, refused.code) == (413, "payload_too_large")
    assert mine.call(SEARCH, FEVER).code is None


def test_what_is_no_message_is_a_typed_error(platform: Platform) -> None:
    mine = gateway(platform, "clinic-a")
    for message in ([], [{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}], "hello", 7, {"jsonrpc": "1.0"}, {}):
        refused = mine.send(message)
        assert 400 <= refused.status < 500 or refused.error is not None, message
        assert refused.status < 500, message
    raw = httpx.post(
        mine.url, content=b"\xff{", headers={**mine.headers, "Authorization": f"Bearer {mine.access_token}"}
    )
    assert 400 <= raw.status_code < 500


# --- load and outages -------------------------------------------------------------------------------------------------


def test_five_hundred_parallel_calls_of_one_tenant_end_typed_and_another_is_served(platform: Platform) -> None:
    mine, other = gateway(platform, "clinic-a"), gateway(platform, "hospital-a")
    other.call(PROFILE)
    flooded = threading.Event()

    def ask_until_flooded() -> list[float]:
        waited = []
        while not flooded.is_set():
            began = time.monotonic()
            assert other.call(PROFILE).answer["profile"]["clinic_id"] == "hospital-a"
            waited.append(time.monotonic() - began)
        return waited

    with ThreadPoolExecutor(501) as pool:
        asking = pool.submit(ask_until_flooded)  # before the flood: it takes a fraction of a second on a fast machine
        flood = [pool.submit(mine.call, PROFILE) for _ in range(500)]
        try:
            replies = [call.result() for call in flood]
        finally:
            flooded.set()
        waited = asking.result()
    assert {reply.code for reply in replies} <= {None, "throttled"}
    assert all(reply.status in (200, 429) for reply in replies)
    assert all("retry-after" in reply.headers for reply in replies if reply.status == 429)
    assert sum(reply.code is None for reply in replies) >= 6, "its own share is served"
    assert all(reply.answer["profile"]["clinic_id"] == "clinic-a" for reply in replies if reply.code is None)
    assert waited, "the flood was over before anybody else asked"
    assert max(waited) < 10
    assert mine.call(PROFILE).code is None


def test_a_broker_that_is_down_is_told_by_the_tool(
    platform: Platform, faults: Callable[[dict[str, Any]], None]
) -> None:
    fresh = gateway(platform, "clinic-e", 2)  # this user has no credentials in the tools' function yet
    down = {"status": 500, "code": "ServiceException", "function": function_name(platform, "broker")}
    faults({"lambda": down})
    assert fresh.call(PROFILE).code == "broker_unavailable"
    faults({})
    assert fresh.call(PROFILE).code is None


@pytest.mark.parametrize(
    "fault",
    [{"function_error": "Unhandled"}, {"status": 500, "code": "ServiceException"}],
    ids=["it raises", "Lambda is down"],
)
def test_a_tool_function_that_fails_is_a_typed_error(
    platform: Platform, faults: Callable[[dict[str, Any]], None], fault: dict[str, Any]
) -> None:
    mine = gateway(platform, "clinic-a")
    faults({"lambda": {**fault, "function": function_name(platform, "tools")}})
    failed = mine.call(PROFILE)
    assert failed.code == "target_failed"
    assert failed.error is not None
    assert failed.error["code"] == -32603
    assert "Traceback" not in json.dumps(failed.body)
    answer = platform.session("clinic-a").ask("What are our opening hours?")
    assert answer.code == "tools_unavailable"
    faults({})
    assert mine.call(PROFILE).code is None


@pytest.mark.timeout(60)
def test_a_tool_function_that_takes_too_long_is_a_typed_error(
    platform: Platform, faults: Callable[[dict[str, Any]], None]
) -> None:
    mine, functions = gateway(platform, "clinic-a"), platform.root("lambda")
    name = function_name(platform, "tools")
    before = functions.get_function_configuration(FunctionName=name)["Timeout"]
    functions.update_function_configuration(FunctionName=name, Timeout=1)
    try:
        faults({"dynamodb": {"delay_seconds": 3}})
        late = mine.call(LIST)
        assert late.code == "target_timeout"
        assert late.error is not None
        assert late.error["data"]["retryable"] is True
    finally:
        functions.update_function_configuration(FunctionName=name, Timeout=before)
    faults({})
    assert mine.call(LIST).code is None


def test_an_interceptor_that_fails_lets_nothing_through(
    platform: Platform, faults: Callable[[dict[str, Any]], None]
) -> None:
    mine = gateway(platform, "clinic-a")
    faults({"lambda": {"function": function_name(platform, "interceptor"), "function_error": "Unhandled"}})
    refused = mine.call(PROFILE)
    assert refused.code == "interceptor_failed"
    assert records(platform, refused) == []
    assert mine.list_tools().code == "interceptor_failed"


def test_a_tool_function_called_past_the_gateway_answers_nothing(platform: Platform) -> None:
    """With the account's own root, which may call any function: the function itself refuses."""
    payload = json.dumps({"patient_id": patient_of(platform, "clinic-a")}).encode()
    call = {"FunctionName": platform.stack["functions"]["tools"], "Payload": payload}
    response = platform.root("lambda").invoke(**call)
    assert json.load(response["Payload"])["error"]["code"] == "direct_call"
    # As the Gateway would call it, but for a token that verifies.
    good = platform.access_token("clinic-a")
    for token in ("", "garbage", good[:-8] + good[-8:][::-1]):
        headers = {"X-Clinic-Access-Token": token}
        custom = {"bedrockAgentCoreToolName": PATIENT, "bedrockAgentCorePropagatedHeaders": headers}
        context = base64.b64encode(json.dumps({"custom": custom}).encode()).decode()
        response = platform.root("lambda").invoke(**call, ClientContext=context)
        assert json.load(response["Payload"])["error"]["code"] == "direct_call"


# --- policies as Terraform renders them -------------------------------------------------------------------------------


@pytest.fixture
def applied_again(platform: Platform) -> Iterator[Callable[..., None]]:
    """Applies the platform with changed inputs to the running stack; afterwards as it was."""

    last: dict[str, Any] = {}

    def apply(**changes: Any) -> None:
        last.clear()
        apply_again(platform.state_dir, print, **changes)
        last.update(changes)

    yield apply
    if last != {"catalog_dir": None, "policy_mode": "ENFORCE"}:
        apply(catalog_dir=None, policy_mode="ENFORCE")


@pytest.mark.timeout(240)
def test_what_terraform_renders_is_what_a_running_stack_does(
    platform: Platform, applied_again: Callable[..., None], tmp_path: Path
) -> None:
    catalog = shutil.copytree(CATALOG, tmp_path / "catalog")
    tiers = (catalog / "tiers.yaml").read_text()
    basic_tools = "tools: [search_documents, list_patients, get_patient, clinic_profile]"
    assert tiers.count(basic_tools) == 1
    (catalog / "tiers.yaml").write_text(tiers.replace(basic_tools, "tools: [search_documents, web_search]"))
    live, search = gateway(platform, "clinic-a"), {"query": "influenza"}
    assert live.call(LIST).code is None

    applied_again(catalog_dir=str(catalog))  # other tools for one tier: no code changes, nothing restarts
    assert live.call(LIST).code == "tool_denied"
    assert live.call(WEB_SEARCH, search).code is None
    assert set(live.list_tools().tools) == {SEARCH, WEB_SEARCH}
    assert set(gateway(platform, "hospital-a").list_tools().tools) == {SEARCH, LIST, PATIENT, PROFILE, WEB_SEARCH}

    applied_again(catalog_dir=None, policy_mode="LOG_ONLY")  # as before, but the policies only watch: loudly
    assert live.call(LIST).code is None
    through = live.call(WEB_SEARCH, search)
    assert through.code is None
    (record,) = records(platform, through)
    assert record["decision"] != "ALLOW"
    assert record["mode"] == "LOG_ONLY"
    assert "WOULD have been denied" in record["warning"]
    assert "LOG_ONLY" in platform.log("gateway")

    applied_again(catalog_dir=None, policy_mode="ENFORCE")
    assert live.call(WEB_SEARCH, search).code == "tool_denied"
