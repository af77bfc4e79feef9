"""Answers in the form of OpenAI's chat completions, whole and as chunks. The same request gives the same answer."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from local_aws.model.answering import answer
from local_aws.model.conversation import read_conversation
from local_aws.model.planning import ToolCall, plan

MODEL: Final = "offline"
FINGERPRINT: Final = "offline-model"
CHARACTERS_PER_TOKEN: Final = 4
"""There is no tokenizer: the counts are an estimate, the same for the same text."""

_WORDS_PER_CHUNK: Final = re.compile(r"(?:\S+\s*|\s+){1,4}")


def count_tokens(text: str) -> int:
    """Estimate the tokens of a text; at least 1."""
    return max(1, -(-len(text) // CHARACTERS_PER_TOKEN))


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One answer: either text or tool calls."""

    identifier: str
    model: str
    text: str
    calls: tuple[ToolCall, ...]
    finish_reason: str
    usage: Mapping[str, int]

    def _envelope(self, kind: str) -> dict[str, Any]:
        # `created` is a constant, as everything here: the same request gives the same bytes.
        names = {"id": self.identifier, "object": kind, "created": 0, "model": self.model}
        return {**names, "system_fingerprint": FINGERPRINT}

    def _tool_calls(self) -> list[dict[str, Any]]:
        return [
            {
                "id": f"{self.identifier}-{index}",
                "type": "function",
                "function": {"name": call.tool, "arguments": json.dumps(call.arguments)},
            }
            for index, call in enumerate(self.calls)
        ]

    def whole(self) -> dict[str, Any]:
        """Give the answer as one object."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None}
        if self.calls:
            message["tool_calls"] = self._tool_calls()
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        return {**self._envelope("chat.completion"), "choices": [choice], "usage": dict(self.usage)}

    def chunks(self, *, include_usage: bool) -> Iterator[dict[str, Any]]:
        """Give the answer in pieces of a few words; a tool call comes as its name, then its arguments."""

        def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
            choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
            return {**self._envelope("chat.completion.chunk"), "choices": [choice]}

        yield chunk({"role": "assistant", "content": ""})
        for words in _WORDS_PER_CHUNK.findall(self.text):
            yield chunk({"content": words})
        for index, call in enumerate(self._tool_calls()):
            function = call["function"]
            opened = {**call, "index": index, "function": {"name": function["name"], "arguments": ""}}
            yield chunk({"tool_calls": [opened]})
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": function["arguments"]}}]})
        yield chunk({}, self.finish_reason)
        if include_usage:
            yield {**self._envelope("chat.completion.chunk"), "choices": [], "usage": dict(self.usage)}


def complete(request: Any, *, say: str = "") -> Completion:
    """Answer a chat request.

    Args:
        request: The request.
        say: A text to begin the answer with, unless it is tool calls.

    Raises:
        InvalidChatError: If it is none.
    """
    conversation = read_conversation(request)
    calls = tuple(plan(conversation))
    text = "" if calls else "\n\n".join([*([say] if say else []), answer(conversation)])
    finish_reason = "tool_calls" if calls else "stop"
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    if isinstance(limit, int) and limit > 0 and count_tokens(text) > limit:
        text, finish_reason = text[: limit * CHARACTERS_PER_TOKEN], "length"
    prompt = json.dumps([request["messages"], request.get("tools") or []], sort_keys=True)
    made = text or json.dumps([[call.tool, dict(call.arguments)] for call in calls])
    given, made_tokens = count_tokens(prompt), count_tokens(made)
    return Completion(
        identifier=f"offline-{hashlib.sha256(prompt.encode()).hexdigest()[:16]}",
        model=str(request.get("model") or MODEL),
        text=text,
        calls=calls,
        finish_reason=finish_reason,
        usage={"prompt_tokens": given, "completion_tokens": made_tokens, "total_tokens": given + made_tokens},
    )
