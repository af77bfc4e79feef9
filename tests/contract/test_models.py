"""Converse and ConverseStream: who may call them, and what they answer when the model is well, busy, down or broken."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EventStreamError

from .conftest import MODEL, TRUST_TENANT
from .support import Caller, allowed, create_role, error_of, grant, role_arn, serving, statement

OTHER_MODEL = "anthropic.claude-3-opus-20240229-v1:0"
HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}
SEARCH = {
    "toolSpec": {
        "name": "search_documents",
        "description": "Search",
        "inputSchema": {"json": {"type": "object", "properties": {"query": {"type": "string"}}}},
    }
}
LOOK_UP: dict[str, Any] = {
    "messages": [{"role": "user", "content": [{"text": "What does the asthma protocol say?"}]}],
    "toolConfig": {"tools": [SEARCH]},
}


@pytest.fixture(scope="module")
def bedrock(root: Caller) -> Any:
    return root.client("bedrock-runtime")


def events(answer: dict[str, Any]) -> list[tuple[str, Any]]:
    return [next(iter(event.items())) for event in answer["stream"]]


def text_of(found: list[tuple[str, Any]]) -> str:
    return "".join(body["delta"].get("text", "") for name, body in found if name == "contentBlockDelta")


@pytest.mark.parametrize(
    ("model", "expected"), [(MODEL, True), (OTHER_MODEL, False), ("us." + MODEL, True), ("eu." + MODEL, False)]
)
def test_a_policy_names_models_and_profiles(tenant: Caller, model: str, expected: bool) -> None:
    runtime = tenant.client("bedrock-runtime")
    assert allowed(runtime.converse, modelId=model, **HELLO) is expected
    assert allowed(runtime.converse_stream, modelId=model, **HELLO) is expected


def test_streaming_is_another_action(root: Caller, broker: Caller) -> None:
    create_role(root, "plain", TRUST_TENANT, [statement("bedrock:InvokeModel", "*")])
    grant(root, "broker", "plain", statement("sts:*", role_arn("plain")))
    runtime = broker.assume("plain", Clinic="clinic-a").client("bedrock-runtime")
    assert allowed(runtime.converse, modelId=MODEL, **HELLO)
    assert not allowed(runtime.converse_stream, modelId=MODEL, **HELLO)


def test_the_answer_comes_from_the_model_server(bedrock: Any) -> None:
    answer = bedrock.converse(modelId=MODEL, **HELLO)
    assert "offline model" in answer["output"]["message"]["content"][0]["text"]
    assert answer["stopReason"] == "end_turn"
    assert answer["usage"]["inputTokens"] > 0
    assert answer["usage"]["outputTokens"] > 10


def test_both_operations_give_the_same_answer(bedrock: Any) -> None:
    whole = bedrock.converse(modelId=MODEL, **HELLO)
    streamed = events(bedrock.converse_stream(modelId=MODEL, **HELLO))
    assert text_of(streamed) == whole["output"]["message"]["content"][0]["text"]
    assert [name for name, _ in streamed if name != "contentBlockDelta"] == [
        "messageStart",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert streamed[-1][1]["usage"] == whole["usage"]


def test_tool_calls(bedrock: Any) -> None:
    use = bedrock.converse(modelId=MODEL, **LOOK_UP)["output"]["message"]["content"][0]["toolUse"]
    assert (use["name"], use["input"]) == ("search_documents", {"query": "What does the asthma protocol say?"})
    streamed = events(bedrock.converse_stream(modelId=MODEL, **LOOK_UP))
    assert [name for name, _ in streamed] == [
        "messageStart",
        "contentBlockStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert streamed[1][1]["start"]["toolUse"]["name"] == "search_documents"
    assert streamed[2][1]["delta"]["toolUse"]["input"] == '{"query": "What does the asthma protocol say?"}'
    assert streamed[4][1]["stopReason"] == "tool_use"


def test_a_tool_loop(bedrock: Any) -> None:
    asked = bedrock.converse(modelId=MODEL, **LOOK_UP)["output"]["message"]
    found = '{"documents": [{"document_id": "asthma-1", "title": "Asthma", "excerpt": "Check the peak flow."}]}'
    result = {"toolUseId": asked["content"][0]["toolUse"]["toolUseId"], "content": [{"text": found}]}
    messages = [*LOOK_UP["messages"], asked, {"role": "user", "content": [{"toolResult": result}]}]
    answer = bedrock.converse(modelId=MODEL, messages=messages, toolConfig=LOOK_UP["toolConfig"])
    text = answer["output"]["message"]["content"][0]["text"]
    assert "[asthma-1]" in text
    assert "Check the peak flow." in text


def test_the_limit_of_tokens_is_a_stop_reason(bedrock: Any) -> None:
    limit = {"inferenceConfig": {"maxTokens": 5}}
    assert bedrock.converse(modelId=MODEL, **HELLO, **limit)["stopReason"] == "max_tokens"
    streamed = dict(events(bedrock.converse_stream(modelId=MODEL, **HELLO, **limit)))
    assert streamed["messageStop"]["stopReason"] == "max_tokens"


@pytest.mark.parametrize("operation", ["converse", "converse_stream"])
@pytest.mark.parametrize(
    ("mode", "expected"),
    [("throttled", ("ThrottlingException", 429)), ("down", ("ServiceUnavailableException", 503))],
)
def test_a_model_that_cannot_answer(
    bedrock: Any, control: Callable[..., None], operation: str, mode: str, expected: tuple[str, int]
) -> None:
    control(mode)
    code, _, status = error_of(getattr(bedrock, operation), modelId=MODEL, **HELLO)
    assert (code, status) == expected


@pytest.mark.parametrize("operation", ["converse", "converse_stream"])
@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "assistant", "content": [{"text": "hello"}]}],
        [{"role": "user", "content": []}],
        [{"role": "system", "content": [{"text": "hello"}]}],
    ],
)
def test_a_conversation_is_well_formed(bedrock: Any, operation: str, messages: Any) -> None:
    code, _, status = error_of(getattr(bedrock, operation), modelId=MODEL, messages=messages)
    assert (code, status) == ("ValidationException", 400)


def test_invoke_model_is_not_answered_by_a_mock(bedrock: Any) -> None:
    assert error_of(bedrock.invoke_model, modelId=MODEL, body=b"{}")[0] == "ValidationException"


def test_the_stream_arrives_as_the_model_makes_it(bedrock: Any, control: Callable[..., None]) -> None:
    control("slow", 40)
    started = time.perf_counter()
    stream = bedrock.converse_stream(modelId=MODEL, **HELLO)["stream"]
    times = [time.perf_counter() - started for event in stream if "contentBlockDelta" in event]
    assert times[0] < 0.2
    assert times[-1] - times[0] > 0.15


def test_the_emulator_serves_others_meanwhile(bedrock: Any, tenant: Caller, control: Callable[..., None]) -> None:
    control("slow", 500)
    stream = bedrock.converse_stream(modelId=MODEL, **HELLO)["stream"]
    next(iter(stream))
    started = time.perf_counter()
    tenant.client("s3").get_object(Bucket="documents", Key="clinic-a/file")
    assert time.perf_counter() - started < 0.4
    stream.close()


def test_a_stream_that_breaks_ends_with_an_error(bedrock: Any, control: Callable[..., None]) -> None:
    control("break")
    received: list[str] = []
    stream = bedrock.converse_stream(modelId=MODEL, **HELLO)["stream"]
    with closing(stream), pytest.raises(EventStreamError) as caught:
        received.extend(next(iter(event)) for event in stream)
    assert caught.value.response["Error"]["Code"] == "modelStreamErrorException"
    assert received[:2] == ["messageStart", "contentBlockDelta"]
    assert "messageStop" not in received


def test_a_guardrail_sees_the_whole_answer(root: Caller, bedrock: Any) -> None:
    created = root.client("bedrock").create_guardrail(
        name="words",
        blockedInputMessaging="input blocked",
        blockedOutputsMessaging="output blocked",
        wordPolicyConfig={"wordsConfig": [{"text": "offline"}, {"text": "forbidden"}]},
    )
    guardrail = {"guardrailIdentifier": created["guardrailId"], "guardrailVersion": "DRAFT"}
    forbidden = {"messages": [{"role": "user", "content": [{"text": "forbidden"}]}]}
    for request, expected in ((HELLO, "output blocked"), (forbidden, "input blocked")):
        streamed = events(bedrock.converse_stream(modelId=MODEL, guardrailConfig=guardrail, **request))
        assert text_of(streamed) == expected
        assert dict(streamed)["messageStop"]["stopReason"] == "guardrail_intervened"
        whole = bedrock.converse(modelId=MODEL, guardrailConfig=guardrail, **request)
        assert whole["output"]["message"]["content"] == [{"text": expected}]
        assert whole["stopReason"] == "guardrail_intervened"


@pytest.mark.parametrize("options", [(), ("--model-url", "http://127.0.0.1:9")])
def test_without_a_model_there_is_no_answer(options: tuple[str, ...], tmp_path: Path) -> None:
    log = tmp_path / "log"
    with serving("local_aws.emulator", *options, health="/_ministack/health", log=log, environment=os.environ) as (
        url,
        _,
    ):
        runtime = Caller(endpoint=url).client("bedrock-runtime")
        for call in (runtime.converse, runtime.converse_stream):
            code, _, status = error_of(call, modelId=MODEL, **HELLO)
            assert (code, status) == ("ServiceUnavailableException", 503)
