"""Converse and ConverseStream: from a request to a chat, and from its chunks to an answer.

Both are one call of the model server and one list of events, so they cannot give different answers. A stream is passed
on as it arrives, with a guardrail as soon as that has seen it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final

from local_aws.emulator.converse_events import ConverseEvents, Event, fold
from local_aws.emulator.guarded_conversation import AnswerGate, Guard, without_marks
from local_aws.emulator.model_server import ModelCallError, ModelServer

Response = tuple[int, dict[str, str], Any]

_STREAM_HEADERS: Final = {
    "Content-Type": "application/vnd.amazon.eventstream",
    "x-amzn-bedrock-content-type": "application/json",
}
_INFERENCE: Final = {
    "maxTokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "stopSequences": "stop",
}


def parse(model_id: str, body: bytes) -> dict[str, Any]:
    """Parse a Converse request.

    Raises:
        ModelCallError: If AWS would refuse it as invalid.
    """
    from ministack.services import bedrock_runtime as bedrock

    _, _, refused = bedrock._normalize_model_id(model_id)
    if refused:
        raise ModelCallError(json.loads(refused[2])["message"], code="ValidationException", status=400)
    try:
        request = json.loads(body or b"{}")
    except ValueError as failure:
        raise ModelCallError("Body is not valid JSON.", code="ValidationException", status=400) from failure
    if refused := bedrock._validate_converse_request(request):
        raise ModelCallError(json.loads(refused[2])["message"], code="ValidationException", status=400)
    messages = request.get("messages")
    if not messages or messages[0]["role"] != "user":
        message = "A conversation must start with a user message. Try again with a conversation that starts with one."
        raise ModelCallError(message, code="ValidationException", status=400)
    return dict(request)


def _chat_payload(model_id: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Translate a Converse request into a chat request."""
    from ministack.services import bedrock_runtime as bedrock

    payload: dict[str, Any] = {
        "model": model_id,
        "messages": bedrock._openai_messages(request.get("messages"), request.get("system")),
    }
    tools, choice = bedrock._openai_tools(request.get("toolConfig"))
    if tools:
        payload["tools"] = tools
        if choice is not None:
            payload["tool_choice"] = choice
    settings = request.get("inferenceConfig") or {}
    return payload | {theirs: settings[ours] for ours, theirs in _INFERENCE.items() if ours in settings}


def _translator(request: Mapping[str, Any]) -> ConverseEvents:
    from ministack.services import bedrock_runtime as bedrock

    text = bedrock._system_text(request.get("system")) + bedrock._messages_text(request.get("messages"))
    return ConverseEvents(input_tokens=bedrock._estimate_tokens(text))


def _frames(events: list[Event]) -> bytes:
    from ministack.services import bedrock_runtime as bedrock

    return b"".join(bedrock._es_event(name, payload) for name, payload in events)


def _broken(failure: ModelCallError) -> bytes:
    from ministack.services import bedrock_runtime as bedrock

    headers = {
        ":message-type": "exception",
        ":exception-type": "modelStreamErrorException",
        ":content-type": "application/json",
    }
    return bytes(bedrock._es_encode_message(headers, json.dumps({"message": str(failure)}).encode()))


async def _events(chunks: AsyncIterator[dict[str, Any]], translator: ConverseEvents) -> AsyncIterator[list[Event]]:
    """Give the events of an answer in the portions in which it arrives."""
    started = time.monotonic()
    events = [translator.start()]  # goes with the first text, not on its own
    async for chunk in chunks:
        events += translator.feed(chunk)
        if events and events[-1][0] != "messageStart":
            yield events
            events = []
    yield [*events, *translator.finish(latency_ms=max(1, int((time.monotonic() - started) * 1000)))]


async def _checked(portions: AsyncIterator[list[Event]], guard: Guard) -> AsyncIterator[list[Event]]:
    """Let an answer through as the guardrail has seen it."""
    gate = AnswerGate(guard)
    async for events in portions:
        if seen := gate.feed(events):
            yield seen


async def _write(send: Any, portions: AsyncIterator[list[Event]]) -> None:
    try:
        async for events in portions:
            await send({"type": "http.response.body", "body": _frames(events), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    except ModelCallError as failure:
        await send({"type": "http.response.body", "body": _broken(failure), "more_body": False})


async def _until_disconnected(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def converse_stream(model: ModelServer, model_id: str, request: dict[str, Any], guard: Guard | None) -> Response:
    """Answer ConverseStream.

    Raises:
        ModelCallError: If the model cannot be reached or refuses; the response has not started then.
    """
    from ministack.core.responses import StreamingResponse

    if guard and not guard.check_input(request):
        return 200, dict(_STREAM_HEADERS), _frames(guard.refusal())
    shown = without_marks(request)
    async with AsyncExitStack() as stack:
        # Opened before the response starts: a failure up to here still has an HTTP status of its own.
        chunks = await stack.enter_async_context(model.stream(_chat_payload(model_id, shown)))
        connection = stack.pop_all()
    portions = _events(chunks, _translator(shown))
    if guard:
        portions = _checked(portions, guard)

    async def run(send: Any, receive: Any) -> None:
        writing = asyncio.create_task(_write(send, portions))
        gone = asyncio.create_task(_until_disconnected(receive))
        try:
            await asyncio.wait({writing, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writing, gone):
                task.cancel()
            await asyncio.gather(writing, gone, return_exceptions=True)
            await connection.aclose()

    return 200, dict(_STREAM_HEADERS), StreamingResponse(run)


async def converse(model: ModelServer, model_id: str, request: dict[str, Any], guard: Guard | None) -> Response:
    """Answer Converse.

    Raises:
        ModelCallError: If the model cannot be reached, refuses or breaks off.
    """
    if guard and not guard.check_input(request):
        events = guard.refusal()
    else:
        shown = without_marks(request)
        async with model.stream(_chat_payload(model_id, shown)) as chunks:
            portions = _events(chunks, _translator(shown))
            events = [event async for portion in portions for event in portion]
        if guard:
            events = guard.check_answer(events)
    return 200, {"Content-Type": "application/json"}, json.dumps(fold(events)).encode()
