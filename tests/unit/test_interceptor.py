import json
import logging
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic_agent.lambdas import interceptor as module
from clinic_agent.lambdas.gateway_headers import ACCESS_TOKEN, REQUEST_ID
from clinic_agent.lambdas.interceptor import Interceptor, handler
from clinic_agent.lambdas.mcp_messages import MAX_ARGUMENTS_BYTES, MAX_BODY_BYTES
from clinic_agent.metering import RefusalEvent
from tests.unit.support import Issuer

SEARCH = "clinic-data___search_documents"
ISSUER = Issuer()
TOKEN = ISSUER.token()
REFUSALS: list[RefusalEvent] = []


@pytest.fixture(autouse=True)
def _made(monkeypatch: pytest.MonkeyPatch) -> None:
    REFUSALS.clear()
    made = Interceptor(
        verifier=ISSUER.verifier(),
        tool_arguments={SEARCH: frozenset({"query", "limit"}), "clinic-data___clinic_profile": frozenset()},
        refusal_sink=REFUSALS.append,
    )
    monkeypatch.setattr(module, "_interceptor", lambda: made)


def call(arguments: Any = ..., *, name: Any = SEARCH, **more: Any) -> dict[str, Any]:
    params = {"name": name} if arguments is ... else {"name": name, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params, **more}


def event(body: Any, headers: Any = ..., method: str = "POST") -> dict[str, Any]:
    chosen = {"Authorization": f"Bearer {TOKEN}"} if headers is ... else headers
    request = {"path": "/mcp", "httpMethod": method, "headers": chosen, "body": body}
    raw = {"body": json.dumps(body)}
    return {"interceptorInputVersion": "1.0", "mcp": {"rawGatewayRequest": raw, "gatewayRequest": request}}


def passed(given: dict[str, Any]) -> dict[str, Any]:
    answer = handler(given, None)
    assert set(answer) == {"interceptorOutputVersion", "mcp"}
    assert answer["interceptorOutputVersion"] == "1.0"
    assert set(answer["mcp"]) == {"transformedGatewayRequest"}, answer
    found: dict[str, Any] = answer["mcp"]["transformedGatewayRequest"]
    return found


def refused(given: Any) -> tuple[int, int, str]:
    """Return HTTP status, JSON-RPC number and code."""
    answer = handler(given, None)
    assert set(answer["mcp"]) == {"transformedGatewayResponse"}, answer
    response = answer["mcp"]["transformedGatewayResponse"]
    error = response["body"]["error"]
    assert set(error["data"]) == {"code", "retryable", "request_id"}
    uuid.UUID(error["data"]["request_id"])
    assert json.loads(json.dumps(answer)) == answer
    return response["statusCode"], error["code"], error["data"]["code"]


@pytest.mark.parametrize(
    "body",
    [
        call({"query": "wound", "limit": 3}),
        call({}),
        call(),
        call({}, name="clinic-data___clinic_profile", id="text-id"),
        call({"query": "x"}, params={"name": SEARCH, "arguments": {}, "_meta": {"progressToken": 1}}),
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}},
        {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
        {"jsonrpc": "2.0", "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "id": 1, "method": "server/discover"},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
    ],
    ids=lambda body: body["method"],
)
def test_a_good_message_passes_unchanged_with_our_headers(body: Any) -> None:
    before = json.dumps(body)
    request = passed(event(body))
    assert json.dumps(request["body"]) == before
    assert request["headers"][ACCESS_TOKEN] == TOKEN
    uuid.UUID(request["headers"][REQUEST_ID])
    assert set(request["headers"]) == {ACCESS_TOKEN, REQUEST_ID}


@pytest.mark.parametrize("method", ["DELETE", "GET"])
def test_the_end_of_a_session_has_no_message(method: str) -> None:
    assert set(passed(event(None, method=method))) == {"headers"}


