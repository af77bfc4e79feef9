"""Long-term preferences, extracted by rules: the laptop's stand-in for what a model does on AWS.

A strategy of type USER_PREFERENCE turns the sentences of the USER that state a preference into records of its
namespace, in the form that AWS documents. Here that happens within CreateEvent, on AWS about a minute later. Each
record names the extractor in its metadata. Strategies of other types are accepted and extract nothing.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from local_aws.emulator.memory_service import normalise
from local_aws.emulator.patching import wrap
from local_aws.preferences import preferences_in

NOTE: Final = "preferences are extracted by rules on the laptop, other strategies extract nothing"
EXTRACTOR: Final = {"extractor": {"stringValue": "rules on the laptop"}}
_CONTEXT: Final = "The user said so in a message to the assistant."
_VARIABLE: Final = re.compile(r"\{([a-zA-Z][a-zA-Z0-9]*)\}")

logger = logging.getLogger("local_aws.memory")


def resolve_namespace(template: str, variables: Mapping[str, str]) -> str | None:
    """Fill in a namespace template; None if a variable has no value, which skips extraction on AWS too."""
    if any(name not in variables for name in _VARIABLE.findall(template)):
        return None
    return normalise(_VARIABLE.sub(lambda match: variables[match[1]], template))


def record_text(statement: str) -> str:
    """Give the text of a preference record: JSON, as AWS's strategy writes it."""
    content = {"context": _CONTEXT, "preference": statement, "categories": ["answers"]}
    return json.dumps(content, ensure_ascii=False)


def same_statement(text: str) -> str:
    """Reduce a record's text to what makes two statements one."""
    try:
        found = json.loads(text)
    except ValueError:
        found = text
    statement = found.get("preference") if isinstance(found, dict) else text
    return " ".join(re.findall(r"\w+", str(statement).casefold()))


def statements(payload: Sequence[Any]) -> list[str]:
    """Find the preferences that the user stated in an event."""

    def texts() -> Iterator[str]:
        for item in payload:
            said = item.get("conversational") if isinstance(item, Mapping) else None
            if isinstance(said, Mapping) and said.get("role") == "USER":
                text = (said.get("content") or {}).get("text")
                if isinstance(text, str):
                    yield text

    return [statement for text in texts() for statement in preferences_in(text)]


def _store(records: dict[str, Any], statement: str, *, namespace: str, strategy_id: str, new_id: str) -> None:
    """Write a record, or move the one that says the same to the newest place."""
    for identifier, record in records.items():
        same_place = record.get("memoryStrategyId") == strategy_id and namespace in record.get("namespaces", ())
        if same_place and same_statement(record["content"]["text"]) == same_statement(statement):
            records[identifier] = {**records.pop(identifier), "createdAt": time.time()}
            return
    records[new_id] = {
        "memoryRecordId": new_id,
        "content": {"text": record_text(statement)},
        "memoryStrategyId": strategy_id,
        "namespaces": [namespace],
        "createdAt": time.time(),
        "metadata": dict(EXTRACTOR),
    }


def _extract(raw_memory_id: str, event: Mapping[str, Any]) -> None:
    from ministack.services import bedrock_agentcore as agentcore

    found = statements(event.get("payload") or [])
    memory_id, scope, error = agentcore._resolve_memory(raw_memory_id)
    if not found or error:
        return
    memory = agentcore._mem_get(agentcore._memories, memory_id, scope) or {}
    for strategy in memory.get("strategies") or []:
        if strategy["type"] != "USER_PREFERENCE":
            continue
        templates = strategy.get("namespaceTemplates") or strategy.get("namespaces") or [""]
        variables = {
            "actorId": event["actorId"],
            "sessionId": event["sessionId"],
            "memoryStrategyId": strategy["strategyId"],
        }
        namespace = resolve_namespace(templates[0], variables)
        if namespace is None:
            logger.warning("memory=<%s>, strategy=<%s> | namespace not resolved", memory_id, strategy["name"])
            continue
        records = dict(agentcore._records_bucket(memory_id, scope))
        for statement in found:
            _store(
                records,
                statement,
                namespace=namespace,
                strategy_id=strategy["strategyId"],
                new_id=agentcore._record_id(),
            )
        agentcore._mem_set(agentcore._memory_records, memory_id, scope, records)


def install() -> None:
    """Make the emulator extract preferences from new events."""
    from ministack.services import bedrock_agentcore as agentcore

    @wrap(agentcore, "_create_event")
    def create_event(original: Callable[..., Any], raw_memory_id: str, body: bytes) -> Any:
        data = agentcore._parse_body(body)
        mode = data.get("extractionMode")
        if mode not in (None, "SKIP"):
            return agentcore._validation("extractionMode must be SKIP or absent")
        status, headers, answer = original(raw_memory_id, body)
        if status == 201 and mode is None:
            _extract(raw_memory_id, json.loads(answer)["event"])
        return status, headers, answer
