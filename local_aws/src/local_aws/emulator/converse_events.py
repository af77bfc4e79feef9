"""Chat completion chunks as the events of ConverseStream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Event = tuple[str, dict[str, Any]]

STOP_REASONS: Final = {"length": "max_tokens", "tool_calls": "tool_use", "content_filter": "content_filtered"}
"""Bedrock's stop reason for a finish reason; any other is the end of the turn."""


@dataclass(slots=True, kw_only=True)
class ConverseEvents:
    """One answer on its way: feed it the chunks in order, then finish it.

    Text is one content block and every tool call another; a block ends when the next begins.
    """

    input_tokens: int  # estimate, until the server counts
    output_characters: int = 0
    _usage: Mapping[str, Any] | None = None
    _finish_reason: str | None = None
    _block: int = -1
    _open: str | int | None = None  # "text", the index of the open tool call, or None
    _tools: set[int] = field(default_factory=set)

    def start(self) -> Event:
        """Give the event that opens the message."""
        return "messageStart", {"role": "assistant"}

    def feed(self, chunk: Mapping[str, Any]) -> Iterator[Event]:
        """Translate one chunk."""
        if isinstance(usage := chunk.get("usage"), Mapping):
            self._usage = usage
        for choice in (chunk.get("choices") or [])[:1]:
            delta = choice.get("delta") or {}
            if text := delta.get("content"):
                yield from self._text(text)
            for call in delta.get("tool_calls") or []:
                yield from self._tool_call(call)
            self._finish_reason = choice.get("finish_reason") or self._finish_reason

    def finish(self, *, latency_ms: int) -> Iterator[Event]:
        """Close the message and report its tokens and `latency_ms`, in milliseconds."""
        yield from self._close()
        reason = STOP_REASONS.get(self._finish_reason or "", "end_turn")
        yield "messageStop", {"stopReason": "tool_use" if self._tools and reason == "end_turn" else reason}
        usage = self._usage or {}
        given, made = usage.get("prompt_tokens"), usage.get("completion_tokens")
        given = given if isinstance(given, int) else self.input_tokens
        made = made if isinstance(made, int) else max(1, self.output_characters // 4)
        counts = {"inputTokens": given, "outputTokens": made, "totalTokens": given + made}
        yield "metadata", {"usage": counts, "metrics": {"latencyMs": latency_ms}}

    def _close(self) -> Iterator[Event]:
        if self._open is not None:
            yield "contentBlockStop", {"contentBlockIndex": self._block}
        self._open = None

    def _text(self, text: str) -> Iterator[Event]:
        if self._open != "text":
            yield from self._close()
            self._block, self._open = self._block + 1, "text"
        self.output_characters += len(text)
        yield "contentBlockDelta", {"contentBlockIndex": self._block, "delta": {"text": text}}

    def _tool_call(self, call: Mapping[str, Any]) -> Iterator[Event]:
        index, function = int(call.get("index") or 0), call.get("function") or {}
        if index not in self._tools:
            yield from self._close()
            self._block, self._open = self._block + 1, index
            self._tools.add(index)
            use = {"toolUseId": call.get("id") or f"tooluse_{index}", "name": function.get("name") or ""}
            yield "contentBlockStart", {"contentBlockIndex": self._block, "start": {"toolUse": use}}
        if arguments := function.get("arguments"):
            self.output_characters += len(arguments)
            delta = {"toolUse": {"input": arguments}}
            yield "contentBlockDelta", {"contentBlockIndex": self._block, "delta": delta}


def fold(events: Sequence[Event]) -> dict[str, Any]:
    """Put the events of an answer together into the answer of Converse."""
    answer: dict[str, Any] = {}
    uses: dict[int, dict[str, Any]] = {}
    parts: dict[int, list[str]] = {}
    for name, body in events:
        if name == "contentBlockStart":
            uses[body["contentBlockIndex"]] = body["start"]["toolUse"]
            parts.setdefault(body["contentBlockIndex"], [])
        elif name == "contentBlockDelta":
            delta = body["delta"]
            part = delta["text"] if "text" in delta else delta["toolUse"]["input"]
            parts.setdefault(body["contentBlockIndex"], []).append(part)
        elif name in ("messageStop", "metadata"):
            answer |= body
    content: list[dict[str, Any]] = []
    for index, said in parts.items():
        text = "".join(said)
        if index not in uses:
            content.append({"text": text})
            continue
        try:
            content.append({"toolUse": {**uses[index], "input": json.loads(text or "{}")}})
        except ValueError:  # what the model asks for is no JSON; AWS has a stop reason for it
            answer["stopReason"] = "malformed_tool_use"
    return {"output": {"message": {"role": "assistant", "content": content}}, **answer}
