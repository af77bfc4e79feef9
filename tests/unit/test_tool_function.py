import io
import json
import logging
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import botocore.loaders
import pytest
from botocore.exceptions import EndpointConnectionError

from clinic_agent.credentials import LambdaBroker, TenantSessions
from clinic_agent.identity.tokens import LEEWAY_SECONDS
from clinic_agent.lambdas import tools as module
from clinic_agent.lambdas.gateway_headers import ACCESS_TOKEN, REQUEST_ID
from clinic_agent.lambdas.tools import EXPIRED_ON_THE_WAY_SECONDS, MOST_SESSIONS, Tools, handler
from clinic_agent.metering import RefusalEvent
from clinic_agent.tools import ClinicData
from tests.unit.support import TIER, USER_B, Issuer

ISSUER = Issuer()
REQUEST = "0a1b2c3d-1111-4222-8333-444455556666"


class FakeLambda:
    """The broker behind Lambda's API: grants, refuses, or is down."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.refusal: str | None = None
        self.error: Exception | None = None
        self.life = 900.0

    def invoke(self, *, FunctionName: str, Payload: bytes) -> Any:  # noqa: N803
        assert FunctionName == "broker"
        self.tokens.append(json.loads(Payload)["token"])
        if self.error:
            raise self.error
        answer: dict[str, Any] = {"error": {"code": self.refusal, "message": "internal detail"}}
        if self.refusal is None:
            credentials = {
                "access_key_id": f"ASIA{len(self.tokens)}",
                "secret_access_key": "secret",
                "session_token": "session",
                "expires_at": (datetime.now(UTC) + timedelta(seconds=self.life)).isoformat(),
            }
            answer = {"credentials": credentials, "tier": {name: getattr(TIER, name) for name in TIER.__slots__}}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


class Site:
    """The function as Lambda runs it, with data that tells whose it is."""

    def __init__(self) -> None:
        self.broker = FakeLambda()
        self.calls: list[tuple[str, str, Any]] = []  # clinic, tool, arguments
        self.fail: Exception | None = None
        self.made: list[str] = []
        self.refusals: list[RefusalEvent] = []
        loader = botocore.loaders.create_loader()
        self.tools = Tools(
            verifier=ISSUER.verifier(),
            sessions=TenantSessions(
                broker=LambdaBroker(client=self.broker, function="broker"),
                loader=loader,
                region="us-east-1",
                most=MOST_SESSIONS,
            ),
            bucket="documents",
            table="patients",
            refusal_sink=self.refusals.append,
        )


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    site = Site()

    class Data(ClinicData):
        def __init__(self, *, session: Any, clinic_id: str, bucket: str, table: str) -> None:
            super().__init__(session=session, clinic_id=clinic_id, bucket=bucket, table=table)
            self.owner = session.owner
            site.made.append(clinic_id)

        def call(self, tool: str, given: Any) -> dict[str, Any]:
            site.calls.append((self.owner[3], tool, given))
            if site.fail:
                raise site.fail
            if tool == "clinic_profile" and given == {}:
                return {"profile": {"clinic_id": self.owner[3]}}
            return super().call(tool, given)

    monkeypatch.setattr(module, "ClinicData", Data)
    monkeypatch.setattr(module, "_tools", lambda: site.tools)
    return site


def context(headers: Any = ..., tool: str = "clinic-data___clinic_profile", token: str | None = None) -> Any:
    """Build the Lambda context of a call through the Gateway."""
    sent = {ACCESS_TOKEN: token or ISSUER.token(), REQUEST_ID: REQUEST} if headers is ... else headers
    custom = {
        "bedrockAgentCoreToolName": tool,
        "bedrockAgentCoreMessageVersion": "1.0",
        "bedrockAgentCorePropagatedHeaders": sent,
    }
    client_context = SimpleNamespace(custom=custom, env=None, client=None)
    return SimpleNamespace(aws_request_id="aws-request-1", client_context=client_context)


def code(answer: Any) -> str:
    assert set(answer) == {"error"}, answer
    assert set(answer["error"]) == {"code", "message", "retryable"}
    return str(answer["error"]["code"])


def test_a_call_is_served_with_its_callers_credentials(site: Site) -> None:
    token = ISSUER.token(clinic_id="clinic-b")
    assert handler({}, context(token=token)) == {"profile": {"clinic_id": "clinic-b"}}
    assert site.broker.tokens == [token]


@pytest.mark.parametrize(
    "headers",
    [
        lambda token: {ACCESS_TOKEN: token},
        lambda token: {ACCESS_TOKEN.lower(): token},
        lambda token: {ACCESS_TOKEN.upper(): token, ACCESS_TOKEN.lower(): ""},
        lambda token: {ACCESS_TOKEN: token, ACCESS_TOKEN.lower(): token},
        lambda token: json.dumps({ACCESS_TOKEN: token}),
    ],
    ids=["as set", "lower case", "another one emptied", "twice the same", "a JSON string"],
)
def test_the_token_is_found_however_it_is_spelled(site: Site, headers: Any) -> None:
    assert "profile" in handler({}, context(headers(ISSUER.token())))


@pytest.mark.parametrize(
    "headers",
    [
        None,
        {},
        [],
        "no json",
        "[" * 100_000,
        "null",
        {ACCESS_TOKEN: ""},
        {ACCESS_TOKEN: None},
        {ACCESS_TOKEN: 7},
        {ACCESS_TOKEN: ["x"]},
        {ACCESS_TOKEN: "garbage"},
        {ACCESS_TOKEN: f"Bearer {ISSUER.token()}"},
        {ACCESS_TOKEN: ISSUER.token(), ACCESS_TOKEN.lower(): ISSUER.token(clinic_id="clinic-b")},
        {ACCESS_TOKEN: f"{ISSUER.token()},{ISSUER.token()}"},
        {"Authorization": f"Bearer {ISSUER.token()}"},
        {"X-Clinic-Id": "clinic-a"},
        {ACCESS_TOKEN: ISSUER.token(token_use="id")},
        {ACCESS_TOKEN: ISSUER.token(client_id="other")},
        {ACCESS_TOKEN: ISSUER.token(exp=1)},
    ],
    ids=lambda headers: str(headers)[:40],
)
def test_without_a_good_token_nothing_is_asked_for(site: Site, headers: Any) -> None:
    """The interceptor lets none of these through, so whoever sends one came past the Gateway, client context or not."""
    assert code(handler({}, context(headers))) == "direct_call"
    assert [refusal.error_code for refusal in site.refusals] == ["direct_call"]
    assert site.refusals[0].tenant is None
    assert site.broker.tokens == []
    assert site.calls == []


@pytest.mark.parametrize(
    ("seconds_ago", "told"),
    [
        (LEEWAY_SECONDS + 5, "invalid_token"),
        (EXPIRED_ON_THE_WAY_SECONDS - 5, "invalid_token"),
        (EXPIRED_ON_THE_WAY_SECONDS + 5, "direct_call"),
    ],
)
def test_a_token_that_expired_on_its_way_is_no_attack(site: Site, seconds_ago: int, told: str) -> None:
    expired = int(time.time()) - seconds_ago
    for claims, expected in (({}, told), ({"client_id": "other"}, "direct_call"), ({"iss": "other"}, "direct_call")):
        assert code(handler({}, context(token=ISSUER.token(exp=expired, iat=expired - 600, **claims)))) == expected
    assert site.broker.tokens == []


@pytest.mark.parametrize(
    "called",
    [
        None,
        SimpleNamespace(),
        SimpleNamespace(client_context=None),
        SimpleNamespace(client_context=SimpleNamespace(custom=None)),
        SimpleNamespace(client_context=SimpleNamespace(custom={})),
        SimpleNamespace(client_context=SimpleNamespace(custom="text")),
        SimpleNamespace(client_context={"custom": {"bedrockAgentCoreToolName": "x"}}),
    ],
    ids=str,
)
def test_a_direct_call_is_refused_whatever_it_says(site: Site, called: Any) -> None:
    event = {ACCESS_TOKEN: ISSUER.token(), "headers": {ACCESS_TOKEN: ISSUER.token()}, "tool": "clinic_profile"}
    assert code(handler(event, called)) == "direct_call"
    assert site.broker.tokens == []


@pytest.mark.parametrize("tool", ["", "clinic-data___", "clinic-data___drop_table", "__init__"])
def test_unknown_tools_are_typed(site: Site, tool: str) -> None:
    assert code(handler({}, context(tool=tool))) == "unknown_tool"


def test_wrong_arguments_are_typed(site: Site) -> None:
    answer = handler({"clinic_id": "clinic-b"}, context())
    assert code(answer) == "invalid_argument"
    assert "clinic_id" in answer["error"]["message"]
    assert answer["error"]["retryable"] is False


def test_credentials_are_kept_per_whole_identity(site: Site) -> None:
    for claims in ({}, {}, {"sub": USER_B}, {"clinic_id": "clinic-ab"}, {"tier": "premium"}, {}):
        handler({}, context(token=ISSUER.token(**claims)))
    assert len(site.broker.tokens) == 4
    assert [clinic for clinic, _, _ in site.calls] == [*["clinic-a"] * 3, "clinic-ab", *["clinic-a"] * 2]
    assert len(site.made) == 4


def test_what_is_kept_is_bounded(site: Site) -> None:
    for number in range(MOST_SESSIONS + 1):
        handler({}, context(token=ISSUER.token(clinic_id=f"clinic-{number}")))
    handler({}, context(token=ISSUER.token(clinic_id="clinic-1")))
    assert len(site.made) == MOST_SESSIONS + 1
    handler({}, context(token=ISSUER.token(clinic_id="clinic-0")))  # had to make room
    assert len(site.made) == MOST_SESSIONS + 2


def test_credentials_are_renewed_with_the_latest_token(site: Site) -> None:
    site.broker.life = 120  # within the advisory window
    tokens = [ISSUER.token(), ISSUER.token()]
    for token in tokens:
        handler({}, context(token=token))
    assert site.broker.tokens == tokens
    assert len(site.made) == 1


@pytest.mark.parametrize(
    ("refusal", "told", "retryable"),
    [
        ("tenant_suspended", "tenant_suspended", False),
        ("tier_mismatch", "tier_mismatch", False),
        ("quota_exceeded", "quota_exceeded", True),
        ("throttled", "throttled", True),
        ("invalid_token", "invalid_token", False),
        ("unavailable", "broker_unavailable", True),
    ],
)
def test_refusals_of_the_broker_come_through_typed(site: Site, refusal: str, told: str, retryable: bool) -> None:
    site.broker.refusal = refusal
    answer = handler({}, context())
    assert (code(answer), answer["error"]["retryable"]) == (told, retryable)
    assert "internal detail" not in str(answer)
    assert site.calls == []
    site.broker.refusal = None
    assert "profile" in handler({}, context())  # nothing of it is kept


def test_a_suspension_counts_when_the_credentials_end(site: Site) -> None:
    site.broker.life = 30  # within the mandatory window: the next use needs new ones
    handler({}, context())
    site.broker.refusal = "tenant_suspended"
    assert code(handler({}, context())) == "tenant_suspended"


def test_a_broker_that_is_down_is_an_outage(site: Site) -> None:
    site.broker.error = EndpointConnectionError(endpoint_url="http://internal.example")
    answer = handler({}, context())
    assert (code(answer), answer["error"]["retryable"]) == ("broker_unavailable", True)
    assert "internal.example" not in str(answer)


def test_keys_that_cannot_be_fetched_are_an_outage(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = Issuer(down=True)
    monkeypatch.setattr(site.tools, "_verifier", issuer.verifier())
    assert code(handler({}, context(token=issuer.token()))) == "identity_unavailable"


def test_mistakes_of_ours_are_internal_and_tell_nothing(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.fail = KeyError("Jane Doe")
    answer = handler({}, context())
    assert code(answer) == "internal"
    assert "Jane" not in str(answer)
    assert "error=<KeyError>" in caplog.text
    assert "Jane" not in caplog.text


def test_a_function_that_is_not_set_up_is_typed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKEN_ISSUER", raising=False)
    assert code(handler({}, context())) == "internal"


def test_answers_are_json(site: Site) -> None:
    for event in ({}, {"x": 1}, None):
        answer = handler(event, context())
        assert json.loads(json.dumps(answer)) == answer


def test_each_call_is_one_line_without_arguments(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    handler({}, context())
    handler({"private": "a private question"}, context(tool="clinic-data___search_documents"))
    handler({}, context({ACCESS_TOKEN: ISSUER.token(), REQUEST_ID: "forged\nline"}, tool="private___private"))
    lines = [record.getMessage() for record in caplog.records if record.name == module.logger.name]
    assert len(lines) == 3
    assert lines[0].startswith("tool=<clinic_profile>, outcome=<answered>, duration_ms=<")
    assert f"request_id=<{REQUEST}>" in lines[0]
    assert lines[1].startswith("tool=<search_documents>, outcome=<invalid_argument>")
    assert lines[2].startswith("tool=<>, outcome=<unknown_tool>")
    assert "request_id=<aws-request-1>" in lines[2]
    for secret in ("private", "forged", "question"):
        assert secret not in caplog.text


def test_nothing_is_made_when_the_module_is_imported() -> None:
    assert module._tools.cache_info().currsize == 0