@pytest.mark.parametrize(
    "name",
    [
        *("X-Clinic-Id", "x-clinic-id", "X_CLINIC_ID", "X-Clinic-Anything", "ClinicId", "X-Tenant", "tenantid"),
        *("X-Tenant-Id", "X-Tier", "x-user-tier", "X-User-Id", "user_id", "X-UserId", "X-Amzn-Oidc-Identity"),
        *("X-Amzn-Bedrock-AgentCore-Runtime-User-Id", "X-Account-Id", "X-Customer-Number", "X-Actor-Id", "actorId"),
        *("X-Org", "X-Role", "X-Forwarded-User", "X-S3-Prefix", "X-Patient-Id", "baggage", "Impersonate-User"),
    ],
)
def test_headers_that_look_like_a_tenant_are_emptied(name: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", name: "clinic-b"}
    request = passed(event(call({}), headers))
    assert request["headers"][name] == ""
    assert "clinic-b" not in json.dumps(request["headers"])


def test_other_headers_are_left_alone() -> None:
    others = ("User-Agent", "Accept", "Content-Type", "Mcp-Session-Id", "MCP-Protocol-Version", "traceparent", "Host")
    headers = {"Authorization": f"Bearer {TOKEN}", **dict.fromkeys(others, "x")}
    assert set(passed(event(call({}), headers))["headers"]) == {ACCESS_TOKEN, REQUEST_ID}


spellings = st.sampled_from([ACCESS_TOKEN, REQUEST_ID]).flatmap(
    lambda name: st.tuples(*(st.sampled_from([char.lower(), char.upper()]) for char in name)).map("".join)
)


@given(st.lists(spellings, min_size=1, max_size=4, unique=True))
def test_our_headers_cannot_be_forged_in_any_spelling(names: list[str]) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", **dict.fromkeys(names, "forged")}
    returned = passed(event(call({}), headers))["headers"]
    assert set(returned) == {*names, ACCESS_TOKEN, REQUEST_ID}
    for name, value in returned.items():  # however the service folds names, it finds ours
        assert value == returned[ACCESS_TOKEN if name.lower() == ACCESS_TOKEN.lower() else REQUEST_ID]
    assert returned[ACCESS_TOKEN] == TOKEN
    assert list(returned)[-2:] == [ACCESS_TOKEN, REQUEST_ID]


def test_each_request_has_an_id_of_its_own_that_the_client_cannot_choose() -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", REQUEST_ID: "11111111-2222-4333-8444-555555555555"}
    ids = {passed(event(call({}), headers))["headers"][REQUEST_ID] for _ in range(3)}
    assert len(ids) == 3
    assert headers[REQUEST_ID] not in ids


@pytest.mark.parametrize(
    "headers",
    [
        None,
        {},
        [],
        {"Authorization": ""},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer garbage"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Authorization": [f"Bearer {TOKEN}"]},
        {"Authorization": {"a": "b"}},
        {"Authorization": f"Bearer {TOKEN}", "authorization": f"Bearer {ISSUER.token(clinic_id='clinic-b')}"},
        {"X-Clinic-Access-Token": TOKEN},
        *(
            {"Authorization": f"Bearer {ISSUER.token(**claims)}"}
            for claims in (
                {"token_use": "id"},
                {"client_id": "other"},
                {"iss": "https://other.example"},
                {"exp": 1},
                {"tier": ...},
                {"clinic_id": "*"},
                {"sub": "admin"},
            )
        ),
    ],
    ids=lambda headers: str(headers)[:24],
)
def test_without_a_good_token_nothing_passes(headers: Any) -> None:
    assert refused(event(call({}), headers)) == (401, -32001, "invalid_token")
    assert refused(event("not even a message", headers)) == (401, -32001, "invalid_token")


def test_the_same_token_in_two_spellings_of_the_header_is_one() -> None:
    both = {"Authorization": f"Bearer {TOKEN}", "authorization": f"Bearer {TOKEN}"}
    assert passed(event(call({}), both))["headers"][ACCESS_TOKEN] == TOKEN


