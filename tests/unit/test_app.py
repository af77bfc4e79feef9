import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from clinic_agent.agent import AgentParts
from clinic_agent.app.application import build_app
from clinic_agent.app.payload import MAX_BODY_BYTES, MAX_PROMPT_CHARS
from clinic_agent.app.service import Assistant
from clinic_agent.guard import Admission, SessionPin, TenancyGuard
from clinic_agent.metering import RefusalEvent, RefusalSink, UsageEvent
from clinic_agent.settings import MissingSetting, Settings
from tests.unit.support import (
    SESSION_ID,
    TIER,
    USER_A,
    USER_B,
    FakeBroker,
    FakeMemory,
    FixedTools,
    Issuer,
    ScriptedModel,
)
from tests.unit.test_agent_turn import look_up
from tests.unit.test_tenant_session import sessions

SESSION_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"


class Parts:
    """The same parts for everybody."""

    def __init__(self, model: ScriptedModel, memory: FakeMemory) -> None:
        self.usage: list[UsageEvent] = []
        self.parts = AgentParts(
            model=model, memory=memory, tools=FixedTools([look_up]), tier=TIER, usage_sink=self.usage.append
        )

    def cached(self, admission: Admission) -> AgentParts | None:
        return self.parts

    def open(self, admission: Admission) -> AgentParts:
        return self.parts


