"""AgentCore memory as the service answers: paths of namespaces, and the order of events.

`namespace` names one namespace, `namespacePath` everything at or below it; the emulator takes both as a pattern.
`ListEvents` answers newest first: the official SDK reverses the answer to get the order in which they happened. So does
`ListMemoryRecords`. `RetrieveMemoryRecords` searches by meaning on AWS: it answers the nearest records, however far
they are. Here words in common stand for nearness, and records without any come last instead of not at all.
"""

from __future__ import annotations

import contextvars
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from local_aws.emulator.patching import wrap

DEFAULT_TOP_K: Final = 10
MAX_TOP_K: Final = 100
"""Source: `SearchCriteria`, AgentCore Memory service model."""

FARTHEST: Final = 0.1
"""Score of a record that shares no word with the query; all words in common are 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceFilter:
    """Which namespaces a listing is about; with both fields, both must hold."""

    exact: str | None
    path: str | None

    def matches(self, namespaces: Iterable[str]) -> bool:
        """Tell whether one of a record's namespaces is meant."""
        return any(self._matches_one(normalise(namespace)) for namespace in namespaces)

    def _matches_one(self, namespace: str) -> bool:
        if self.exact is not None and namespace != normalise(self.exact):
            return False
        return self.path is None or namespace.startswith(normalise(self.path))


_filter: contextvars.ContextVar[NamespaceFilter | None] = contextvars.ContextVar("namespace_filter", default=None)
_time_of: contextvars.ContextVar[str | None] = contextvars.ContextVar("time_of", default=None)
"""The member that a listing is ordered by, newest first; None: as stored."""


def normalise(namespace: str) -> str:
    """Give a namespace the form it is stored in, with a slash at both ends."""
    inner = namespace.strip("/")
    return f"/{inner}/" if inner else "/"


def _newest_first(items: list[Any], member: str) -> list[Any]:
    def timestamp(item: Mapping[str, Any]) -> float:
        value = item.get(member)
        return float(value) if isinstance(value, int | float) else 0.0

    # Stored in the order of arrival, and the sort is stable: of two with one timestamp the later comes first.
    return sorted(items, key=timestamp)[::-1]


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def _retrieve(raw_memory_id: str, data: Mapping[str, Any]) -> Any:
    from ministack.services import bedrock_agentcore as agentcore

    memory_id, scope, error = agentcore._resolve_memory(raw_memory_id)
    if error:
        return error
    criteria = data.get("searchCriteria")
    query = criteria.get("searchQuery") if isinstance(criteria, Mapping) else None
    if not isinstance(criteria, Mapping) or not isinstance(query, str) or not query:
        return agentcore._validation("searchCriteria.searchQuery is required")
    top = criteria.get("topK", DEFAULT_TOP_K)
    if not isinstance(top, int) or isinstance(top, bool) or not 1 <= top <= MAX_TOP_K:
        return agentcore._validation(f"searchCriteria.topK must be a whole number from 1 to {MAX_TOP_K}")
    wanted = _words(query)
    found = []
    for record in _newest_first(list(agentcore._records_bucket(memory_id, scope).values()), "createdAt"):
        strategy = criteria.get("memoryStrategyId")
        filters = criteria.get("metadataFilters")
        if (
            (strategy and record.get("memoryStrategyId") != strategy)
            or not agentcore._namespace_matches("", record.get("namespaces") or [])
            or (filters and not agentcore._metadata_filters_match(record.get("metadata") or {}, filters))
        ):
            continue
        common = wanted & _words(str((record.get("content") or {}).get("text") or ""))
        score = FARTHEST + (1 - FARTHEST) * len(common) / max(1, len(wanted))
        found.append(agentcore._record_summary(record, score))
    found.sort(key=lambda summary: -summary["score"])  # stable: of two that are equally near the newer comes first
    page, error = agentcore._memory_page(found[:top], data)
    if error:
        return error
    token = {"nextToken": page["nextToken"]} if "nextToken" in page else {}
    return agentcore.json_response({"memoryRecordSummaries": page["items"], **token})


def install() -> None:
    """Make the emulator's memory list as AWS does."""
    from ministack.services import bedrock_agentcore as agentcore

    def filtered(original: Callable[..., Any], memory_id: str, body: bytes) -> Any:
        data = agentcore._parse_body(body)
        for field in ("namespace", "namespacePath"):
            value = data.get(field)
            if value is not None and not (isinstance(value, str) and agentcore._NAMESPACE_RE.fullmatch(value)):
                return agentcore._validation(
                    f"1 validation error detected: Value at '{field}' failed to satisfy constraint: "
                    f"Member must satisfy regular expression pattern: {agentcore._NAMESPACE_RE.pattern}"
                )
        exact, path = data.get("namespace"), data.get("namespacePath")
        if exact is None and path is None:
            return agentcore._validation("Either namespace or namespacePath is required")
        token = _filter.set(NamespaceFilter(exact=exact, path=path))
        try:
            return original(memory_id, body)
        finally:
            _filter.reset(token)

    @wrap(agentcore, "_list_memory_records")
    def list_memory_records(original: Callable[..., Any], *args: Any) -> Any:
        token = _time_of.set("createdAt")
        try:
            return filtered(original, *args)
        finally:
            _time_of.reset(token)

    @wrap(agentcore, "_retrieve_memory_records")
    def retrieve_memory_records(original: Callable[..., Any], memory_id: str, body: bytes) -> Any:
        return filtered(
            lambda identifier, content: _retrieve(identifier, agentcore._parse_body(content)), memory_id, body
        )

    @wrap(agentcore, "_namespace_matches")
    def namespace_matches(original: Callable[..., bool], pattern: str, namespaces: list[str]) -> bool:
        found = _filter.get()
        return found.matches(namespaces) if found else original(pattern, namespaces)

    @wrap(agentcore, "_list_events")
    def list_events(original: Callable[..., Any], *args: Any) -> Any:
        token = _time_of.set("eventTimestamp")
        try:
            return original(*args)
        finally:
            _time_of.reset(token)

    @wrap(agentcore, "_memory_page")
    def memory_page(original: Callable[..., Any], items: list[Any], *args: Any, **kwargs: Any) -> Any:
        if member := _time_of.get():
            items = _newest_first(items, member)
        return original(items, *args, **kwargs)