def test_keys_that_cannot_be_fetched_are_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = Issuer(down=True)
    made = Interceptor(verifier=issuer.verifier(), tool_arguments={}, refusal_sink=REFUSALS.append)
    monkeypatch.setattr(module, "_interceptor", lambda: made)
    given = event(call({}), {"Authorization": f"Bearer {issuer.token()}"})
    assert refused(given) == (503, -32603, "identity_unavailable")
    assert [(refusal.error_code, refusal.error_status, refusal.tenant) for refusal in REFUSALS] == [
        ("identity_unavailable", 503, None)
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([], (400, -32600, "invalid_request")),
        ([call({})], (400, -32600, "invalid_request")),
        (None, (400, -32600, "invalid_request")),
        ("text", (400, -32600, "invalid_request")),
        (7, (400, -32600, "invalid_request")),
        ({}, (400, -32600, "invalid_request")),
        ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, (400, -32600, "invalid_request")),
        ({"jsonrpc": "2.0", "id": 1, "result": {}}, (400, -32600, "invalid_request")),
        ({"jsonrpc": "2.0", "id": 1, "method": ["ping"]}, (400, -32600, "invalid_request")),
        ({"jsonrpc": "2.0", "method": "ping"}, (400, -32600, "invalid_request")),
        (call({}, id=None), (400, -32600, "invalid_request")),
        (call({}, id=True), (400, -32600, "invalid_request")),
        (call({}, id=1.5), (400, -32600, "invalid_request")),
        (call({}, id={"a": 1}), (400, -32600, "invalid_request")),
        (call({}, id="x" * 129), (400, -32600, "invalid_request")),
        (call({}, params=None), (400, -32600, "invalid_request")),
        (call({}, params=[]), (400, -32600, "invalid_request")),
        ({"jsonrpc": "2.0", "id": 1, "method": "resources/read"}, (200, -32601, "method_not_found")),
        ({"jsonrpc": "2.0", "id": 1, "method": "prompts/get"}, (200, -32601, "method_not_found")),
        ({"jsonrpc": "2.0", "id": 1, "method": "Tools/Call"}, (200, -32601, "method_not_found")),
        (call({}, name="clinic-data___drop_table"), (200, -32602, "unknown_tool")),
        (call({}, name="search_documents"), (200, -32602, "unknown_tool")),
        (call({}, name=None), (200, -32602, "unknown_tool")),
        (call({}, name=[SEARCH]), (200, -32602, "unknown_tool")),
        (call([]), (200, -32602, "invalid_arguments")),
        (call(None), (200, -32602, "invalid_arguments")),
        (call("query"), (200, -32602, "invalid_arguments")),
        (call({"clinic_id": "clinic-b"}), (200, -32602, "invalid_arguments")),
        (call({"query": "x", "Query": "y"}), (200, -32602, "invalid_arguments")),
        (call({"limit": 1}, name="clinic-data___clinic_profile"), (200, -32602, "invalid_arguments")),
        (call({"query": "x" * MAX_ARGUMENTS_BYTES}), (413, -32600, "payload_too_large")),
        (call({"query": "é" * (MAX_ARGUMENTS_BYTES // 2)}), (413, -32600, "payload_too_large")),
        (call({"x" * MAX_ARGUMENTS_BYTES: 1}), (413, -32600, "payload_too_large")),
        (
            {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"x": "x" * MAX_BODY_BYTES}},
            (413, -32600, "payload_too_large"),
        ),
        (
            {"jsonrpc": "2.0", "method": "notifications/x", "params": {"x": "x" * MAX_BODY_BYTES}},
            (413, -32600, "payload_too_large"),
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_no_proper_call_is_refused(body: Any, expected: tuple[int, int, str]) -> None:
    assert refused(event(body)) == expected


def test_arguments_at_the_limit_pass() -> None:
    text = "x" * (MAX_ARGUMENTS_BYTES - len('{"query":""}'))
    passed(event(call({"query": text})))
    assert refused(event(call({"query": text + "x"})))[2] == "payload_too_large"


def test_a_message_nested_too_deeply_is_refused() -> None:
    nested: Any = "x"
    for _ in range(20_000):
        nested = [nested]
    given = event(None)
    given["mcp"]["gatewayRequest"]["body"] = call({"query": nested})
    assert refused(given) == (400, -32600, "invalid_request")


def test_a_refusal_names_the_argument_shortened_and_the_message_by_its_id() -> None:
    answer = handler(event(call({"clinic_id" * 20: "clinic-b"}, id="call-1")), None)
    body = answer["mcp"]["transformedGatewayResponse"]["body"]
    assert body["id"] == "call-1"
    assert body["error"]["message"] == (
        f"{SEARCH}: 'clinic_idclinic_idclinic_idclinic_idclin' is no argument of this tool"
    )
    assert "clinic-b" not in json.dumps(body)


@pytest.mark.parametrize(
    "given", [None, [], "x", {}, {"mcp": None}, {"mcp": {}}, {"mcp": {"gatewayRequest": None}}, 7], ids=str
)
def test_events_of_another_kind_are_refused(given: Any) -> None:
    assert refused(given) == (500, -32603, "interceptor_failed")
    assert [(refusal.layer, refusal.error_code, refusal.error_status) for refusal in REFUSALS] == [
        ("gateway", "interceptor_failed", 500)
    ]


def test_an_interceptor_that_is_not_set_up_lets_nothing_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for name in ("TOKEN_ISSUER", "TOKEN_CLIENT_ID", "TOKEN_JWKS_URL", "TOOL_ARGUMENTS", "PLATFORM_NAME"):
        monkeypatch.delenv(name, raising=False)
    assert refused(event(call({}))) == (500, -32603, "interceptor_failed")


def test_the_interceptor_is_made_from_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("TOKEN_ISSUER", "https://issuer.example")
    monkeypatch.setenv("TOKEN_CLIENT_ID", "client")
    monkeypatch.setenv("TOKEN_JWKS_URL", "http://127.0.0.1:9/jwks.json")
    monkeypatch.setenv("TOOL_ARGUMENTS", json.dumps({SEARCH: ["query"]}))
    monkeypatch.setenv("PLATFORM_NAME", "clinic-test")
    module._interceptor.cache_clear()
    try:
        assert refused(event(call({}), {})) == (401, -32001, "invalid_token")
    finally:
        module._interceptor.cache_clear()


def test_logs_hold_method_tool_outcome_and_request_id_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Clinic-Id": "clinic-b"}
    request = passed(event(call({"query": "a private question"}), headers))
    refused(event(call({"private": 1}), headers))
    refused(event(call({}, method="private/method"), headers))
    refused(event(call({}, name="private"), headers))
    refused({"mcp": {"gatewayRequest": {"headers": {"Authorization": 7}, "body": "private"}}})
    assert f"outcome=<tools/call {SEARCH} passed>" in caplog.text
    assert f"request_id=<{request['headers'][REQUEST_ID]}>" in caplog.text
    assert "outcome=<invalid_arguments>" in caplog.text
    for secret in ("private", TOKEN.rpartition(".")[2], "clinic-b", "query"):
        assert secret not in caplog.text
