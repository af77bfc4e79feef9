"""The metrics: each line is a document that CloudWatch reads, counts each request once, and holds nothing private."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import clinic_agent
from clinic_agent.emf import NAMESPACE, UNKNOWN_TIER
from clinic_agent.errors import AgentError, Forbidden, NotAuthenticated, SessionBusy, Throttled, TooLarge, Unavailable
from clinic_agent.lambdas.broker import CredentialsBroker
from clinic_agent.lambdas.interceptor import Interceptor
from clinic_agent.lambdas.registry import Registry
from clinic_agent.lambdas.tools import Tools
from clinic_agent.metering import CROSS_TENANT_CODES, Layer, MetricsLog, RefusalEvent, UsageEvent
from tests.unit import emf_rules
from tests.unit.emf_support import TURN, Lines
from tests.unit.support import USER_A, USER_B, FakeBroker, FakeMemory, Issuer, ScriptedModel, tenant
from tests.unit.test_app import Site, served
from tests.unit.test_lambdas import FakeSts, FakeTable
from tests.unit.test_tool_function import REQUEST, context

PACKAGE = Path(clinic_agent.__file__).parent
WORK = {"Latency", "ModelCalls", "InputTokens", "OutputTokens", "EstimatedCost", "ToolCalls"}
ENDINGS = {"Errors", "Throttles", "DeniedAttempts"}
AGENT = {"Requests", "Turns", "CrossTenantAttempts", *ENDINGS}


def counted(document: dict[str, Any]) -> dict[str, Any]:
    """The values of a document that are not zero, without the work."""
    names = {metric["Name"] for directive in document["_aws"]["CloudWatchMetrics"] for metric in directive["Metrics"]}
    return {name: document[name] for name in sorted(names - WORK) if document[name]}


def refusal(error: AgentError, layer: Layer = "agent", **changes: Any) -> RefusalEvent:
    event = RefusalEvent(
        layer=layer, request_id="r-1", error_code=error.code, error_status=error.status, tenant=tenant()
    )
    return replace(event, **changes)


def test_a_turn_is_a_document_with_its_metrics_by_tier_and_by_model() -> None:
    lines = Lines()
    lines.log.turn(TURN)
    (document,) = lines.documents
    tier = frozenset({("Platform", "clinic-test"), ("Tier", "basic")})
    model = tier | {("Model", "mistral.ministral-3-8b-instruct")}
    work = {
        "Latency": 420,
        "ModelCalls": 2,
        "InputTokens": 1000,
        "OutputTokens": 50,
        "EstimatedCost": 0.0001575,
        "ToolCalls": 3,
    }
    ended = {"Requests": 1, "Turns": 1, "Errors": 0, "Throttles": 0, "DeniedAttempts": 0, "CrossTenantAttempts": 0}
    assert emf_rules.published(document) == {
        **{(name, tier): value for name, value in {**ended, **work}.items()},
        **{(name, model): value for name, value in work.items()},
    }
    assert {directive["Namespace"] for directive in document["_aws"]["CloudWatchMetrics"]} == {NAMESPACE}


def test_the_fields_of_the_usage_event_stay() -> None:
    lines = Lines()
    lines.log.turn(TURN)
    (document,) = lines.documents
    assert '"event":"inference_usage"' in lines.lines[0]
    assert {name: document[name] for name in UsageEvent.__slots__} == {
        name: getattr(TURN, name) for name in UsageEvent.__slots__
    }


@pytest.mark.parametrize("event", ["turn", "agent", "gateway", "broker"])
def test_clinics_and_users_are_never_dimensions(event: Any) -> None:
    lines = Lines()
    if event == "turn":
        lines.log.turn(TURN)
    else:
        lines.log.refusal(refusal(NotAuthenticated(), event))
    (document,) = lines.documents
    assert document["clinic_id"] == "clinic-a"
    for directive in document["_aws"]["CloudWatchMetrics"]:
        assert [set(dimensions) for dimensions in directive["Dimensions"]] in (
            [{"Platform", "Tier"}],
            [{"Platform", "Tier", "Model"}],
        )


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NotAuthenticated(), {"DeniedAttempts"}),
        (Forbidden("tenant_suspended", "x"), {"DeniedAttempts"}),
        (Forbidden("tier_mismatch", "x"), {"DeniedAttempts"}),
        (Forbidden("tools_denied", "x"), {"DeniedAttempts"}),
        (Forbidden("identity_conflict", "x"), {"DeniedAttempts", "CrossTenantAttempts"}),
        (Forbidden("session_owner", "x"), {"DeniedAttempts", "CrossTenantAttempts"}),
        (Throttled("throttled", "x"), {"Throttles"}),
        (Throttled("quota_exceeded", "x"), {"Throttles"}),
        (Unavailable("broker_unavailable", "x"), {"Errors"}),
        (SessionBusy(), set()),
        (TooLarge("prompt_too_large", "x"), set()),
    ],
    ids=lambda value: value.code if isinstance(value, AgentError) else "",
)
def test_each_refusal_counts_as_what_it_is_and_in_its_own_layers_metrics(error: AgentError, expected: set[str]) -> None:
    lines = Lines()
    lines.log.turn(replace(TURN, outcome="refused", error_code=error.code, error_status=error.status))
    for layer in ("agent", "gateway", "broker"):
        lines.log.refusal(refusal(error, layer))
    turn, agent, gateway, broker = lines.documents
    assert counted(turn) == dict.fromkeys(sorted({"Requests", "Turns", *expected}), 1)
    assert counted(agent) == dict.fromkeys(sorted({"Requests", *expected}), 1)
    crossing = expected & {"CrossTenantAttempts"}
    for document, prefix in ((gateway, "Gateway"), (broker, "Broker")):
        names = {f"{prefix}{name}" for name in expected & ENDINGS} | crossing
        assert counted(document) == dict.fromkeys(sorted(names), 1)


def test_a_refusal_without_verified_identity_has_no_tier_clinic_or_user() -> None:
    lines = Lines()
    lines.log.refusal(refusal(NotAuthenticated(), tenant=None))
    (document,) = lines.documents
    assert (document["Tier"], document["tier"]) == (UNKNOWN_TIER, UNKNOWN_TIER)
    assert not {"clinic_id", "user_hash"} & set(document)


NAMES = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@given(
    model_id=NAMES,
    tools=st.dictionaries(NAMES, st.integers(0, 50), max_size=5),
    code=st.none() | NAMES,
    tokens=st.integers(0, 10**9),
    cost=st.floats(0, 1e6),
)
def test_whatever_a_turn_used_the_line_is_a_document(
    model_id: str, tools: dict[str, int], code: str | None, tokens: int, cost: float
) -> None:
    lines = Lines()
    lines.log.turn(
        replace(TURN, model_id=model_id, tools=tools, error_code=code, input_tokens=tokens, estimated_cost_usd=cost)
    )
    assert len(lines.documents) == 1


# --- the rules themselves ---------------------------------------------------------------------------------------------

Break = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda d: d.pop("_aws"), "_aws: must be an object"),
        (lambda d: d["_aws"].pop("Timestamp"), "Timestamp: must be a whole number"),
        (lambda d: d["_aws"].update(Timestamp=d["_aws"]["Timestamp"] // 1000), "must be milliseconds"),
        (lambda d: d["_aws"].update(CloudWatchMetrics=[]), "must not be empty"),
        (lambda d: d.pop("Turns"), "Turns: is no member"),
        (lambda d: d.update(Turns="1"), "Turns: must be a number"),
        (lambda d: d.update(Turns=True), "Turns: must be a number"),
        (lambda d: d.update(Turns=float("nan")), "Turns: must be finite"),
        (lambda d: d.pop("Tier"), "Tier: a dimension's value must be a string"),
        (lambda d: d.update(Tier=""), "Tier: must have 1-1024 characters"),
        (lambda d: d.update(Tier="x" * 1025), "Tier: must have 1-1024 characters"),
        (lambda d: _first(d)["Metrics"].extend([{"Name": "Turns"}] * 100), "Metrics: 1-100"),
        (lambda d: _first(d)["Metrics"].append({"Name": "Turns"}), "names must differ"),
        (lambda d: _first(d)["Metrics"][0].update(Unit="Tokens"), "unit 'Tokens' is none"),
        (lambda d: _first(d)["Dimensions"].append(["Tier"] * 31), "Dimensions: 1-30"),
        (lambda d: _first(d).update(Namespace="AWS/Mine"), "must not be AWS's own"),
    ],
)
def test_documents_that_cloudwatch_would_pass_over_are_noticed(break_it: Break, said: str) -> None:
    lines = Lines()
    lines.log.turn(TURN)
    document = copy.deepcopy(lines.documents[0])
    break_it(document)
    with pytest.raises(AssertionError) as caught:
        emf_rules.parse(json.dumps(document))
    assert said in str(caught.value)


def _first(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["_aws"]["CloudWatchMetrics"][0]
    return found


@pytest.mark.parametrize("line", ["INFO clinic_agent.usage {}", "{} trailing", "[]", ""])
def test_a_line_that_holds_more_than_the_document_is_noticed(line: str) -> None:
    with pytest.raises((AssertionError, json.JSONDecodeError)):
        emf_rules.parse(line)


# --- one line a request, from the running app and functions -----------------------------------------------------------


def metered(site: Site) -> Lines:
    """Make a site of `test_app` meter as production does."""
    lines = Lines()
    site.refusal_sink = lines.log.refusal
    site.parts.parts = replace(site.parts.parts, usage_sink=lines.log.turn)
    return lines


def test_every_request_to_the_app_is_one_line() -> None:
    site = Site(ScriptedModel("An answer.", "Another."))
    lines = metered(site)
    with served(site):
        assert site.post({"prompt": "hi"}).status_code == 200
        assert site.post({"prompt": "hi"}, {"Authorization": "Bearer garbage"}).status_code == 401
        assert site.post({"prompt": "hi", "clinic_id": "clinic-b"}).status_code == 403
        assert site.post({"prompt": "hi"}, site.headers(sub=USER_B)).status_code == 403
        assert site.post({"prompt": ""}).status_code == 400
    answered, garbage, conflict, owner, empty = lines.documents
    assert counted(answered) == {"Requests": 1, "Turns": 1}
    assert (garbage["Tier"], counted(garbage)) == (UNKNOWN_TIER, {"DeniedAttempts": 1, "Requests": 1})
    for document, code in ((conflict, "identity_conflict"), (owner, "session_owner")):
        assert (document["Tier"], document["error_code"]) == ("basic", code)
        assert counted(document) == {"CrossTenantAttempts": 1, "DeniedAttempts": 1, "Requests": 1}
    assert counted(empty) == {"Requests": 1}
    assert conflict["clinic_id"] == "clinic-a"  # of the token, not of the claim


@pytest.mark.parametrize(
    ("code", "expected"),
    [("tenant_suspended", "DeniedAttempts"), ("tier_mismatch", "DeniedAttempts"), ("throttled", "Throttles")],
)
def test_what_the_broker_refuses_is_one_line_of_the_agent(code: str, expected: str) -> None:
    error = Throttled(code, "x") if code == "throttled" else Forbidden(code, "x")
    site = Site(ScriptedModel("An answer."), broker=FakeBroker(error=error))
    lines = metered(site)
    with served(site):
        assert site.post({"prompt": "hi"}).status_code == error.status
    (document,) = lines.documents
    assert (document["Tier"], document["error_code"]) == ("basic", code)
    assert counted(document) == {expected: 1, "Requests": 1}


def test_a_turn_that_is_refused_in_the_middle_is_one_line() -> None:
    site = Site(ScriptedModel("An answer."), memory=FakeMemory(fail_read=Unavailable("memory_unavailable", "x")))
    lines = metered(site)
    with served(site):
        assert site.post({"prompt": "hi"}).status_code == 503
    (document,) = lines.documents
    assert (document["event"], document["error_code"]) == ("inference_usage", "memory_unavailable")
    assert counted(document) == {"Errors": 1, "Requests": 1, "Turns": 1}


def test_a_mistake_of_ours_before_a_turn_is_an_error() -> None:
    site = Site(ScriptedModel("An answer."))
    lines = metered(site)
    site.parts.cached = lambda _: 1 / 0  # type: ignore[assignment,return-value,method-assign]
    with served(site):
        assert site.post({"prompt": "hi"}).status_code == 500
    (document,) = lines.documents
    assert (document["error_code"], counted(document)) == ("internal", {"Errors": 1, "Requests": 1})


ISSUER = Issuer()


def test_a_refusal_of_the_broker_is_one_line_with_the_tokens_tier() -> None:
    lines, table = Lines(), FakeTable()
    broker = CredentialsBroker(
        verifier=ISSUER.verifier(),
        registry=Registry(client=table, table="registry"),
        sts=FakeSts(),
        role_arn="r",
        session_seconds=900,
        tiers={"basic": {}},
        refusal_sink=lines.log.refusal,
    )
    assert "credentials" in broker.answer({"token": ISSUER.token()}, request_id="r-0")
    broker.answer({"token": ISSUER.token(tier="premium")}, request_id="r-1")
    broker.answer({"token": "garbage"}, request_id="r-2")
    broker.answer({"tier": "premium"}, request_id="r-3")
    assert [(d["request_id"], d["error_code"], d["Tier"], counted(d)) for d in lines.documents] == [
        ("r-1", "tier_mismatch", "premium", {"BrokerDeniedAttempts": 1}),
        ("r-2", "invalid_token", UNKNOWN_TIER, {"BrokerDeniedAttempts": 1}),
        ("r-3", "invalid_token", UNKNOWN_TIER, {"BrokerDeniedAttempts": 1}),
    ]


def test_a_refusal_of_the_interceptor_is_one_line() -> None:
    lines = Lines()
    checks = Interceptor(verifier=ISSUER.verifier(), tool_arguments={}, refusal_sink=lines.log.refusal)

    def ask(token: str, method: str) -> None:
        body = {"jsonrpc": "2.0", "id": 1, "method": method}
        headers = {"Authorization": f"Bearer {token}", "X-Clinic-Tier": "premium"}
        request = {"httpMethod": "POST", "headers": headers, "body": body}
        checks.answer({"mcp": {"gatewayRequest": request}}, "r-1")

    ask(ISSUER.token(), "tools/list")
    ask("garbage", "tools/list")
    ask(ISSUER.token(), "resources/read")
    denied, unknown = lines.documents
    assert (denied["Tier"], counted(denied)) == (UNKNOWN_TIER, {"GatewayDeniedAttempts": 1})
    assert (unknown["Tier"], unknown["error_code"], counted(unknown)) == ("basic", "method_not_found", {})


def test_a_refusal_of_the_tool_function_is_one_line() -> None:
    lines = Lines()
    sessions: Any = None  # not reached
    tools = Tools(verifier=ISSUER.verifier(), sessions=sessions, bucket="b", table="t", refusal_sink=lines.log.refusal)
    headers = context().client_context.custom["bedrockAgentCorePropagatedHeaders"]
    tools.answer("clinic_profile", {}, None, REQUEST)
    tools.answer("clinic_profile", {}, {}, REQUEST)
    tools.answer("clinic_profile", {}, {name: ISSUER.token() for name in headers}, REQUEST)
    tools.answer("clinic_profile", {}, dict.fromkeys(headers, ISSUER.token(exp=int(time.time()) - 30)), REQUEST)
    direct, missing, failed, expired = lines.documents
    for document in (direct, missing):
        assert document["Tier"] == UNKNOWN_TIER
        assert counted(document) == {"CrossTenantAttempts": 1, "GatewayDeniedAttempts": 1}
    assert counted(expired) == {"GatewayDeniedAttempts": 1}
    assert (failed["error_code"], failed["Tier"], counted(failed)) == ("internal", "basic", {"GatewayErrors": 1})


def test_lines_hold_neither_token_nor_user_nor_prompt() -> None:
    site = Site(ScriptedModel("A private answer."))
    lines = metered(site)
    headers = site.headers()
    with served(site):
        site.post({"prompt": "a private question"}, headers)
        site.post({"prompt": "a private question", "tier": "premium-private"}, headers)
    assert len(lines.documents) == 2
    for secret in (headers["Authorization"].split(".")[-1], "private", USER_A):
        assert secret not in "\n".join(lines.lines)


def test_lines_reach_standard_output_bare(capfd: pytest.CaptureFixture[str]) -> None:
    log = MetricsLog(platform="clinic-test")
    log.turn(TURN)
    log.refusal(refusal(NotAuthenticated()))
    output = capfd.readouterr()
    assert output.err == ""
    assert [emf_rules.parse(line)["event"] for line in output.out.splitlines()] == [
        "inference_usage",
        "request_refused",
    ]


def test_every_code_that_counts_as_an_attempt_is_raised_somewhere() -> None:
    source = "".join(path.read_text() for path in PACKAGE.rglob("*.py") if path.name != "metering.py")
    assert {code for code in CROSS_TENANT_CODES if f'("{code}", ' not in source} == set()
