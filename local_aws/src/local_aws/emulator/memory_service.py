"""AgentCore memory as the service answers: paths of namespaces, and the order of events.

`namespace` names one namespace, `namespacePath` everything at or below it; the emulator takes both as a pattern.
`ListEvents` answers newest first: the official SDK reverses the answer to get the order in which they happened.
"""

from __future__ import annotations

import contextvars
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local_aws.emulator.patching import wrap


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
_newest_first: contextvars.ContextVar[bool] = contextvars.ContextVar("newest_first", default=False)


def normalise(namespace: str) -> str:
    """Give a namespace the form it is stored in, with a slash at both ends."""
    inner = namespace.strip("/")
    return f"/{inner}/" if inner else "/"


def _timestamp(event: Mapping[str, Any]) -> float:
    value = event.get("eventTimestamp")
    return float(value) if isinstance(value, int | float) else 0.0


def install() -> None:
    """Make the emulator's memory list as AWS does."""
    from ministack.services import bedrock_agentcore as agentcore

    def filtered(original: Callable[..., Any], memory_id: str, body: bytes) -> Any:
        try:
            data = json.loads(body or b"{}")
        except ValueError:
            return original(memory_id, body)
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

    wrap(agentcore, "_list_memory_records")(filtered)
    wrap(agentcore, "_retrieve_memory_records")(filtered)

    @wrap(agentcore, "_namespace_matches")
    def namespace_matches(original: Callable[..., bool], pattern: str, namespaces: list[str]) -> bool:
        found = _filter.get()
        return found.matches(namespaces) if found else original(pattern, namespaces)

    @wrap(agentcore, "_list_events")
    def list_events(original: Callable[..., Any], *args: Any) -> Any:
        token = _newest_first.set(True)
        try:
            return original(*args)
        finally:
            _newest_first.reset(token)

    @wrap(agentcore, "_memory_page")
    def memory_page(original: Callable[..., Any], items: list[Any], *args: Any) -> Any:
        if _newest_first.get():
            # Stored in the order of arrival, and the sort is stable: of two with one timestamp the later comes first.
            items = sorted(items, key=_timestamp)[::-1]
        return original(items, *args)
