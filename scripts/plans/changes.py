"""Entries of a plan's `resource_changes`, with sensitive and unknown values taken out."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from scripts.plans.guarded_settings import UNKNOWN

Document = Mapping[str, Any]
Action = Literal["create", "update", "replace", "delete", "forget", "import", "move"]
ACTIONS: Final[tuple[Action, ...]] = ("create", "update", "replace", "delete", "forget", "import", "move")
"""What is counted. An import or a move stands beside whatever else happens to the resource."""

SENSITIVE: Final = "(sensitive)"
CHANGED_SENSITIVE: Final = "(sensitive, another value)"
WORDS: Final = frozenset({UNKNOWN, SENSITIVE, CHANGED_SENSITIVE})
"""Stand for a value that is not shown."""

_ACTIONS: Final[Mapping[frozenset[str], Action | None]] = {
    frozenset({"no-op"}): None,
    frozenset({"read"}): None,
    frozenset({"create"}): "create",
    frozenset({"update"}): "update",
    frozenset({"delete"}): "delete",
    frozenset({"forget"}): "forget",
    frozenset({"create", "delete"}): "replace",
    frozenset({"create", "forget"}): "replace",
}
"""Every combination of Terraform's plan format. Another one may mean anything, so such a plan is refused."""

_REASONS: Final[Mapping[str, str]] = {
    "replace_by_request": "it was asked for with -replace",
    "replace_by_triggers": "its replace_triggered_by changed",
    "replace_because_tainted": "it is tainted: its creation failed",
    "delete_because_no_resource_config": "its block is gone from the sources",
    "delete_because_no_module": "its module is gone from the sources",
    "delete_because_wrong_repetition": "the sources made one of it and now make several, or the other way round",
    "delete_because_count_index": "the sources make fewer of it than before",
    "delete_because_no_move_target": "it was moved to an address that is not there",
}


_EACH_KEY: Final = "delete_because_each_key"
_BY_TIER: Final = "aws_bedrockagentcore_memory"
"""There is one for each tier of the catalog, and for nothing else."""


