"""Parts of the Gateway stand-in by themselves."""

import asyncio
import json
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest

from local_aws.agentcore.errors import InvalidConfigError, RequestError
from local_aws.agentcore.jwt_rules import ClaimRule
from local_aws.agentcore.reader import Reader
from local_aws.gateway.clock import PolicyClock, parse_start
from local_aws.gateway.control import Control
from local_aws.gateway.limits import RequestLimits, Throttle
from local_aws.gateway.mcp_errors import McpRefusal
from local_aws.gateway.mcp_sessions import McpSessions
from local_aws.gateway.principal import principal_of
from local_aws.gateway.recorded import read_gateway
from local_aws.gateway.settings import parse_settings
from local_aws.gateway.tool_schema import InvalidArgumentsError, ValueSchema, parse_input_schema
from local_aws.gateway.web_search import WebSearch
from local_aws.recorded_state import RecordedState
from tests.unit.gateway_standin_support import (
    GET_PATIENT,
    LIST_PATIENTS,
    WEB_SEARCH,
    argument,
    changed,
    lambda_tool,
    state,
)

OWNER, OTHER = ("iss", "client", "u1", "basic", "clinic-a"), ("iss", "client", "u2", "basic", "clinic-a")


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_a_session_ends_at_its_time_out_however_busy_it_is() -> None:
    clock = Clock()
    sessions = McpSessions(now=clock)
    session = sessions.open(OWNER)
    for _ in range(9):
        clock.time += 100
        if clock.time < 1900:
            sessions.check(session, owner=OWNER, seconds=900)
    with pytest.raises(McpRefusal):
        sessions.check(session, owner=OWNER, seconds=900)
    assert len(sessions) == 0


def test_sessions_are_bounded_and_one_owner_cannot_push_out_another() -> None:
    clock = Clock()
    sessions = McpSessions(now=clock)
    other = sessions.open(OTHER)
    own = [sessions.open(OWNER) for _ in range(300)]
    assert len(sessions) == 51
    sessions.check(other, owner=OTHER, seconds=900)
    sessions.check(own[-1], owner=OWNER, seconds=900)
    with pytest.raises(McpRefusal):
        sessions.check(own[0], owner=OWNER, seconds=900)
    for number in range(3000):
        sessions.open((*OWNER, str(number)))
    assert len(sessions) == 2000
    clock.time += 901
    sessions.reap(900)
    assert len(sessions) == 0


def test_session_ids_cannot_be_guessed() -> None:
    sessions = McpSessions()
    ids = {sessions.open(OWNER) for _ in range(40)}
    assert len(ids) == 40
    assert all(len(found) >= 43 for found in ids)


# --- limits -----------------------------------------------------------------------------------------------------------


def test_a_tenant_over_its_share_takes_nothing_from_the_others() -> None:
    clock = Clock()
    throttle = Throttle(RequestLimits(calls_per_second=10, tenant_calls_per_second=6), now=clock)
    for _ in range(6):
        throttle.count_call("a")
    for _ in range(100):
        with pytest.raises(McpRefusal) as refusal:
            throttle.count_call("a")
        assert (refusal.value.status, refusal.value.code) == (429, "throttled")
    for _ in range(4):
        throttle.count_call("b")
    with pytest.raises(McpRefusal):
        throttle.count_call("b")
    clock.time += 0.5
    for _ in range(3):
        throttle.count_call("a")


def test_places_are_given_back() -> None:
    throttle = Throttle(RequestLimits(tenant_in_flight=2, in_flight=3))
    with throttle.slot("a"), throttle.slot("a"):
        with pytest.raises(McpRefusal), throttle.slot("a"):
            raise AssertionError("not reached")
        with throttle.slot("b"), pytest.raises(McpRefusal), throttle.slot("c"):
            raise AssertionError("not reached")
    assert throttle.busy == 0
    with pytest.raises(KeyError), throttle.slot("a"):
        raise KeyError
    assert throttle.busy == 0


def test_a_user_cannot_take_the_share_of_a_clinic_by_its_name() -> None:
    clinic = principal_of({"sub": "u", "clinic_id": "clinic-a"})
    user = principal_of({"sub": "clinic-a"})
    assert clinic.tenant != user.tenant


def test_only_strings_become_tags() -> None:
    claims = {"sub": "u", "tier": "basic", "tiers": ["basic"], "exp": 5, "admin": True, "nested": {"tier": "premium"}}
    assert dict(principal_of(claims).tags) == {"sub": "u", "tier": "basic"}
    assert "tier" not in dict(principal_of({"sub": "u", "tier": ["premium"]}).tags)


# --- clock ------------------------------------------------------------------------------------------------------------


