"""Converse and ConverseStream, answered by a real model server instead of canned text.

A server that is missing, down or overloaded is an error with the code AWS has for it; nothing falls back to a mock.
ConverseStream passes the answer on as it arrives. With a guardrail the answer is buffered and evaluated first, by the
emulator's own guardrails.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final, cast

from local_aws.emulator.bedrock_actions import model_call
from local_aws.emulator.converse_events import STOP_REASONS, ConverseEvents, Event
from local_aws.emulator.model_server import ModelCallError, ModelServer, unavailable
from local_aws.emulator.patching import wrap

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


def _require(model: ModelServer | None) -> ModelServer:
    if model is None:
        raise unavailable("no model server was configured")
    return model


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


def _parse(body: bytes) -> dict[str, Any]:
    """Parse a Converse request.

    Raises:
        ModelCallError: If AWS would refuse it as invalid.
    """
    from ministack.services import bedrock_runtime as bedrock

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


async def _write(send: Any, chunks: AsyncIterator[dict[str, Any]], translator: ConverseEvents) -> None:
    started = time.monotonic()
    events = [translator.start()]  # written together with the first text, not on its own
    try:
        async for chunk in chunks:
            events += translator.feed(chunk)
            if events and events[-1][0] != "messageStart":
                await send({"type": "http.response.body", "body": _frames(events), "more_body": True})
                events = []
        events += translator.finish(latency_ms=max(1, int((time.monotonic() - started) * 1000)))
        await send({"type": "http.response.body", "body": _frames(events), "more_body": False})
    except ModelCallError as failure:
        await send({"type": "http.response.body", "body": _frames(events) + _broken(failure), "more_body": False})


async def _until_disconnected(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _converse_stream(model: ModelServer, model_id: str, request: Mapping[str, Any]) -> Response:
    from ministack.core.responses import StreamingResponse
    from ministack.services import bedrock_runtime as bedrock

    _, _, refused = bedrock._normalize_model_id(model_id)
    if refused:
        raise ModelCallError(json.loads(refused[2])["message"], code="ValidationException", status=400)
    text = bedrock._system_text(request.get("system")) + bedrock._messages_text(request.get("messages"))
    translator = ConverseEvents(input_tokens=bedrock._estimate_tokens(text))
    async with AsyncExitStack() as stack:
        # Opened before the response starts: a failure up to here still has an HTTP status of its own.
        chunks = await stack.enter_async_context(model.stream(_chat_payload(model_id, request)))
        connection = stack.pop_all()

    async def run(send: Any, receive: Any) -> None:
        writing = asyncio.create_task(_write(send, chunks, translator))
        gone = asyncio.create_task(_until_disconnected(receive))
        try:
            await asyncio.wait({writing, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writing, gone):
                task.cancel()
            await asyncio.gather(writing, gone, return_exceptions=True)
            await connection.aclose()

    return 200, dict(_STREAM_HEADERS), StreamingResponse(run)


def install(model: ModelServer | None) -> None:
    """Answer model calls from `model`; without one they fail as unavailable."""
    from ministack.services import bedrock_runtime as bedrock

    @wrap(bedrock, "_proxy_openai_chat_message")
    def chat_message(
        original: Callable[..., Any],
        model_id: str,
        messages: Any,
        system: Any,
        inference: Any,
        tools: Any = None,
    ) -> tuple[dict[str, Any], tuple[Any, Any] | None]:
        request = {"messages": messages, "system": system, "inferenceConfig": inference, "toolConfig": tools}
        answer = _require(model).complete(_chat_payload(model_id, request))
        choice = answer["choices"][0]
        usage = answer.get("usage") or {}
        counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
        known = all(isinstance(count, int) for count in counts)
        return {**choice["message"], "finish_reason": choice.get("finish_reason")}, counts if known else None

    @wrap(bedrock, "_converse_blocks_from_message")
    def converse_blocks(original: Callable[..., Any], message: Mapping[str, Any]) -> tuple[list[Any], str]:
        blocks, reason = original(message)
        return blocks, STOP_REASONS.get(message.get("finish_reason") or "", reason) if reason == "end_turn" else reason

    @wrap(bedrock, "handle_request")
    async def handle_request(
        original: Callable[..., Any], method: str, path: str, headers: Any, body: bytes, query: Any
    ) -> Response:
        call = model_call(method, path)
        if call is None and not path.startswith("/guardrail/"):
            return cast(Response, bedrock._error("ValidationException", f"{method} {path} is not emulated", 400))
        try:
            if call is not None:
                if not call.operation.startswith("converse"):
                    raise ModelCallError(
                        "Only Converse and ConverseStream are emulated", code="ValidationException", status=400
                    )
                request = _parse(body)
                if call.operation == "converse-stream" and not request.get("guardrailConfig"):
                    return await _converse_stream(_require(model), call.model_id, request)
            return cast(Response, await original(method, path, headers, body, query))
        except ModelCallError as failure:
            return cast(Response, bedrock._error(failure.code, str(failure), failure.status))