class UnreadablePlan(ValueError):
    """A document is no plan, or one that failed, or one that says what is not known here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceChange:
    """What happens to one resource, or to one deposed object of it."""

    address: str  # as Terraform prints it: a deposed object has its key behind
    module: str  # without keys; empty for the root
    type: str
    action: Action | None  # None where nothing happens to it; never an import or a move
    imported: bool
    forgets_old: bool  # of a replacement: the old one is not destroyed, but left behind
    moved_from: str | None
    before: Mapping[str, Any] = field(repr=False)
    after: Mapping[str, Any] = field(repr=False)
    forced_by: tuple[str, ...] = ()
    reason: str = ""
    invented: frozenset[str] = frozenset()  # arguments that a recorded apply filled in
    configured: frozenset[str] | None = None  # arguments that the sources set; None if the plan does not say


def read_changes(
    document: Document, *, recorded: Mapping[str, Mapping[str, Any]] | None = None
) -> list[ResourceChange]:
    """Read what a plan does to resources.

    Args:
        document: `terraform show -json` of it.
        recorded: Values by address, from a recorded apply of an offline plan; they fill in what is not known yet.

    Raises:
        UnreadablePlan: If it holds an action that is not known here.
    """
    configured = dict(_configured((document.get("configuration") or {}).get("root_module") or {}, ""))
    entries = [entry for entry in document.get("resource_changes") or [] if entry.get("mode") != "data"]
    tiers = frozenset(
        str(entry.get("index"))
        for entry in entries
        if entry["type"] == _BY_TIER and entry.get("action_reason") == _EACH_KEY
    )
    return [
        _change(entry, (recorded or {}).get(str(entry["address"]), {}), configured, tiers=tiers) for entry in entries
    ]


def type_at(address: str) -> str:
    """Type of the resource at an address."""
    return _split(address)[1].partition(".")[0]


def _change(
    entry: Mapping[str, Any],
    recorded: Mapping[str, Any],
    configured: Mapping[tuple[str, str], frozenset[str]],
    *,
    tiers: frozenset[str],
) -> ResourceChange:
    change = entry["change"]
    address, deposed = str(entry["address"]), entry.get("deposed")
    actions = change.get("actions") or []
    if frozenset(actions) not in _ACTIONS:
        raise UnreadablePlan(
            f"{address}: the plan has the actions {json.dumps(actions)}, which this program does not know, so it cannot"
            " tell what would be lost; use the Terraform that the platform is tested with"
        )
    before, after = _readable(change)
    forced = tuple(_forced(path, before, after) for path in change.get("replace_paths") or [])
    known = {} if deposed else recorded
    invented = frozenset(name for name, value in after.items() if name in known and _has_unknown(value))
    after.update({name: known[name] for name in invented})
    module = ".".join(_split(str(entry.get("module_address") or ""))[0])
    return ResourceChange(
        address=f"{address} (deposed object {deposed})" if deposed else address,
        module=module,
        type=str(entry["type"]),
        action=_ACTIONS[frozenset(actions)],
        # An id that is not known yet, or hidden, leaves an empty object.
        imported=change.get("importing") is not None,
        forgets_old=frozenset(actions) == {"create", "forget"},
        moved_from=entry.get("previous_address"),
        before=before,
        after=after,
        forced_by=forced,
        invented=invented,
        reason=_reason(entry, tiers),
        configured=configured.get((module, f"{entry['type']}.{entry.get('name')}")),
    )


def _reason(entry: Mapping[str, Any], tiers: frozenset[str]) -> str:
    """Why something goes, in words for whoever changed the catalog or the settings."""
    reason = str(entry.get("action_reason", ""))
    if reason != _EACH_KEY:
        return _REASONS.get(reason, "")
    key = str(entry.get("index", ""))
    tier = key.partition("/")[0]  # such as premium/preferences
    if tier in tiers:
        return f"tier `{tier}` is gone from the catalog"
    return f"settings and catalog no longer have `{key}`" if key else "settings and catalog no longer have it"


def _configured(module: Mapping[str, Any], path: str) -> Iterator[tuple[tuple[str, str], frozenset[str]]]:
    """Arguments that the sources set, by module and resource."""
    for resource in module.get("resources") or []:
        yield (path, str(resource["address"])), frozenset(resource.get("expressions") or {})
    for name, call in (module.get("module_calls") or {}).items():
        yield from _configured(call.get("module") or {}, f"{path}.{name}" if path else name)


def _split(address: str) -> tuple[list[str], str]:
    """`module.a["x"].module.b.aws_c.d` as a, b and the rest: instances of a module are one."""
    names, rest = [], address
    while rest.startswith("module."):
        rest = rest.removeprefix("module.")
        end = next((i for i, letter in enumerate(rest) if letter in ".["), len(rest))
        names.append(rest[:end])
        rest = rest[end:]
        if rest.startswith("["):
            rest = rest[_closing(rest) + 1 :]
        rest = rest.removeprefix(".")
    return names, rest


def _closing(text: str) -> int:
    """Where the bracket that a text starts with ends; keys are quoted and may hold brackets."""
    quoted = escaped = False
    for i, letter in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and letter == "\\":
            escaped = True
        elif letter == '"':
            quoted = not quoted
        elif letter == "]" and not quoted:
            return i
    return len(text) - 1


def _readable(change: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Values before and after: a sensitive argument is a word as a whole, and so is one that is not known yet."""
    raw_before, raw_after = change.get("before") or {}, change.get("after") or {}
    unknown = change.get("after_unknown") or {}
    unknown = unknown if isinstance(unknown, Mapping) else {}
    hidden_before, hidden_after = change.get("before_sensitive") or {}, change.get("after_sensitive") or {}
    before, after = (
        dict(raw_before),
        {name: _known(raw_after.get(name), unknown.get(name)) for name in {*raw_after, *unknown}},
    )
    for name in {*before, *after}:
        sensitive = [True if mark is True else mark.get(name) for mark in (hidden_before, hidden_after)]
        if any(_marked(mark) for mark in sensitive):
            same = raw_before.get(name) == raw_after.get(name) and not _marked(unknown.get(name))
            if name in before and before[name] is not None:
                before[name] = SENSITIVE
            if name in after and after[name] is not None:
                after[name] = SENSITIVE if same or not raw_before else CHANGED_SENSITIVE
    return before, after


def _known(value: Any, unknown: Any) -> Any:
    """A planned value with a word wherever it is not known yet."""
    if unknown is True:
        return UNKNOWN
    if isinstance(unknown, Mapping):
        inner = value if isinstance(value, Mapping) else {}
        return {name: _known(inner.get(name), unknown.get(name)) for name in {*inner, *unknown}}
    if isinstance(unknown, list):
        listed = value if isinstance(value, list) else []
        size = max(len(listed), len(unknown))
        return [
            _known(listed[i] if i < len(listed) else None, unknown[i] if i < len(unknown) else False)
            for i in range(size)
        ]
    return value


def _has_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_unknown, value.values()))
    return any(map(_has_unknown, value)) if isinstance(value, list) else value == UNKNOWN


def _marked(mark: Any) -> bool:
    """Whether anything in a tree of marks is true."""
    if isinstance(mark, Mapping):
        return any(map(_marked, mark.values()))
    return any(map(_marked, mark)) if isinstance(mark, list) else mark is True


def _forced(path: Sequence[Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    name = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
    return f"{name}: {_shown(_follow(before, path))} -> {_shown(_follow(after, path))}"


def _follow(value: Any, path: Sequence[Any]) -> Any:
    for step in path:
        if isinstance(value, str):
            return value
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step] if step < len(value) else None
        else:
            return None
    return value


def _shown(value: Any) -> str:
    if isinstance(value, str) and value in WORDS:
        return value
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:117]}..."
