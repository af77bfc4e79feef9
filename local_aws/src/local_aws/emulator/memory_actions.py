"""IAM actions, resources and condition keys of AgentCore memory.

One action per operation, on the memory's ARN, with `actorId`, `sessionId`, `namespace` and `namespacePath`, each only
from the field of that name which the operation defines. `ListActors` has none of them. The batch writes name a list,
`namespaces`, which gives no `namespace` key; how AWS fills the key in batch calls is not documented.
"""

from __future__ import annotations

import contextvars
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from local_aws.emulator.patching import wrap

_MEMORY: Final = r"/memories/(?P<memory>.+)"
# An actor id may hold slashes: the fixed parts anchor from the right, as in the emulator's own routing.
_ACTOR: Final = r"/memories/(?P<memory>.+?)/actor/(?P<actorId>.+)"
_SESSION: Final = _ACTOR + r"/sessions/(?P<sessionId>[^/]+)"
_CALLS: Final = tuple(
    (method, re.compile(pattern), operation)
    for method, pattern, operation in (
        ("POST", _ACTOR + r"/sessions", "ListSessions"),
        ("GET", _SESSION + r"/events/(?P<event>[^/]+)", "GetEvent"),
        ("DELETE", _SESSION + r"/events/(?P<event>[^/]+)", "DeleteEvent"),
        ("POST", _SESSION, "ListEvents"),
        ("POST", _MEMORY + r"/events", "CreateEvent"),
        ("POST", _MEMORY + r"/actors", "ListActors"),
        ("POST", _MEMORY + r"/retrieve", "RetrieveMemoryRecords"),
        ("POST", _MEMORY + r"/ingest", "IngestData"),
        ("POST", _MEMORY + r"/extractionJobs", "ListMemoryExtractionJobs"),
        ("POST", _MEMORY + r"/extractionJobs/start", "StartMemoryExtractionJob"),
        ("POST", _MEMORY + r"/memoryRecords/batchCreate", "BatchCreateMemoryRecords"),
        ("POST", _MEMORY + r"/memoryRecords/batchUpdate", "BatchUpdateMemoryRecords"),
        ("POST", _MEMORY + r"/memoryRecords/batchDelete", "BatchDeleteMemoryRecords"),
        ("POST", _MEMORY + r"/memoryRecords", "ListMemoryRecords"),
        ("GET", _MEMORY + r"/memoryRecord/(?P<record>[^/]+)", "GetMemoryRecord"),
        ("DELETE", _MEMORY + r"/memoryRecords/(?P<record>[^/]+)", "DeleteMemoryRecord"),
        ("GET", r"/memories/(?P<memory>[^/]+)/details", "GetMemory"),
        ("PUT", r"/memories/(?P<memory>[^/]+)/update", "UpdateMemory"),
        ("DELETE", r"/memories/(?P<memory>[^/]+)/delete", "DeleteMemory"),
    )
)
_ON_ALL: Final = {("POST", "/memories"): "ListMemories", ("POST", "/memories/create"): "CreateMemory"}
_PATH_KEYS: Final = ("actorId", "sessionId")
_BODY_KEYS: Final = {
    "CreateEvent": ("actorId", "sessionId"),
    "ListMemoryRecords": ("namespace", "namespacePath"),
    "RetrieveMemoryRecords": ("namespace", "namespacePath"),
}
_QUERY_KEYS: Final = {"GetMemoryRecord": ("namespace",), "DeleteMemoryRecord": ("namespace",)}

_condition_keys: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("memory_keys", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryCall:
    """A request on memories as its method and path name it."""

    operation: str
    memory: str | None  # id or ARN; None for calls on all memories
    fields: Mapping[str, str]


def memory_call(method: str, path: str) -> MemoryCall | None:
    """Read a memory call out of a path that was percent-decoded once.

    A percent sign that is left over is no part of any identifier: decoding it again is how authorisation and
    execution would come to see different actors, so such a path is no memory call and is refused.
    """
    path = "/" + path.strip("/")
    if "%" in path:
        return None
    if operation := _ON_ALL.get((method, path)):
        return MemoryCall(operation=operation, memory=None, fields={})
    for wanted, pattern, operation in _CALLS:
        match = pattern.fullmatch(path) if method == wanted else None
        if match:
            return MemoryCall(operation=operation, memory=match["memory"], fields=match.groupdict())
    return None


def condition_keys(call: MemoryCall, query: Mapping[str, Any], body: bytes | None) -> dict[str, Any]:
    """Give the condition keys of a call, named in lower case; a key without a value is absent."""
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        parsed = {}
    data: dict[str, Any] = parsed if isinstance(parsed, dict) else {}
    values: dict[str, Any] = {key: call.fields.get(key) for key in _PATH_KEYS}
    values |= {key: data.get(key) for key in _BODY_KEYS.get(call.operation, ())}
    for key in _QUERY_KEYS.get(call.operation, ()):
        value = query.get(key)
        values[key] = value[0] if isinstance(value, list) and value else value
    if call.operation == "BatchDeleteMemoryRecords":  # one namespace a record; all of them, or the key is absent
        namespaces = [record.get("namespace") for record in data.get("records") or [] if isinstance(record, dict)]
        values["namespace"] = namespaces if all(namespaces) else None
    return {f"bedrock-agentcore:{key.lower()}": value for key, value in values.items() if value}


def install() -> None:
    """Make the emulator authorise memory calls, which it does not do at all."""
    from ministack.core import iam_actions

    @wrap(iam_actions, "extract_iam_action")
    def extract_iam_action(
        original: Callable[..., str | None],
        service: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Mapping[str, Any],
    ) -> str | None:
        _condition_keys.set(None)
        if service == "bedrock-agentcore" and (call := memory_call(method, path)):
            _condition_keys.set(condition_keys(call, query or {}, body))
            return f"bedrock-agentcore:{call.operation}"
        return original(service, method, path, headers, body, query)

    @wrap(iam_actions, "extract_resource_arn")
    def extract_resource_arn(
        original: Callable[..., str],
        service: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Mapping[str, Any],
        region: str,
        account_id: str,
    ) -> str:
        call = memory_call(method, path) if service == "bedrock-agentcore" else None
        if call is None:
            return original(service, method, path, headers, body, query, region, account_id)
        if call.memory is None:
            return "*"
        if call.memory.startswith("arn:"):
            return call.memory
        return f"arn:aws:bedrock-agentcore:{region}:{account_id}:memory/{call.memory}"

    @wrap(iam_actions, "request_tag_context")
    def request_tag_context(original: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
        return {**original(*args), **(_condition_keys.get() or {})}