def test_the_clock_starts_where_it_is_told_and_runs_on() -> None:
    real = datetime(2026, 8, 12, 23, 30, tzinfo=UTC)
    clock = PolicyClock(time(12), real=lambda: real)
    assert clock.now() == datetime(2026, 8, 12, 12, tzinfo=UTC)
    real = datetime(2026, 8, 13, 0, 30, tzinfo=UTC)
    assert clock.now() == datetime(2026, 8, 12, 13, tzinfo=UTC)
    clock.set(datetime(2026, 1, 1, tzinfo=UTC))
    assert clock.now() == datetime(2026, 1, 1, tzinfo=UTC)
    assert PolicyClock(None, real=lambda: real).now() == real


@pytest.mark.parametrize("text", ["", "noon", "25:00", "12:00Z"])
def test_a_start_that_is_no_time(text: str) -> None:
    with pytest.raises(InvalidConfigError):
        parse_start(text)


def test_without_a_secret_there_is_no_control() -> None:
    async def reload() -> str:
        raise AssertionError("not reached")

    control = Control(secret="", clock=PolicyClock(None), reload=reload)
    scope = {"type": "http", "method": "POST", "path": "/_local/reload", "headers": [(b"x-local-secret", b"")]}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    with pytest.raises(RequestError) as refusal:
        asyncio.run(control.answer(scope, receive))
    assert refusal.value.status == 404


# --- arguments --------------------------------------------------------------------------------------------------------

EVERYTHING = parse_input_schema(
    Reader(
        "schema",
        {
            "type": "object",
            "property": [
                argument("text", "string", required=True, description="A text."),
                argument("whole", "integer"),
                argument("flag", "boolean"),
                argument("amount", "number"),
                argument("names", "array", items=[{"type": "string"}]),
                argument("place", "object", property=[argument("room", "integer", required=True)]),
            ],
        },
    )
)


def test_a_schema_is_what_was_recorded() -> None:
    assert EVERYTHING.json_schema() == {
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "A text."},
            "whole": {"type": "integer"},
            "flag": {"type": "boolean"},
            "amount": {"type": "number"},
            "names": {"type": "array", "items": {"type": "string"}},
            "place": {"type": "object", "properties": {"room": {"type": "integer"}}, "required": ["room"]},
        },
        "required": ["text"],
    }


def test_arguments_as_cedar_reads_them() -> None:
    given = {"text": "a", "whole": -3, "flag": False, "amount": 1.5, "names": ["x"], "place": {"room": 2}}
    assert EVERYTHING.cedar_value(given, path="") == {**given, "amount": {"__extn": {"fn": "decimal", "arg": "1.5000"}}}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"amount": 0.00001}, "amount has to be a number with at most four decimal places"),
        ({"amount": 1e300}, "amount has to be a number with at most four decimal places"),
        ({"amount": True}, "amount has to be a number"),
        ({"flag": 0}, "flag has to be a boolean"),
        ({"names": "x"}, "names has to be an array"),
        ({"names": ["x", 5]}, "names[1] has to be a string"),
        ({"place": []}, "place has to be an object"),
        ({"place": {}}, "place.room is missing"),
        ({"place": {"room": 1, "bed": 2}}, "place.'bed' is not an argument of the tool"),
        ({"x" * 100: 1}, f"'{'x' * 60}' is not an argument of the tool"),
    ],
)
def test_arguments_that_do_not_fit(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentsError) as refusal:
        EVERYTHING.cedar_value({"text": "a", **wrong}, path="")
    assert str(refusal.value) == message


# --- recorded state ---------------------------------------------------------------------------------------------------


def read(document: dict[str, Any]) -> Any:
    return read_gateway(RecordedState.parse(document))


def test_a_recorded_gateway_is_read() -> None:
    config = read(state("http://localhost"))
    assert sorted(config.tools) == [GET_PATIENT, LIST_PATIENTS, WEB_SEARCH]
    assert config.session_seconds == 900
    assert config.enforce
    assert [target.allowed_headers for target in config.targets] == [
        (),
        ["X-Clinic-Access-Token", "X-Clinic-Request-Id"],
    ]
    rules = {rule.name: rule for rule in config.authorizer.custom_claims}
    assert rules["tiers"] == ClaimRule(name="tiers", is_list=True, accepted=frozenset({"basic", "premium"}))
    assert not rules["token_use"].is_list


