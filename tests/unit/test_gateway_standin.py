"""The Gateway stand-in as a whole, over HTTP: who gets in, what each stage sees, and what each failure is answered."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from starlette.responses import JSONResponse, Response

from local_aws.gateway.engine import Decision, PolicyEngine
from tests.unit.gateway_standin_support import (
    GATEWAY,
    GET_PATIENT,
    INTERCEPTOR,
    ISSUED,
    LIST_PATIENTS,
    POLICIES,
    ROLE,
    TOKEN_HEADER,
    TOOLS,
    WEB_SEARCH,
    StandIn,
    call,
    changed,
    error,
    initialize,
    running,
    state,
    statement,
    token,
    tools_function,
    transformed,
)
from tests.unit.runtime_standin_support import Issuer

PATIENT = {"patient_id": "P-1001"}
ENGINE_ARN = state("")["values"]["root_module"]["resources"][0]["values"]["policy_engine_configuration"][0]["arn"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with running(tmp_path_factory.mktemp("gateway")) as stand_in:
        yield stand_in


@pytest.fixture
def gateway(shared: StandIn) -> StandIn:
    """The stand-in as if it had just started; only its sessions are kept."""
    shared.reset()
    return shared


def result(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["result"]
    return found


# --- authorizer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bearer", "status"),
    [
        ("", 401),
        ("no.such.token", 401),
        (Issuer().token(sub="u", tier="basic", tiers=["basic"]), 401),  # another's signature
        (token(exp=1), 401),
        (token(token_use="id"), 403),
        (token(client_id="another-client"), 403),
        (token(client_id=None, aud="client-1", token_use="id"), 403),  # as an ID token is
        (token(tiers=["gold"]), 403),
        (token(tiers="basic"), 403),
        (token(tiers=None), 403),
        (jwt.encode({"sub": "u"}, "x" * 32, algorithm="HS256", headers={"kid": "key-1"}), 401),
        (ISSUED.token(sub=None, tier="basic", tiers=["basic"]), 403),
    ],
)
def test_who_is_not_let_in(gateway: StandIn, bearer: str, status: int) -> None:
    for body in (call(GET_PATIENT, PATIENT), initialize(), {"jsonrpc": "2.0", "method": "notifications/initialized"}):
        answer = gateway.post(body, bearer=bearer)
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"code", "message", "request_id", "retryable"}
    assert gateway.emulator.calls == [], "neither the interceptor nor a target hears of it"


def test_a_token_sent_twice_is_refused(gateway: StandIn) -> None:
    headers = [("Authorization", f"Bearer {token()}"), ("Authorization", f"Bearer {token(tier='premium')}")]
    answer = gateway.client.post(f"{gateway.url}/mcp", json=call(GET_PATIENT, PATIENT), headers=headers)
    assert answer.status_code == 400


# --- a call, from the client to the target ---------------------------------------------------------------------------


def test_a_call_reaches_the_target_with_bare_arguments_and_everything_else_in_the_client_context(
    gateway: StandIn,
) -> None:
    bearer = token()
    answer = gateway.call(GET_PATIENT, PATIENT, bearer=bearer)
    found = result(answer)
    assert found["structuredContent"] == {"event": PATIENT, "tool": GET_PATIENT}
    assert json.loads(found["content"][0]["text"]) == found["structuredContent"]
    assert found["isError"] is False
    ((event, context),) = gateway.emulator.called(TOOLS)
    assert event == PATIENT
    assert context == {
        "custom": {
            "bedrockAgentCoreToolName": GET_PATIENT,
            "bedrockAgentCoreMessageVersion": "1.0",
            "bedrockAgentCoreAwsRequestId": answer.headers["x-amzn-requestid"],
            "bedrockAgentCoreMcpMessageId": "7",
            "bedrockAgentCoreGatewayId": "clinic-local-gateway-0123456789",
            "bedrockAgentCoreTargetId": "TARGET0001",
            "bedrockAgentCorePropagatedHeaders": {TOKEN_HEADER: bearer},
            "bedrockAgentCorePropagatedQueryParameters": {},
        }
    }


def test_functions_are_called_as_the_gateways_role(gateway: StandIn) -> None:
    gateway.call(GET_PATIENT, PATIENT)
    assert len(gateway.emulator.authorizations) == 2
    for authorization in gateway.emulator.authorizations:
        assert authorization.startswith("AWS4-HMAC-SHA256 Credential=ASIAGATEWAY/")
        assert "/us-east-1/lambda/aws4_request" in authorization
        assert "x-amz-security-token" in authorization


def test_the_gateways_role_is_assumed_as_the_service_does(tmp_path: Path) -> None:
    with running(tmp_path) as gateway:
        (session,) = gateway.emulator.sessions
    assert (session["role_arn"], session["source_arn"]) == (ROLE, GATEWAY)
    assert session["service"] == "bedrock-agentcore.amazonaws.com"


def test_the_interceptor_sees_every_message_before_the_policies_do(gateway: StandIn) -> None:
    gateway.post(initialize())
    gateway.post({"jsonrpc": "2.0", "method": "notifications/initialized"})
    gateway.tools()
    assert error(gateway.call(WEB_SEARCH, {"query": "x"}))[2] == "tool_denied"
    assert error(gateway.call("clinic-data___no_such_tool"))[2] == "unknown_tool"
    seen = [event["mcp"]["gatewayRequest"]["body"]["method"] for event, _ in gateway.emulator.called(INTERCEPTOR)]
    assert seen == ["initialize", "notifications/initialized", "tools/list", "tools/call", "tools/call"]
    event, context = gateway.emulator.called(INTERCEPTOR)[-1]
    assert context is None
    assert event["interceptorInputVersion"] == "1.0"
    request = event["mcp"]["gatewayRequest"]
    assert (request["path"], request["httpMethod"]) == ("/mcp", "POST")
    assert json.loads(event["mcp"]["rawGatewayRequest"]["body"]) == request["body"]
    assert request["headers"]["Authorization"].startswith("Bearer ")
    assert gateway.emulator.called(TOOLS) == []


# --- headers ---------------------------------------------------------------------------------------------------------


def test_forged_headers_are_overwritten_and_only_recorded_ones_reach_the_target(gateway: StandIn) -> None:
    bearer = token()
    forged = {"X-Clinic-Access-Token": "forged", "X-Clinic-Id": "clinic-b", "X-Amzn-Trace": "1", "Cookie": "a=b"}
    result(gateway.call(GET_PATIENT, PATIENT, bearer=bearer, **forged))
    ((event, _),) = gateway.emulator.called(INTERCEPTOR)
    assert event["mcp"]["gatewayRequest"]["headers"]["X-Clinic-Access-Token"] == "forged"
    ((_, context),) = gateway.emulator.called(TOOLS)
    assert context is not None
    assert context["custom"]["bedrockAgentCorePropagatedHeaders"] == {TOKEN_HEADER: bearer}


def test_a_client_header_that_the_interceptor_does_not_return_stays(gateway: StandIn) -> None:
    result(gateway.call(GET_PATIENT, PATIENT, **{"X-Clinic-Request-Id": "from-the-client"}))
    ((_, context),) = gateway.emulator.called(TOOLS)
    assert context is not None
    assert context["custom"]["bedrockAgentCorePropagatedHeaders"]["X-Clinic-Request-Id"] == "from-the-client"


def test_restricted_headers_never_reach_a_target(tmp_path: Path) -> None:
    names = ["Authorization", "X-Amzn-Trace-Id", "x-amz-date", "Mcp-Session-Id", "X-Fine"]
    with running(tmp_path, document=lambda url: state(url, headers=names)) as gateway:
        result(gateway.call(GET_PATIENT, PATIENT, **{"X-Amzn-Trace-Id": "1", "x-amz-date": "2", "X-Fine": "3"}))
        ((_, context),) = gateway.emulator.called(TOOLS)
    assert context is not None
    assert context["custom"]["bedrockAgentCorePropagatedHeaders"] == {"X-Fine": "3"}


def test_without_pass_request_headers_the_interceptor_sees_none(tmp_path: Path) -> None:
    own = state("")["values"]["root_module"]["resources"][0]["values"]["interceptor_configuration"]
    closed = [{**own[0], "input_configuration": [{"pass_request_headers": False}]}]
    with running(tmp_path, document=lambda url: state(url, gateway={"interceptor_configuration": closed})) as gateway:
        assert error(gateway.call(GET_PATIENT, PATIENT))[2] == "interceptor_failed"
        ((event, _),) = gateway.emulator.called(INTERCEPTOR)
    assert "headers" not in event["mcp"]["gatewayRequest"]


# --- what the interceptor may do -------------------------------------------------------------------------------------


def test_policies_and_target_see_the_body_that_the_interceptor_left(gateway: StandIn) -> None:
    async def reroute(event: dict[str, Any], _: Any) -> dict[str, Any]:
        body = event["mcp"]["gatewayRequest"]["body"]
        if body["params"]["name"] == GET_PATIENT:
            body["params"] = {"name": LIST_PATIENTS, "arguments": {"limit": 3}}
        else:
            body["params"]["name"] = WEB_SEARCH
        return transformed({"headers": {}, "body": body})

    gateway.emulator.functions[INTERCEPTOR] = reroute
    assert result(gateway.call(GET_PATIENT, PATIENT))["structuredContent"] == {
        "event": {"limit": 3},
        "tool": LIST_PATIENTS,
    }
    assert gateway.decisions()[0]["action"].endswith(f'"{LIST_PATIENTS}"')
    assert error(gateway.call(LIST_PATIENTS))[2] == "tool_denied", "a tool that this user may not call, now"


def test_the_interceptor_may_answer_itself_and_its_answer_wins(gateway: StandIn) -> None:
    async def refuse(event: dict[str, Any], _: Any) -> dict[str, Any]:
        answer = transformed({"headers": {}, "body": event["mcp"]["gatewayRequest"]["body"]})
        answer["mcp"]["transformedGatewayResponse"] = {"statusCode": 403, "body": {"error": "no"}}
        return answer

    gateway.emulator.functions[INTERCEPTOR] = refuse
    answer = gateway.call(GET_PATIENT, PATIENT)
    assert (answer.status_code, answer.json()) == (403, {"error": "no"})
    assert gateway.emulator.called(TOOLS) == []


def function_error(_: Any, __: Any) -> Any:
    async def answer() -> Response:
        return JSONResponse({"errorMessage": "secret"}, headers={"X-Amz-Function-Error": "Unhandled"})

    return answer()


@pytest.mark.parametrize(
    "answer",
    [
        function_error,
        JSONResponse({"Message": "not authorized"}, 403),
        JSONResponse({"Message": "throttled"}, 429),
        Response("no json"),
        None,
        [],
        {},
        {"interceptorOutputVersion": "2.0", "mcp": {"transformedGatewayRequest": {}}},
        {"interceptorOutputVersion": "1.0", "mcp": {}},
        {"interceptorOutputVersion": "1.0", "mcp": []},
        transformed({"headers": {"a": 1}}),
        transformed({"headers": ["a"]}),
        transformed({"body": []}),
        transformed({"body": {"jsonrpc": "2.0", "method": "tools/call", "params": {}}}),  # a notification now
        {"interceptorOutputVersion": "1.0", "mcp": {"transformedGatewayResponse": {"statusCode": "200"}}},
        {"interceptorOutputVersion": "1.0", "mcp": {"transformedGatewayResponse": {"statusCode": True}}},
    ],
)
def test_an_interceptor_that_fails_ends_the_request(gateway: StandIn, answer: Any) -> None:
    async def other(event: Any, context: Any) -> Any:
        return await answer(event, context) if callable(answer) and not isinstance(answer, Response) else answer

    gateway.emulator.functions[INTERCEPTOR] = other
    refused = gateway.call(GET_PATIENT, PATIENT)
    assert error(refused) == (200, -32603, "interceptor_failed")
    assert refused.json()["error"]["data"]["retryable"] is True
    assert "secret" not in refused.text
    assert INTERCEPTOR not in refused.text
    assert gateway.emulator.called(TOOLS) == []


def test_a_notification_that_the_interceptor_fails_on_is_no_success(gateway: StandIn) -> None:
    gateway.emulator.functions[INTERCEPTOR] = function_error
    assert gateway.post({"jsonrpc": "2.0", "method": "notifications/initialized"}).status_code == 500


def test_an_interceptor_that_hangs_ends_the_request(tmp_path: Path) -> None:
    async def hang(*_: Any) -> Any:
        await asyncio.sleep(5)

    with running(tmp_path, interceptor_timeout_seconds=0.2) as gateway:
        gateway.emulator.functions[INTERCEPTOR] = hang
        assert error(gateway.call(GET_PATIENT, PATIENT)) == (200, -32603, "interceptor_failed")


# --- policies --------------------------------------------------------------------------------------------------------


def test_basic_may_not_search_the_web_and_premium_may(gateway: StandIn) -> None:
    denied = gateway.call(WEB_SEARCH, {"query": "influenza"})
    assert error(denied) == (200, -32002, "tool_denied")
    assert denied.json()["error"]["data"]["tool"] == WEB_SEARCH
    assert all(word not in denied.text for word in ("permit", "principal", "policy", "basic-0123456789"))
    found = result(gateway.call(WEB_SEARCH, {"query": "influenza"}, bearer=token(tier="premium")))
    assert found["structuredContent"]["results"]


def test_the_list_shows_what_the_caller_may_call(gateway: StandIn) -> None:
    assert gateway.tools() == [GET_PATIENT, LIST_PATIENTS]
    assert gateway.tools(bearer=token(tier="premium")) == [GET_PATIENT, LIST_PATIENTS, WEB_SEARCH]
    assert gateway.tools(bearer=token(tier="gold", tiers=["basic"])) == []
    gateway.set_clock("2026-08-12T20:00:00Z")
    assert gateway.tools() == []


def test_the_list_has_the_recorded_schemas(gateway: StandIn) -> None:
    listed = result(gateway.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}))["tools"]
    assert listed[0] == {
        "name": GET_PATIENT,
        "description": "Tool get_patient.",
        "inputSchema": {"type": "object", "properties": {"patient_id": {"type": "string"}}, "required": ["patient_id"]},
    }


@pytest.mark.parametrize(
    ("now", "allowed"),
    [
        ("2026-08-12T05:59:58Z", False),
        ("2026-08-12T06:00:00Z", True),
        ("2026-08-12T12:00:00Z", True),
        ("2026-08-12T21:59:00+02:00", True),
        ("2026-08-12T20:00:00Z", False),
    ],
)
def test_access_hours_hold_by_the_gateways_clock(gateway: StandIn, now: str, allowed: bool) -> None:
    gateway.set_clock(now)
    answer = gateway.call(GET_PATIENT, PATIENT)
    assert ("result" in answer.json()) is allowed
    assert "result" in gateway.call(GET_PATIENT, PATIENT, bearer=token(tier="premium")).json()


def test_a_policy_on_arguments_decides_calls_and_not_the_list(tmp_path: Path) -> None:
    text = statement("basic", LIST_PATIENTS, more=" && context.input has limit && context.input.limit <= 5")
    with running(tmp_path, document=lambda url: state(url, policies={"basic": text})) as gateway:
        assert gateway.tools() == [LIST_PATIENTS]
        assert "result" in gateway.call(LIST_PATIENTS, {"limit": 5}).json()
        assert error(gateway.call(LIST_PATIENTS, {"limit": 6}))[2] == "tool_denied"
        assert error(gateway.call(LIST_PATIENTS))[2] == "tool_denied"


def test_without_policies_everything_is_denied(tmp_path: Path) -> None:
    with running(tmp_path, document=lambda url: state(url, policies={})) as gateway:
        assert gateway.tools() == []
        assert error(gateway.call(GET_PATIENT, PATIENT))[2] == "tool_denied"


@pytest.mark.parametrize("deleted", sorted(POLICIES))
def test_deleting_a_policy_denies_its_tier_and_no_other(tmp_path: Path, deleted: str) -> None:
    left = {name: text for name, text in POLICIES.items() if name != deleted}
    with running(tmp_path, document=lambda url: state(url, policies=left)) as gateway:
        for tier in POLICIES:
            answer = gateway.call(GET_PATIENT, PATIENT, bearer=token(tier=tier))
            assert ("result" in answer.json()) is (tier != deleted)


def test_every_decision_is_recorded_without_arguments_or_claims(gateway: StandIn) -> None:
    answer = gateway.call(GET_PATIENT, {"patient_id": "P-secret"})
    gateway.call(WEB_SEARCH, {"query": "secret-query"})
    allowed, denied = gateway.decisions()
    assert {key: allowed[key] for key in allowed if key not in {"time", "policy_time"}} == {
        "request_id": answer.headers["x-amzn-requestid"],
        "operation": "tools/call",
        "principal": 'AgentCore::OAuthUser::"user-1"',
        "action": f'AgentCore::Action::"{GET_PATIENT}"',
        "resource": f'AgentCore::Gateway::"{GATEWAY}"',
        "decision": "ALLOW",
        "mode": "ENFORCE",
        "enforced": True,
        "policy_ids": ["basic-0123456789"],
        "errors": 0,
    }
    assert allowed["policy_time"].split("T")[1].startswith("12:00")
    assert (denied["decision"], denied["policy_ids"]) == ("DENY", [])
    text = (gateway.log_dir / "decisions.log").read_text()
    assert all(secret not in text for secret in ("secret", "clinic-a", "Bearer", "eyJ"))


def test_log_only_lets_through_and_says_so_loudly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mode = [{"arn": ENGINE_ARN, "mode": "LOG_ONLY"}]
    with running(tmp_path, document=lambda url: state(url, gateway={"policy_engine_configuration": mode})) as gateway:
        assert "POLICIES ARE NOT ENFORCED" in caplog.text
        assert "result" in gateway.call(WEB_SEARCH, {"query": "measles"}).json()
        (record,) = gateway.decisions()
        assert (record["decision"], record["mode"], record["enforced"]) == ("DENY", "LOG_ONLY", False)
        assert "WOULD have been denied" in record["warning"]
        assert "WOULD have been denied" in caplog.text
        assert gateway.tools() == [GET_PATIENT, LIST_PATIENTS, WEB_SEARCH]


def test_no_decision_is_a_denial(gateway: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = Decision(allowed=False, outcome="NO_DECISION", policy_ids=(), errors=1)
    monkeypatch.setattr(PolicyEngine, "decide", lambda *_, **__: nothing)
    assert error(gateway.call(GET_PATIENT, PATIENT))[2] == "tool_denied"
    (record,) = gateway.decisions()
    assert (record["decision"], record["errors"]) == ("NO_DECISION", 1)


def test_text_of_every_kind_reaches_the_target(gateway: StandIn) -> None:
    for text in ("\u0000", "\U0001f600 ü\n", '"; permit(principal, action, resource);', "\\ud800"):
        found = result(gateway.call(GET_PATIENT, {"patient_id": text}))
        assert found["structuredContent"]["event"] == {"patient_id": text}


# --- arguments -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "arguments", "code", "named"),
    [
        (GET_PATIENT, {}, "invalid_arguments", "patient_id is missing"),
        (GET_PATIENT, {"patient_id": 5}, "invalid_arguments", "patient_id has to be a string"),
        (GET_PATIENT, {"patient_id": None}, "invalid_arguments", "patient_id has to be a string"),
        (GET_PATIENT, {"patient_id": "P-1", "clinic_id": "clinic-b"}, "invalid_arguments", "'clinic_id'"),
        (LIST_PATIENTS, {"limit": True}, "invalid_arguments", "limit has to be an integer"),
        (LIST_PATIENTS, {"limit": 2.5}, "invalid_arguments", "limit has to be an integer"),
        (LIST_PATIENTS, {"limit": 2**63}, "invalid_arguments", "64 bits"),
        (LIST_PATIENTS, ["limit"], "invalid_arguments", "parameters"),
        ("get_patient", PATIENT, "unknown_tool", "no tool"),
        ("clinic-data___get_patient ", PATIENT, "unknown_tool", "no tool"),
        ("clinic-data", PATIENT, "unknown_tool", "no tool"),
        ("CallTool", {}, "unknown_tool", "no tool"),
        (5, {}, "invalid_arguments", "parameters"),
        # Who may not call a tool does not learn what it takes.
        (WEB_SEARCH, {"no": 1}, "tool_denied", "not allowed"),
    ],
)
def test_wrong_calls(gateway: StandIn, tool: Any, arguments: Any, code: str, named: str) -> None:
    answer = gateway.call(tool, arguments)
    number = -32002 if code == "tool_denied" else -32602
    assert error(answer) == (200, number, code)
    assert named in answer.json()["error"]["message"]
    assert gateway.emulator.called(TOOLS) == []


@pytest.mark.parametrize(
    ("body", "status", "number"),
    [
        (b"", 400, -32700),
        (b"{", 400, -32700),
        (b"\xff\xfe", 400, -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":NaN}}', 400, -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}', 400, -32700),
        (b"[" * 100_000, 400, -32700),
        (b'{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}', 400, -32700),
        ([], 400, -32600),
        ([initialize()], 400, -32600),
        ("text", 400, -32600),
        ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": 1}, 400, -32600),
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": True, "method": "ping"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}, 400, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": "prompts/list"}, 200, -32601),
        ({"jsonrpc": "2.0", "id": 1, "method": "no/such"}, 200, -32601),
    ],
)
def test_messages_that_are_none(gateway: StandIn, body: Any, status: int, number: int) -> None:
    assert error(gateway.post(body))[:2] == (status, number)


def test_a_megabyte_of_arguments_is_looked_at_and_7_megabytes_are_not(gateway: StandIn) -> None:
    assert "result" in gateway.call(GET_PATIENT, {"patient_id": "x" * 1_000_000}).json()
    assert error(gateway.call(GET_PATIENT, {"patient_id": "x" * 7_000_000})) == (413, -32600, "payload_too_large")
    assert len(gateway.emulator.called(INTERCEPTOR)) == 1


def test_a_body_without_a_length_is_cut_off_too(gateway: StandIn) -> None:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token()}"}
    pieces = (b" " * 1_000_000 for _ in range(8))
    answer = gateway.client.post(f"{gateway.url}/mcp", content=pieces, headers=headers)
    assert error(answer) == (413, -32600, "payload_too_large")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Accept": "text/event-stream"}, 406),
        ({"MCP-Protocol-Version": "2026-07-28"}, 400),
        ({"MCP-Protocol-Version": "x"}, 400),
    ],
)
def test_headers_that_ask_for_something_else(gateway: StandIn, headers: dict[str, str], status: int) -> None:
    assert error(gateway.call(GET_PATIENT, PATIENT, **headers))[0] == status


def test_other_paths_and_methods(gateway: StandIn) -> None:
    bearer = {"Authorization": f"Bearer {token()}"}
    assert gateway.client.get(f"{gateway.url}/mcp").status_code == 401
    assert gateway.client.get(f"{gateway.url}/mcp", headers=bearer).status_code == 405
    assert gateway.client.delete(f"{gateway.url}/mcp", headers=bearer).status_code == 405
    assert gateway.client.get(f"{gateway.url}/mcp/x", headers=bearer).status_code == 404
    assert gateway.client.get(f"{gateway.url}/ping").json()["status"] == "Healthy"


# --- sessions --------------------------------------------------------------------------------------------------------


def test_a_session_is_its_owners(gateway: StandIn) -> None:
    session = gateway.open_session()
    assert "result" in gateway.call(GET_PATIENT, PATIENT, Mcp_Session_Id=session).json()
    assert "result" in gateway.call(GET_PATIENT, PATIENT, bearer=token(exp=2**31), Mcp_Session_Id=session).json()
    for other in (
        token(user="user-2"),
        token(clinic="clinic-b"),
        token(tier="premium"),
    ):
        answer = gateway.call(GET_PATIENT, PATIENT, bearer=other, Mcp_Session_Id=session)
        assert error(answer) == (404, -32600, "session_not_found")
    assert error(gateway.call(GET_PATIENT, PATIENT, Mcp_Session_Id="invented"))[0] == 404
    assert "result" in gateway.call(GET_PATIENT, PATIENT, Mcp_Session_Id=session).json(), "and it stays theirs"


def test_every_request_of_a_session_is_authorized_again(gateway: StandIn) -> None:
    session = gateway.open_session()
    answer = gateway.call(GET_PATIENT, PATIENT, bearer=token(exp=1), Mcp_Session_Id=session)
    assert answer.status_code == 401
    gateway.set_clock("2026-08-12T23:00:00Z")
    assert error(gateway.call(GET_PATIENT, PATIENT, Mcp_Session_Id=session))[2] == "tool_denied"


def test_a_session_that_its_owner_ended_is_gone(gateway: StandIn) -> None:
    session = gateway.open_session()
    headers = {"Mcp-Session-Id": session}
    other = {**headers, "Authorization": f"Bearer {token(user='user-2')}"}
    assert gateway.client.delete(f"{gateway.url}/mcp", headers=other).status_code == 404
    own = {**headers, "Authorization": f"Bearer {token()}"}
    assert gateway.client.delete(f"{gateway.url}/mcp", headers=own).status_code == 200
    assert gateway.client.delete(f"{gateway.url}/mcp", headers=own).status_code == 404


def test_a_gateway_without_session_configuration_has_no_sessions(tmp_path: Path) -> None:
    with running(tmp_path, document=lambda url: state(url, gateway={"protocol_configuration": []})) as gateway:
        answer = gateway.post(initialize())
        assert "mcp-session-id" not in answer.headers
        assert "result" in answer.json()
        assert error(gateway.call(GET_PATIENT, PATIENT, Mcp_Session_Id="x"))[0] == 404


def test_versions_are_negotiated_among_the_recorded_ones(tmp_path: Path) -> None:
    protocol = [{"mcp": [{"supported_versions": ["2025-03-26", "2025-06-18"], "instructions": "Be brief."}]}]
    with running(tmp_path, document=lambda url: state(url, gateway={"protocol_configuration": protocol})) as gateway:
        asked = {
            version: result(gateway.post(initialize(version)))["protocolVersion"]
            for version in ("2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28", "x")
        }
        assert asked == {
            "2025-03-26": "2025-03-26",
            "2025-06-18": "2025-06-18",
            "2025-11-25": "2025-06-18",
            "2026-07-28": "2025-06-18",
            "x": "2025-06-18",
        }
        assert result(gateway.post(initialize()))["instructions"] == "Be brief."
        assert error(gateway.call(GET_PATIENT, PATIENT, MCP_Protocol_Version="2025-11-25"))[0] == 400


# --- failing targets, and floods -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [function_error, JSONResponse({"Message": "secret"}, 403), JSONResponse({}, 500), Response("no json")]
)
def test_a_target_that_fails(gateway: StandIn, answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(event: Any, context: Any) -> Any:
        return answer if isinstance(answer, Response) else await answer(event, context)

    gateway.emulator.functions[TOOLS] = fail
    refused = gateway.call(GET_PATIENT, {"patient_id": "P-private"})
    assert error(refused) == (200, -32603, "target_failed")
    assert all(secret not in refused.text + caplog.text for secret in ("secret", "P-private", "eyJ"))
    assert TOOLS not in refused.text


def test_an_error_that_the_tool_answers_is_passed_on(gateway: StandIn) -> None:
    async def broker_down(*_: Any) -> Any:
        return {"error": {"code": "credentials_unavailable", "message": "m", "retryable": True}}

    gateway.emulator.functions[TOOLS] = broker_down
    found = result(gateway.call(GET_PATIENT, PATIENT))
    assert found["structuredContent"]["error"]["code"] == "credentials_unavailable"


def test_a_target_that_hangs(tmp_path: Path) -> None:
    async def hang(*_: Any) -> Any:
        await asyncio.sleep(5)

    with running(tmp_path, target_timeout_seconds=0.2) as gateway:
        gateway.emulator.functions[TOOLS] = hang
        assert error(gateway.call(GET_PATIENT, PATIENT)) == (200, -32603, "target_timeout")


def test_a_token_too_long_for_the_client_context_is_a_typed_error(gateway: StandIn) -> None:
    assert error(gateway.call(GET_PATIENT, PATIENT, bearer=token(pad="x" * 2000))) == (200, -32603, "target_failed")


def test_500_calls_of_one_tenant_end_typed_and_another_tenant_is_served(tmp_path: Path) -> None:
    async def slow(event: Any, context: Any) -> Any:
        await asyncio.sleep(0.3)
        return await tools_function(event, context)

    with running(tmp_path, in_flight=64, tenant_in_flight=16) as gateway, ThreadPoolExecutor(48) as pool:
        gateway.emulator.functions[TOOLS] = slow
        flood = [pool.submit(gateway.call, GET_PATIENT, PATIENT) for _ in range(500)]
        wait(flood, return_when=FIRST_COMPLETED)
        other = [gateway.call(GET_PATIENT, PATIENT, bearer=token(clinic="clinic-b", user="b")) for _ in range(3)]
        assert all("result" in answer.json() for answer in other)
        answers = [future.result() for future in flood]
        served = [answer for answer in answers if answer.status_code == 200]
        refused = [answer for answer in answers if answer.status_code != 200]
        assert all("result" in answer.json() for answer in served)
        assert len(served) >= 16
        assert refused
        for answer in refused:
            assert error(answer) == (429, -32000, "throttled")
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["error"]["data"]["retryable"] is True
        assert gateway.client.get(f"{gateway.url}/ping").status_code == 200


def test_calls_per_second_are_limited_for_the_gateway_and_other_requests_are_not(tmp_path: Path) -> None:
    with running(tmp_path, calls_per_second=5, tenant_calls_per_second=100) as gateway:
        answers = [gateway.call(GET_PATIENT, PATIENT) for _ in range(12)]
        assert 429 in {answer.status_code for answer in answers}
        assert gateway.tools() == [GET_PATIENT, LIST_PATIENTS]


def test_a_client_that_hangs_up_ends_the_call(gateway: StandIn) -> None:
    async def hang(*_: Any) -> Any:
        await asyncio.sleep(30)

    gateway.emulator.functions[TOOLS] = hang
    with pytest.raises(httpx.ReadTimeout):
        gateway.client.post(
            f"{gateway.url}/mcp",
            json=call(GET_PATIENT, PATIENT),
            headers={"Authorization": f"Bearer {token()}"},
            timeout=0.5,
        )
    for _ in range(40):  # its place is free again
        if not gateway.app.throttle.busy:
            break
        gateway.client.get(f"{gateway.url}/ping")
    assert gateway.app.throttle.busy == 0


# --- control ---------------------------------------------------------------------------------------------------------


def test_a_reload_changes_what_a_running_gateway_allows(gateway: StandIn) -> None:
    session = gateway.open_session()
    assert error(gateway.call(WEB_SEARCH, {"query": "measles"}))[2] == "tool_denied"
    more = {**POLICIES, "basic": statement("basic", GET_PATIENT, WEB_SEARCH)}
    gateway.write_state(state(gateway.emulator.url, policies=more))
    assert error(gateway.call(WEB_SEARCH, {"query": "measles"}))[2] == "tool_denied"
    assert gateway.control("POST", "reload").status_code == 200
    assert "result" in gateway.call(WEB_SEARCH, {"query": "measles"}, Mcp_Session_Id=session).json()
    assert gateway.tools() == [GET_PATIENT, WEB_SEARCH]
    assert gateway.emulator.sessions == [], "the role's session is kept"


@pytest.mark.parametrize(
    "bad",
    [
        "no json",
        {},
        {"format_version": "1.0"},
        {"basic": "permit(principal, action, resource"},
        {"basic": POLICIES["basic"].replace("get_patient", "get_patent")},
        {"basic": POLICIES["basic"] + POLICIES["premium"]},
        {"basic": POLICIES["basic"].replace('hasTag("tier") &&', 'hasTag("x") &&')},
        {"interceptor": None},
        {"role": None},
    ],
)
def test_a_bad_state_is_refused_and_the_gateway_goes_on(gateway: StandIn, bad: Any) -> None:
    good = state(gateway.emulator.url)
    if bad == "no json":
        gateway.state_path.write_text("{")
    elif bad == {"interceptor": None}:
        gateway.write_state(changed(good, "aws_bedrockagentcore_gateway", authorizer_type="NONE"))
    elif bad == {"role": None}:
        gateway.emulator.distrusted.add("arn:aws:iam::000000000000:role/other")
        other = changed(good, "aws_bedrockagentcore_gateway", role_arn="arn:aws:iam::000000000000:role/other")
        gateway.write_state(other)
    elif "basic" in bad:
        gateway.write_state(state(gateway.emulator.url, policies=bad))
    else:
        gateway.write_state(bad)
    answer = gateway.control("POST", "reload")
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "invalid_state"
    assert "result" in gateway.call(GET_PATIENT, PATIENT).json()


def test_control_needs_the_secret(gateway: StandIn) -> None:
    for method, path, body in (("POST", "reload", None), ("PUT", "clock", {"now": None})):
        assert gateway.control(method, path, body).status_code == 200
        for secret in ("", "wrong"):
            assert gateway.control(method, path, body, secret=secret).status_code == 404
        assert gateway.client.request(method, f"{gateway.url}/_local/{path}", json=body).status_code == 404
    assert gateway.control("GET", "reload").status_code == 404


@pytest.mark.parametrize("body", [None, [], {}, {"now": 5}, {"now": "noon"}, {"now": "2026-08-12T19:30:00"}])
def test_a_clock_that_is_set_wrong(gateway: StandIn, body: Any) -> None:
    assert gateway.control("PUT", "clock", body).status_code == 400
    assert gateway.clock.now().hour == 12


def test_the_clock_goes_back_to_where_it_was(gateway: StandIn) -> None:
    gateway.set_clock("2026-08-12T23:00:00Z")
    assert gateway.clock.now().hour == 23
    gateway.set_clock(None)
    assert gateway.clock.now().hour == 12


def test_nothing_private_is_logged(gateway: StandIn, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        gateway.call(GET_PATIENT, {"patient_id": "P-private"}, **{"X-Private": "private"})
        gateway.post({"jsonrpc": "2.0", "id": 1, "method": "private\nmethod"})
        gateway.call(GET_PATIENT, {"private": "private"})
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("local_aws"))
    assert "code=<invalid_arguments>" in ours
    assert all(secret not in ours for secret in ("private", "eyJ", "clinic-a"))
