"""The parts of one owner as they are really made: clients, model and connection, over a Gateway that listens."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import botocore.session
import pytest

from clinic_agent.agent import AgentParts, answer
from clinic_agent.app.application import warm_loader
from clinic_agent.credentials import TenantSessions
from clinic_agent.errors import AgentError, Forbidden, Unavailable
from clinic_agent.gateway import GatewayTools
from clinic_agent.guard import Admission
from clinic_agent.metering import UsageEvent
from clinic_agent.settings import Settings
from clinic_agent.workspace import Workspaces
from tests.unit.gateway_support import SEARCH, FakeGateway, described, error, hang_up, refuse, serving
from tests.unit.support import SESSION_ID, TIER, USER_B, FakeBroker, FakeMemory, ScriptedModel, tenant

LOADER = warm_loader()


class Site:
    """An owner's parts, with memory and model of a test in place of AWS's."""

    def __init__(self, gateway: FakeGateway) -> None:
        self.gateway = gateway
        self.usage: list[UsageEvent] = []
        self.sessions = TenantSessions(broker=FakeBroker(), loader=LOADER, region="us-east-1")
        self.settings = Settings(
            token_issuer="i",
            token_jwks_url="j",
            token_client_id="c",
            broker_function="f",
            gateway_url=gateway.url,
            platform_name="clinic-test",
            region="us-east-1",
        )
        self.workspaces = Workspaces(settings=self.settings, usage_sink=self.usage.append)
        self.memory = FakeMemory()

    def admission(self, **changes: Any) -> Admission:
        who = tenant(**{"token": f"{changes.get('user_id', 'owner')}/1", **changes})
        return Admission(tenant=who, session=self.sessions.open(who))

    def parts(self, **changes: Any) -> AgentParts:
        return self.workspaces.open(self.admission(**changes))

    def ask(self, parts: AgentParts, *script: Any) -> tuple[list[dict[str, Any]], ScriptedModel]:
        model = ScriptedModel(*script)
        chosen = replace(parts, model=model, memory=self.memory)

        async def collect() -> list[dict[str, Any]]:
            stream = answer(chosen, tenant=tenant(), session_id=SESSION_ID, prompt="a question", request_id="r-1")
            return [event async for event in stream]

        return asyncio.run(collect()), model


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(FakeGateway()) as gateway:
        site = Site(gateway)
        yield site
        site.workspaces.close()


def test_a_turn_uses_the_gateways_tools(site: Site) -> None:
    events, model = site.ask(site.parts(), ("search_documents", {"query": "wound"}), "Here.")
    assert [event.get("status") or event["type"] for event in events] == [
        "started",
        "finished",
        "text",
        "usage",
        "done",
    ]
    (spec,) = model.calls[0]["tools"]
    assert spec["name"] == "search_documents"
    assert "query" in spec["inputSchema"]["json"]["properties"]
    result = model.calls[1]["messages"][-1]["content"][0]["toolResult"]
    assert json.loads(result["content"][0]["text"])["asked"] == {"query": "wound"}
    assert result["status"] == "success"


def test_a_later_turn_makes_nothing_and_asks_the_gateway_for_the_call_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = site.parts()
    site.ask(parts, ("search_documents", {"query": "one"}), "Here.")
    site.gateway.requests.clear()

    def no_more(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("made on a cached turn")

    monkeypatch.setattr(boto3.Session, "__init__", no_more)
    monkeypatch.setattr(botocore.session.Session, "create_client", no_more)
    assert site.workspaces.cached(site.admission(token="owner/2")) is parts
    site.ask(parts, ("search_documents", {"query": "two"}), "Here.")
    (request,) = site.gateway.requests
    assert request.method == "tools/call"
    assert request.headers["authorization"] == "Bearer owner/2"  # of the latest request


def test_a_lost_session_does_not_lose_the_turn(site: Site) -> None:
    parts = site.parts()
    site.ask(parts, ("search_documents", {"query": "one"}), "Here.")
    site.gateway.forget_sessions()
    site.gateway.fault("tools/call", hang_up)
    events, model = site.ask(parts, ("search_documents", {"query": "two"}), "Here.")
    assert events[-1]["type"] == "done"
    assert len(model.calls) == 2
    assert site.gateway.count("initialize") == 2


def test_calls_of_one_turn_run_side_by_side(site: Site) -> None:
    class Two(ScriptedModel):
        async def stream(self, *args: Any, **kwargs: Any) -> Any:
            if self.calls:
                async for chunk in super().stream(*args, **kwargs):
                    yield chunk
                return
            self.calls.append({})
            yield {"messageStart": {"role": "assistant"}}
            for number in range(2):
                use = {"toolUseId": f"u{number}", "name": "search_documents"}
                yield {"contentBlockStart": {"contentBlockIndex": number, "start": {"toolUse": use}}}
                delta = {"toolUse": {"input": json.dumps({"query": f"word-{number}"})}}
                yield {"contentBlockDelta": {"contentBlockIndex": number, "delta": delta}}
                yield {"contentBlockStop": {"contentBlockIndex": number}}
            yield {"messageStop": {"stopReason": "tool_use"}}
            yield {"metadata": {"usage": {}, "metrics": {}}}

    together = threading.Barrier(2, timeout=5)

    def answered(name: str, arguments: Any) -> Any:
        together.wait()
        return {"asked": arguments["query"]}

    site.gateway.answer = answered
    model = Two("unused", "Here.")
    chosen = replace(site.parts(), model=model, memory=site.memory)

    async def collect() -> list[dict[str, Any]]:
        stream = answer(chosen, tenant=tenant(), session_id=SESSION_ID, prompt="q", request_id="r-1")
        return [event async for event in stream]

    assert asyncio.run(collect())[-1]["type"] == "done"
    results = model.calls[1]["messages"][-1]["content"]
    told = {r["toolResult"]["toolUseId"]: json.loads(r["toolResult"]["content"][0]["text"])["asked"] for r in results}
    assert told == {"u0": "word-0", "u1": "word-1"}


@pytest.mark.parametrize(
    ("answered", "code"),
    [
        ({"error": {"code": "patients_unavailable", "message": "m", "retryable": True}}, "patients_unavailable"),
        ({"error": {"code": "tenant_suspended", "message": "m", "retryable": False}}, "tenant_suspended"),
    ],
)
def test_an_outage_behind_a_tool_ends_the_turn_typed(site: Site, answered: Any, code: str) -> None:
    site.gateway.answer = lambda *_: answered
    with pytest.raises(AgentError) as caught:
        site.ask(site.parts(), ("search_documents", {"query": "x"}), "I guess.")
    assert caught.value.code == code
    assert site.memory.written == []
    assert site.usage[0].error_code == code


def test_a_mistake_of_ours_in_a_call_ends_the_turn_and_tells_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise KeyError("a private question")

    monkeypatch.setattr(GatewayTools, "call", broken)
    with pytest.raises(AgentError) as caught:
        site.ask(site.parts(), ("search_documents", {"query": "x"}), "I guess.")
    assert caught.value.code == "internal"
    assert "error=<KeyError>" in caplog.text
    assert "private" not in caplog.text


def test_a_denied_tool_is_told_to_the_model_and_the_tools_are_listed_anew(site: Site) -> None:
    parts = site.parts()
    site.gateway.fault("tools/call", lambda handler, body: handler.reply(200, error(body, -32002, "policy text")))
    events, model = site.ask(parts, ("search_documents", {"query": "x"}), "I may not.")
    assert {"type": "tool", "name": "search_documents", "status": "failed"} in events
    result = model.calls[1]["messages"][-1]["content"][0]["toolResult"]
    assert result["status"] == "error"
    assert json.loads(result["content"][0]["text"])["error"]["message"].startswith("search_documents: is not allowed")
    assert "policy text" not in json.dumps(model.calls)
    site.gateway.tools = []
    with pytest.raises(Forbidden) as caught:
        site.ask(parts, "I guess.")
    assert caught.value.code == "tools_denied"


def test_a_gateway_that_is_down_refuses_the_turn(site: Site) -> None:
    site.gateway.fault("initialize", *[refuse(503)] * 2)
    with pytest.raises(Unavailable) as caught:
        site.ask(site.parts(), "I guess.")
    assert caught.value.code == "tools_unavailable"


def test_the_first_turn_connects_while_the_clients_are_made(site: Site) -> None:
    parts = site.parts()
    assert isinstance(parts.tools, GatewayTools)
    assert len(parts.tools.load()) == 1
    assert site.gateway.count("initialize") == site.gateway.count("tools/list") == 1


def test_another_owner_has_a_connection_of_his_own(site: Site) -> None:
    ours = site.parts()
    site.ask(ours, ("search_documents", {"query": "one"}), "Here.")
    theirs = site.parts(user_id=USER_B)
    site.ask(theirs, ("search_documents", {"query": "two"}), "Here.")
    assert ours.tools is not theirs.tools
    sent = [(r.headers["authorization"], r.headers.get("mcp-session-id")) for r in site.gateway.requests]
    sessions = {bearer: {found for who, found in sent if who == bearer and found} for bearer, _ in sent}
    assert set(sessions) == {"Bearer owner/1", f"Bearer {USER_B}/1"}
    first, second = sessions.values()
    assert len(first) == len(second) == 1
    assert first.isdisjoint(second)


def test_the_model_is_called_with_the_tiers_guardrail_and_without_trace(site: Site) -> None:
    model: Any = site.parts().model
    request = model.format_request([{"role": "user", "content": [{"text": "q"}]}])
    assert request["guardrailConfig"] == {
        "guardrailIdentifier": TIER.guardrail_id,
        "guardrailVersion": TIER.guardrail_version,
        "trace": "disabled",
        "streamProcessingMode": "sync",
    }
    assert request["modelId"] == TIER.model_id
    redacted = [event["redactContent"] for event in model._generate_redaction_events()]
    assert [next(iter(entry)) for entry in redacted] == ["redactUserContentMessage", "redactAssistantContentMessage"]


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_session_is_busy_while_a_call_of_a_cancelled_turn_goes_on(site: Site) -> None:
    release = threading.Event()

    def answered(name: str, arguments: Any) -> Any:
        release.wait(5)
        return {}

    site.gateway.answer = answered
    site.gateway.tools = [described(SEARCH, query="string")]
    parts = site.parts()
    chosen = replace(parts, model=ScriptedModel(("search_documents", {"query": "x"}), "Here."), memory=site.memory)

    async def hang_up_in_the_middle() -> list[bool]:
        async def consume() -> None:
            stream = answer(chosen, tenant=tenant(), session_id=SESSION_ID, prompt="q", request_id="r-1")
            async for _ in stream:
                pass

        task = asyncio.create_task(consume())
        await asyncio.to_thread(until, lambda: site.gateway.count("tools/call"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        busy = [parts.still_calling()]
        release.set()
        await asyncio.to_thread(until, lambda: not parts.still_calling())
        return [*busy, parts.still_calling()]

    assert asyncio.run(hang_up_in_the_middle()) == [True, False]