RECORDED = state("http://localhost")["values"]["root_module"]["resources"][0]["values"]
INTERCEPT = RECORDED["interceptor_configuration"][0]
RESPONSE = {**INTERCEPT, "interception_points": ["RESPONSE"]}
JWT = RECORDED["authorizer_configuration"][0]["custom_jwt_authorizer"][0]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"authorizer_type": "NONE"}, "gateway.authorizer_type"),
        ({"authorizer_type": "AWS_IAM"}, "gateway.authorizer_type"),
        ({"protocol_type": "HTTP"}, "gateway.protocol_type"),
        ({"authorizer_configuration": []}, "gateway.authorizer_configuration"),
        (
            {"authorizer_configuration": [{"custom_jwt_authorizer": [{**JWT, "private_endpoint": [{}]}]}]},
            "gateway.authorizer_configuration.custom_jwt_authorizer.private_endpoint",
        ),
        (
            {
                "authorizer_configuration": [
                    {"custom_jwt_authorizer": [{**JWT, "allowed_clients": None, "custom_claim": []}]}
                ]
            },
            "gateway.authorizer_configuration.custom_jwt_authorizer",
        ),
        ({"policy_engine_configuration": []}, "gateway.policy_engine_configuration"),
        ({"policy_engine_configuration": [{"arn": "a", "mode": "OFF"}]}, "gateway.policy_engine_configuration.mode"),
        ({"policy_engine_configuration": [{"arn": "a", "mode": "ENFORCE"}]}, "gateway.policy_engine_configuration.arn"),
        ({"interceptor_configuration": [RESPONSE]}, "gateway.interceptor_configuration"),
        ({"interceptor_configuration": [INTERCEPT, INTERCEPT]}, "gateway.interceptor_configuration"),
        (
            {"protocol_configuration": [{"mcp": [{"search_type": "SEMANTIC"}]}]},
            "gateway.protocol_configuration.mcp.search_type",
        ),
        (
            {"protocol_configuration": [{"mcp": [{"session_configuration": [{"session_timeout_in_seconds": 60}]}]}]},
            "gateway.protocol_configuration.mcp.session_configuration.session_timeout_in_seconds",
        ),
        ({"gateway_id": "another"}, "gateway_target"),
    ],
)  # fmt: skip
def test_a_gateway_that_is_not_served(values: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidConfigError) as refusal:
        read(changed(state("http://localhost"), "aws_bedrockagentcore_gateway", **values))
    assert str(refusal.value).startswith(f"{field}: ")


@pytest.mark.parametrize(
    "tools",
    [
        [lambda_tool("a"), lambda_tool("a")],
        [lambda_tool("bad name")],
        [lambda_tool("a", argument("x", "date"))],
        [lambda_tool("a", argument("x", "array"))],
        [lambda_tool("a", argument("x", "string"), argument("x", "integer"))],
        [lambda_tool("a", argument("x", "object", properties_json="{}"))],
    ],
)
def test_tools_that_are_not_served(tools: list[dict[str, Any]]) -> None:
    with pytest.raises(InvalidConfigError):
        read(state("http://localhost", tools=tools))


def test_policies_of_another_engine_do_not_count() -> None:
    assert (
        read(changed(state("http://localhost"), "aws_bedrockagentcore_policy", policy_engine_id="x")).policies[0].name
        == "premium"
    )


def test_a_config_file_is_checked(tmp_path: Path) -> None:
    good = {"state": "s", "aws_endpoint_url": "http://e/", "region": "r", "account_id": "1", "log_dir": str(tmp_path)}
    assert parse_settings({**good, "policy_clock": "07:30"}).policy_clock == time(7, 30)
    assert parse_settings(good).policy_clock is None
    assert parse_settings(good).aws_endpoint_url == "http://e"
    for name in good:
        with pytest.raises(InvalidConfigError) as refusal:
            parse_settings({key: value for key, value in good.items() if key != name})
        assert str(refusal.value).startswith(f"config.{name}: ")


# --- web search -------------------------------------------------------------------------------------------------------

CORPUS = json.loads(
    (Path(__file__).parents[2] / "local_aws/src/local_aws/gateway/web_search_corpus.json").read_text(encoding="utf-8")
)


def test_the_corpus_says_everywhere_that_it_is_invented() -> None:
    assert 10 <= len(CORPUS["entries"]) <= 15
    for entry in CORPUS["entries"]:
        assert set(entry) == {"title", "url", "text", "publishedDate"}
        assert entry["url"].startswith("https://public-health.example/")
        assert entry["text"].startswith("Invented ")
    assert all(found["title"].startswith("[offline sample] ") for found in search("invented", 25)["results"])


def search(query: str, limit: int | None = None) -> dict[str, Any]:
    return WebSearch.load().search({"query": query, **({} if limit is None else {"maxResults": limit})})


def test_the_best_match_comes_first() -> None:
    assert search("measles contacts in the waiting room")["results"][0]["title"].endswith("contacts in waiting rooms")
    assert "warfarin" in search("Warfarin?")["results"][0]["url"]
    assert len(search("vaccine", 1)["results"]) == 1
    assert search("zzz qqq")["results"] == []
    assert isinstance(search("vaccine")["id"], str)
    assert len(search("invented guidance")["results"]) == 10, "AWS's default"


@pytest.mark.parametrize(("query", "limit"), [("", 5), ("x" * 201, 5), ("x", 0), ("x", 26)])
def test_a_search_out_of_range(query: str, limit: int) -> None:
    with pytest.raises(InvalidArgumentsError):
        search(query, limit)


def test_a_value_schema_has_no_more_than_it_was_given() -> None:
    assert ValueSchema(type="string").json_schema() == {"type": "string"}