class Site:
    """The app, really served, so that streaming and hang-ups are real."""

    def __init__(
        self, model: ScriptedModel, memory: FakeMemory | None = None, broker: FakeBroker | None = None
    ) -> None:
        self.issuer, self.memory = Issuer(), memory or FakeMemory()
        self.parts = Parts(model, self.memory)
        guard = TenancyGuard(
            verifier=self.issuer.verifier(), sessions=sessions(broker or FakeBroker()), pin=SessionPin()
        )
        self.refusals: list[RefusalEvent] = []
        self.refusal_sink: RefusalSink = self.refusals.append
        assistant = Assistant(guard=guard, parts=self.parts, refusal_sink=lambda event: self.refusal_sink(event))
        self.app = build_app(assistant)
        self.url = ""

    def headers(self, **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.token(**claims)}", SESSION_HEADER: SESSION_ID}

    def post(self, body: Any, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(
            f"{self.url}/invocations",
            content=content,
            headers=self.headers() if headers is None else headers,
            timeout=10,
            **more,
        )


@contextmanager
def served(site: Site) -> Iterator[Site]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(site.app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
        thread.start()
        deadline = time.monotonic() + 10
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        site.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            yield site
        finally:
            server.should_exit = True
            thread.join(10)


def sse(response: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in response.text.splitlines() if line]


def test_an_answer_is_a_stream_of_events() -> None:
    with served(Site(ScriptedModel("Hello |there."))) as site:
        response = site.post({"prompt": "hi"})
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert [event["type"] for event in sse(response)] == ["text", "text", "usage", "done"]
        assert httpx.get(f"{site.url}/ping").json()["status"] == "Healthy"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"not json", 400, "invalid_json"),
        (b"", 400, "invalid_json"),
        (b'{"prompt": "\xff"}', 400, "invalid_json"),
        (b"[" * 30_000, 400, "invalid_json"),
        ([], 400, "invalid_payload"),
        ("prompt", 400, "invalid_payload"),
        (None, 400, "invalid_payload"),
        ({}, 400, "invalid_prompt"),
        ({"prompt": 7}, 400, "invalid_prompt"),
        ({"prompt": None}, 400, "invalid_prompt"),
        ({"prompt": ["hi"]}, 400, "invalid_prompt"),
        ({"prompt": ""}, 400, "invalid_prompt"),
        ({"prompt": " \n\t"}, 400, "invalid_prompt"),
        ({"prompt": "a\0b"}, 400, "invalid_prompt"),
        (b'{"prompt": "\\ud800"}', 400, "invalid_prompt"),
        ({"prompt": "x" * (MAX_PROMPT_CHARS + 1)}, 413, "prompt_too_large"),
        ({"prompt": "x", "padding": "x" * MAX_BODY_BYTES}, 413, "payload_too_large"),
        ({"prompt": "hi", "clinic_id": "clinic-b"}, 403, "identity_conflict"),
        ({"prompt": "hi", "tier": "premium"}, 403, "identity_conflict"),
        ({"prompt": "hi", "user_id": USER_B}, 403, "identity_conflict"),
        ({"prompt": "hi", "user_id": None}, 403, "identity_conflict"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_bodies_are_refused_with_their_code(body: Any, status: int, code: str) -> None:
    model = ScriptedModel("Hello")
    with served(Site(model)) as site:
        response = site.post(body)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert set(response.json()["error"]) == {"code", "message", "request_id", "retryable"}
    assert model.calls == []


def test_identity_fields_that_agree_with_the_token_change_nothing() -> None:
    with served(Site(ScriptedModel("Hello"))) as site:
        body = {"prompt": "hi", "tier": "basic", "clinic_id": "clinic-a", "user_id": USER_A}
        assert (
            site.post(body, headers={**site.headers(), "X-Clinic-Id": "clinic-b", "X-Tier": "premium"}).status_code
            == 200
        )


@pytest.mark.parametrize("session_id", [None, "short", "s" * 101, "s" * 32 + " x", "-" + "s" * 40, "s" * 40 + "/../x"])
def test_bad_session_ids_are_refused(session_id: str | None) -> None:
    with served(Site(ScriptedModel("Hello"))) as site:
        headers = site.headers()
        del headers[SESSION_HEADER]
        if session_id is not None:
            headers[SESSION_HEADER] = session_id
        response = site.post({"prompt": "hi"}, headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_session_id")


def test_without_a_valid_token_nothing_else_is_looked_at() -> None:
    with served(Site(ScriptedModel("Hello"))) as site:
        for headers in ({}, {"Authorization": "Bearer garbage"}, site.headers(token_use="id"), site.headers(exp=1)):
            response = site.post({"prompt": 7}, headers=headers)
            assert response.status_code == 401
            assert response.headers["www-authenticate"] == "Bearer"


def test_another_owner_on_a_live_session_learns_nothing() -> None:
    with served(Site(ScriptedModel("Hello"), FakeMemory())) as site:
        assert site.post({"prompt": "hi"}).status_code == 200
        for claims in ({"sub": USER_B}, {"clinic_id": "clinic-b"}):
            response = site.post({"prompt": "hi"}, headers=site.headers(**claims))
            assert (response.status_code, response.json()["error"]["code"]) == (403, "session_owner")
            assert "clinic-a" not in response.text


def test_events_arrive_while_the_model_still_speaks() -> None:
    arrivals: list[float] = []
    with (
        served(Site(ScriptedModel("one |two |three", pause=lambda: asyncio.sleep(0.15)))) as site,
        httpx.stream("POST", f"{site.url}/invocations", json={"prompt": "hi"}, headers=site.headers()) as response,
    ):
        for _ in response.iter_lines():
            arrivals.append(time.monotonic())
    assert arrivals[-1] - arrivals[0] > 0.25


def test_a_second_request_of_a_busy_session_is_told_to_wait_and_a_hang_up_frees_it() -> None:
    with served(Site(ScriptedModel("one |two |three |four |five", pause=lambda: asyncio.sleep(0.2)))) as site:
        with httpx.stream("POST", f"{site.url}/invocations", json={"prompt": "hi"}, headers=site.headers()) as response:
            lines = response.iter_lines()  # kept: when it is collected, httpx hangs up
            assert next(lines)
            busy = site.post({"prompt": "hi"})
            assert (busy.status_code, busy.json()["error"]["code"]) == (409, "session_busy")
            assert busy.headers["retry-after"] == "1"
        deadline = time.monotonic() + 5
        while not site.parts.usage and time.monotonic() < deadline:
            time.sleep(0.01)
        (usage,) = site.parts.usage
        assert (usage.outcome, usage.estimated) == ("disconnected", True)
        assert site.memory.written == []
        site.parts.parts.model.pause = None  # type: ignore[attr-defined]
        assert site.post({"prompt": "hi"}).status_code == 200


def test_a_session_is_busy_while_a_cancelled_model_call_goes_on() -> None:
    from dataclasses import replace

    model = ScriptedModel("Hello")
    with served(Site(model)) as site:
        working = [True]
        site.parts.parts = replace(site.parts.parts, still_calling=lambda: working[0])
        assert site.post({"prompt": "hi"}).json()["error"]["code"] == "session_busy"
        working[0] = False
        assert site.post({"prompt": "hi"}).status_code == 200
    assert len(model.calls) == 1


def test_half_a_surrogate_pair_does_not_break_the_stream() -> None:
    with served(Site(ScriptedModel("ok \ud83d"))) as site:
        events = sse(site.post({"prompt": "hi"}))
    assert events[0] == {"type": "text", "text": "ok ?"}
    assert events[-1]["type"] == "done"


def test_a_failure_before_the_first_event_is_an_http_status() -> None:
    with served(Site(ScriptedModel(RuntimeError("prompt: hi")))) as site:
        response = site.post({"prompt": "hi"})
    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal")
    assert "prompt" not in response.text


def test_mistakes_of_ours_are_internal_errors_before_and_after_the_first_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with served(Site(ScriptedModel("Hello"), FakeMemory(fail_read=RuntimeError("prompt: hi")))) as site:
        response = site.post({"prompt": "hi"})
    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal")
    assert response.json()["error"]["request_id"] in caplog.text
    with served(Site(ScriptedModel("Hello"), FakeMemory(fail_write=KeyError("prompt: hi")))) as site:
        response = site.post({"prompt": "hi"})
    assert [event["type"] for event in sse(response)] == ["text", "error"]
    assert sse(response)[-1]["code"] == "internal"
    assert "prompt" not in response.text
    assert "prompt: hi" not in caplog.text


def test_a_failure_after_the_first_event_is_an_error_event() -> None:
    from clinic_agent.errors import Unavailable

    with served(Site(ScriptedModel("Hello"), FakeMemory(fail_write=Unavailable("memory_unavailable", "x")))) as site:
        response = site.post({"prompt": "hi"})
    assert response.status_code == 200
    events = sse(response)
    assert [event["type"] for event in events] == ["text", "error"]
    assert events[-1]["code"] == "memory_unavailable"


def test_logs_hold_no_token_prompt_or_user(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.INFO)
    with served(Site(ScriptedModel("the answer of the model"))) as site:
        headers = site.headers()
        site.post({"prompt": "a very private question"}, headers=headers)
        site.post({"prompt": "a very private question", "tier": "premium"}, headers=headers)
        site.post(b'{"prompt": "a very private question"', headers=headers)
    output = "".join(capfd.readouterr()) + caplog.text
    assert "identity_conflict" in output
    for secret in (headers["Authorization"].split(".")[-1], "private", "answer of the model", USER_A):
        assert secret not in output


def test_the_sdk_writes_neither_session_ids_nor_baggage() -> None:
    app = Site(ScriptedModel("An answer.")).app
    assert not app.logger.isEnabledFor(logging.WARNING)
    assert app.logger.isEnabledFor(logging.ERROR)


def test_settings_are_all_required() -> None:
    with pytest.raises(MissingSetting) as caught:
        Settings.from_environment(
            {"PLATFORM_CONTRACT": "1", "TOKEN_ISSUER": "x", "AWS_REGION": "", "TOKEN_JWKS_URL": "x"}
        )
    names = "TOKEN_CLIENT_ID, BROKER_FUNCTION, GATEWAY_URL, PLATFORM_NAME, AWS_REGION"
    assert str(caught.value) == f"environment: {names} not set; the runtime module of the platform sets them"
