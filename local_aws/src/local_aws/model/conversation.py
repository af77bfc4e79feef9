"""A chat request, read into what the offline model works with."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_MEMORY: Final = re.compile(r"<memory>(\[.*?\])</memory>", re.DOTALL)


class InvalidChatError(Exception):
    """The request is no chat request; its text tells the caller why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a tool answered to a call of this turn."""

    tool: str
    arguments: Mapping[str, Any]
    content: str  # as received: data, whatever it says


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One request: the question of this turn, what went before, and what the tools answered so far."""

    question: str
    earlier_questions: Sequence[str]  # oldest first
    remembered: Sequence[str]  # long-term records in the system prompt
    results: Sequence[ToolResult]
    tools: frozenset[str]  # names of the offered ones


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))


def _json_object(text: Any) -> dict[str, Any]:
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _remembered(system: str) -> list[str]:
    records: list[str] = []
    for match in _MEMORY.finditer(system):
        try:
            listed = json.loads(match[1])
        except ValueError:
            continue
        records += [_statement(entry) for entry in listed]
    return records


def _statement(entry: Any) -> str:
    """Give what a record says: a preference is an object, in which its text stands beside others."""
    stated = _json_object(entry).get("preference")
    if isinstance(stated, str):
        return stated
    return entry if isinstance(entry, str) else json.dumps(entry)


def _results(turn: Sequence[Mapping[str, Any]]) -> list[ToolResult]:
    calls: dict[str, tuple[str, dict[str, Any]]] = {}
    found = []
    for message in turn:
        for call in message.get("tool_calls") or []:
            function = call.get("function") or {}
            calls[str(call.get("id"))] = str(function.get("name")), _json_object(function.get("arguments"))
        if message.get("role") == "tool":
            tool, arguments = calls.get(str(message.get("tool_call_id")), ("", {}))
            found.append(ToolResult(tool=tool, arguments=arguments, content=_text(message.get("content"))))
    return found


def read_conversation(request: Any) -> Conversation:
    """Read a chat completion request.

    Raises:
        InvalidChatError: If it has no messages or none of a user.
    """
    messages = request.get("messages") if isinstance(request, Mapping) else None
    if not isinstance(messages, list) or not all(isinstance(message, Mapping) for message in messages):
        raise InvalidChatError("messages: a list of objects is needed")
    asked = [index for index, message in enumerate(messages) if message.get("role") == "user"]
    if not asked:
        raise InvalidChatError("messages: one with the role 'user' is needed")
    functions = [(tool.get("function") or {}).get("name") for tool in request.get("tools") or []]
    system = "\n".join(_text(message.get("content")) for message in messages if message.get("role") == "system")
    return Conversation(
        question=_text(messages[asked[-1]].get("content")),
        earlier_questions=[_text(messages[index].get("content")) for index in asked[:-1]],
        remembered=_remembered(system),
        results=_results(messages[asked[-1] + 1 :]),
        tools=frozenset(name for name in functions if isinstance(name, str)),
    )
