"""What a reviewer has to know of a plan: read from `terraform show -json`, never from its text.

Values that are sensitive are not read out of the plan at all; values that only the apply knows are said to be unknown.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from scripts.plans.cedar_statements import read_cedar
from scripts.plans.guarded_settings import OPENINGS, SHUTTERS, UNKNOWN, SettingChange, at, compare
from scripts.plans.statement_diff import Line, StatementChange, diff_statements
from scripts.plans.statements import NotAPolicy, Statement, read_permission, read_policy

Document = Mapping[str, Any]
Action = Literal["create", "update", "replace", "delete", "forget", "import", "move"]
ACTIONS: Final[tuple[Action, ...]] = ("create", "update", "replace", "delete", "forget", "import", "move")

DATA: Final[Mapping[str, str]] = {
    "aws_bedrockagentcore_memory": "every conversation and memory record in it",
    "aws_bedrockagentcore_memory_strategy": "the memory records that it extracted",
    "aws_cognito_user_pool": "every user",
    "aws_dynamodb_table": "every item",
    "aws_s3_bucket": "every object",
    "aws_kms_key": "everything that is encrypted with it",
}
"""Types that hold data, and what goes with one."""
LOGS: Final[Mapping[str, str]] = {"aws_cloudwatch_log_group": "the logs in it"}
"""Types whose loss is said, but not refused."""

SENSITIVE: Final = "(sensitive)"
CHANGED_SENSITIVE: Final = "(sensitive, another value)"

_POLICIES: Final[Mapping[str, Mapping[str, str]]] = {
    "aws_iam_role": {"assume_role_policy": "trust policy"},
    "aws_iam_role_policy": {"policy": "IAM policy"},
    "aws_iam_policy": {"policy": "IAM policy"},
    "aws_iam_role_policy_attachment": {"policy_arn": "attached policy"},
    "aws_s3_bucket_policy": {"policy": "bucket policy"},
    "aws_kms_key": {"policy": "key policy"},
    "aws_kms_key_policy": {"policy": "key policy"},
    "aws_bedrockagentcore_resource_policy": {"policy": "resource policy"},
    "aws_sns_topic_policy": {"policy": "topic policy"},
    "aws_sqs_queue_policy": {"policy": "queue policy"},
    "aws_cloudwatch_log_resource_policy": {"policy_document": "resource policy"},
    "aws_dynamodb_resource_policy": {"policy": "resource policy"},
    "aws_vpc_endpoint": {"policy": "endpoint policy"},
    "aws_xray_resource_policy": {"policy_document": "resource policy"},
}
_CEDAR: Final = "aws_bedrockagentcore_policy"
_PERMISSION: Final = "aws_lambda_permission"
_ATTACHMENT: Final = "aws_iam_role_policy_attachment"

_REASONS: Final[Mapping[str, str]] = {
    "replace_by_request": "asked for with -replace",
    "replace_by_triggers": "its replace_triggered_by changed",
    "replace_because_tainted": "it is tainted: its creation failed",
    "delete_because_no_resource_config": "its block is gone from the sources",
    "delete_because_no_module": "its module is gone from the sources",
    "delete_because_wrong_repetition": "its block has, or lost, count or for_each",
    "delete_because_count_index": "its number is beyond count",
    "delete_because_each_key": "its key is gone from for_each",
    "delete_because_no_move_target": "it was moved to an address that is not there",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeCount:
    """Changes of one type in one module."""

    module: str  # without keys; empty for the root
    type: str
    counts: Mapping[Action, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Something that is replaced or deleted, with all that is in it."""

    address: str
    type: str
    action: Literal["replace", "delete"]
    holds_data: bool  # logs do not count
    what: str  # goes with it
    forced_by: tuple[str, ...]  # attributes with both values, or the reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """A policy that is made, changed or removed."""

    address: str
    what: str  # such as trust policy
    action: Literal["create", "update", "delete"]
    statements: int | None  # how many there are afterwards; None where that is not known
    unread: str = ""  # why its text is not compared: not known yet, sensitive, no policy
    invented: bool = False  # ids in it were filled in by a recorded apply
    wide_spots: tuple[str, ...] = ()
    changes: tuple[StatementChange, ...] = ()

    @property
    def wider(self) -> bool:
        """Whether it permits more than before."""
        return any(change.wider for change in self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceSettings:
    """Guarded arguments of one resource that change."""

    address: str
    changes: tuple[SettingChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A plan, for a reviewer."""

    production: bool
    first: bool  # nothing was there before
    counts: Mapping[Action, int]
    by_type: tuple[TypeCount, ...]
    losses: tuple[Loss, ...]
    policies: tuple[PolicyChange, ...]
    settings: tuple[ResourceSettings, ...]
    moved: tuple[tuple[str, str], ...]  # from, to
    drifted: tuple[str, ...]  # addresses that somebody changed without Terraform
    failed_checks: tuple[str, ...]
    outputs: tuple[str, ...] = ()  # names of outputs that change

    @property
    def empty(self) -> bool:
        """Whether an apply would change nothing, outputs included."""
        return not (self.counts or self.outputs)

    @property
    def wider(self) -> int:
        """How many resources are wider afterwards than before; none of a first creation."""
        if self.first:
            return 0
        policies = {change.address for change in self.policies if change.wider}
        return len(policies | {s.address for s in self.settings if any(change.wider for change in s.changes)})


class UnreadablePlan(ValueError):
    """A document is no plan, or one that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """One entry of `resource_changes`, with sensitive and unknown values taken out."""

    address: str
    module: str
    type: str
    action: Action | None  # None where nothing happens to it
    moved_from: str | None
    before: Mapping[str, Any] = field(repr=False)
    after: Mapping[str, Any] = field(repr=False)
    forced_by: tuple[str, ...] = ()
    reason: str = ""
    invented: frozenset[str] = frozenset()  # arguments that a recorded apply filled in


def is_production(document: Document) -> bool:
    """Tell whether a plan is of a production environment: whatever does not say `production = false` is one."""
    variable = document.get("variables", {}).get("production", {})
    return variable.get("value") is not False


def summarise(document: Document, *, recorded: Mapping[str, Mapping[str, Any]] | None = None) -> Summary:
    """Read a plan.

    Args:
        document: `terraform show -json` of it.
        recorded: Values by address, from a recorded apply of an offline plan. They fill in what the plan does not know
            yet, where policies and settings are compared.

    Raises:
        UnreadablePlan: If it is none, or the plan failed half-way.
    """
    if "resource_changes" not in document and "planned_values" not in document:
        raise UnreadablePlan("not a plan: `terraform show -json PLAN` prints one with planned_values")
    if document.get("errored"):
        raise UnreadablePlan("the plan failed half-way, so it does not hold all changes; plan again")
    managed = [entry for entry in document.get("resource_changes", []) if entry.get("mode") != "data"]
    changes = [_change(entry, (recorded or {}).get(str(entry["address"]), {})) for entry in managed]
    acted = [change for change in changes if change.action is not None]
    moved = [(change.moved_from, change.address) for change in changes if change.moved_from]
    counts: Counter[Action] = Counter(change.action for change in acted if change.action is not None)
    if moved:
        counts["move"] = len(moved)
    first = not _was_there(document)
    return Summary(
        production=is_production(document),
        first=first,
        counts={action: counts[action] for action in ACTIONS if counts[action]},
        by_type=_by_type(acted),
        losses=tuple(_losses(acted)),
        policies=tuple(sorted((p for change in acted for p in _policies(change)), key=lambda p: (p.address, p.what))),
        settings=tuple(
            ResourceSettings(address=change.address, changes=tuple(found))
            for change in acted
            if _comparable(change, first=first) and (found := compare(change.type, change.before, change.after))
        ),
        moved=tuple(moved),
        drifted=tuple(sorted({str(entry["address"]) for entry in document.get("resource_drift", [])})),
        failed_checks=tuple(_failed_checks(document)),
        outputs=tuple(
            sorted(
                name
                for name, change in (document.get("output_changes") or {}).items()
                if change.get("actions") not in (["no-op"], None)
            )
        ),
    )


def _comparable(change: _Change, *, first: bool) -> bool:
    """Whether settings of a resource may become wider. A new one's do only if it opens what is there already."""
    if change.action in ("update", "replace"):
        return True
    return (change.action == "create" and change.type in OPENINGS and not first) or (
        change.action == "delete" and change.type in SHUTTERS
    )


def unknown_allowances(summary: Summary, allowed: Sequence[str]) -> list[str]:
    """List addresses that are no loss of the plan: nobody is to keep a list of allowances that says nothing."""
    lost = {loss.address for loss in summary.losses}
    return sorted(set(allowed) - lost)


def _change(entry: Mapping[str, Any], recorded: Mapping[str, Any]) -> _Change:
    change = entry["change"]
    before, after = _readable(change)
    action = _action(change)
    paths = change.get("replace_paths") or []
    forced = tuple(_forced(path, before, after) for path in paths)
    invented = frozenset(name for name, value in after.items() if name in recorded and _has_unknown(value))
    after.update({name: recorded[name] for name in invented})
    return _Change(
        address=str(entry["address"]),
        module=_module(str(entry.get("module_address", ""))),
        type=str(entry["type"]),
        action=action,
        moved_from=entry.get("previous_address"),
        before=before,
        after=after,
        forced_by=forced,
        invented=invented,
        reason=_REASONS.get(str(entry.get("action_reason", "")), ""),
    )


def _action(change: Mapping[str, Any]) -> Action | None:
    actions = change["actions"]
    if change.get("importing"):
        return "import"
    if "delete" in actions and "create" in actions:
        return "replace"
    found: Mapping[str, Action] = {"create": "create", "update": "update", "delete": "delete", "forget": "forget"}
    return next((found[action] for action in actions if action in found), None)


def _module(address: str) -> str:
    """`module.a["x"].module.b` as `a.b`: instances are counted together."""
    names, rest = [], address
    while rest.startswith("module."):
        rest = rest.removeprefix("module.")
        end = next((i for i, letter in enumerate(rest) if letter in ".["), len(rest))
        names.append(rest[:end])
        rest = rest[end:]
        if rest.startswith("["):
            rest = rest[_closing(rest) + 1 :]
        rest = rest.removeprefix(".")
    return ".".join(names)


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
    if isinstance(value, str) and value in (UNKNOWN, SENSITIVE, CHANGED_SENSITIVE):
        return value
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:117]}..."


def _was_there(document: Document) -> bool:
    prior = document.get("prior_state", {}).get("values", {}).get("root_module", {})

    def managed(module: Mapping[str, Any]) -> bool:
        own = any(resource.get("mode") == "managed" for resource in module.get("resources", []))
        return own or any(managed(child) for child in module.get("child_modules", []))

    return managed(prior)


def _by_type(changes: Sequence[_Change]) -> tuple[TypeCount, ...]:
    rows: dict[tuple[str, str], Counter[Action]] = {}
    for change in changes:
        if change.action is not None:
            rows.setdefault((change.module, change.type), Counter())[change.action] += 1
    return tuple(
        TypeCount(module=module, type=kind, counts={action: counts[action] for action in ACTIONS if counts[action]})
        for (module, kind), counts in sorted(rows.items())
    )


def _losses(changes: Sequence[_Change]) -> Iterator[Loss]:
    for change in changes:
        if change.action not in ("replace", "delete") or change.type not in DATA.keys() | LOGS.keys():
            continue
        why = change.forced_by or ((change.reason,) if change.reason else ())
        yield Loss(
            address=change.address,
            type=change.type,
            action="replace" if change.action == "replace" else "delete",
            holds_data=change.type in DATA,
            what=DATA.get(change.type) or LOGS[change.type],
            forced_by=why or ("Terraform does not say why",),
        )


def _policies(change: _Change) -> Iterator[PolicyChange]:
    """Each policy that a resource has and that changes."""
    action: Literal["create", "update", "delete"]
    if change.action in ("create", "delete"):
        action = "create" if change.action == "create" else "delete"
    elif change.action in ("update", "replace", "import"):
        action = "update"
    else:  # forgotten: it stays as it is
        return
    if change.type == _CEDAR:
        path = "definition.cedar.statement"
        texts = at(change.before, path), at(change.after, path)
        yield from _policy(change, "Cedar policy", action, *texts, read_cedar, argument="definition")
    elif change.type == _PERMISSION:
        yield from _permission(change, action)
    elif change.type == _ATTACHMENT:
        arns = [values.get("policy_arn") for values in (change.before, change.after)]
        yield from _attachment(change, action, *arns)
    else:
        for name, what in _documents(change).items():
            texts = change.before.get(name), change.after.get(name)
            yield from _policy(change, what, action, *texts, read_policy, argument=name)


def _documents(change: _Change) -> dict[str, str]:
    """Arguments that hold a policy document: those that are known to, and whatever reads like one."""
    found = dict(_POLICIES.get(change.type, {}))
    for values in (change.before, change.after):
        for name, value in values.items():
            if name not in found and isinstance(value, str) and '"Statement"' in value:
                try:
                    read_policy(value)
                except NotAPolicy:
                    continue
                found[name] = name.replace("_", " ")
    return found


def _policy(
    change: _Change,
    what: str,
    action: Literal["create", "update", "delete"],
    before: Any,
    after: Any,
    read: Callable[[str], list[Statement]],
    *,
    argument: str,
) -> Iterator[PolicyChange]:
    if before == after or (not before and not after):
        return
    if action == "update" and not before:
        action = "create"
    if action == "update" and not after:
        action = "delete"
    words = [value for value in (before, after) if value in (UNKNOWN, SENSITIVE, CHANGED_SENSITIVE)]
    if words:
        unread = "known only after the apply" if UNKNOWN in words else "sensitive, so not shown"
        yield PolicyChange(address=change.address, what=what, action=action, statements=None, unread=unread)
        return
    try:
        old: list[Statement] = read(before) if before else []
        new: list[Statement] = read(after) if after else []
    except NotAPolicy as failure:
        unread = f"not readable ({failure})"
        yield PolicyChange(address=change.address, what=what, action=action, statements=None, unread=unread)
        return
    changes = diff_statements(old, new)
    if action == "update":
        changes = (*_version(before, after), *changes)
    if changes or action != "update":
        yield _read_change(change, what, action, new, changes, invented=argument in change.invented)


def _version(before: str, after: str) -> Iterator[StatementChange]:
    """What happens to the language of an IAM document: only in the newer one are policy variables more than text."""
    old, new = (_version_of(text) for text in (before, after))
    if old != new:
        lines = (Line(sign="-", text=f"version {old}"), Line(sign="+", text=f"version {new}"))
        yield StatementChange(name="(document)", kind="changed", lines=lines)


def _version_of(text: str) -> str:
    try:
        document = json.loads(text)
    except ValueError:  # Cedar
        return ""
    return str(document.get("Version", "2008-10-17"))  # which a document without one has


def _read_change(
    change: _Change,
    what: str,
    action: Literal["create", "update", "delete"],
    new: Sequence[Statement],
    changes: tuple[StatementChange, ...],
    *,
    invented: bool,
) -> PolicyChange:
    spots = [
        f"{statement.name or 'statement'}: {spot}"
        for statement in new
        for spot in statement.wide_spots()
        if not (what == "key policy" and spot.startswith("resource *"))  # the key itself: it cannot name another
    ]
    return PolicyChange(
        address=change.address,
        what=what,
        action=action,
        statements=len(new),
        wide_spots=tuple(spots),
        changes=changes,
        invented=invented,
    )


def _permission(change: _Change, action: Literal["create", "update", "delete"]) -> Iterator[PolicyChange]:
    old = read_permission(change.before) if change.before else []
    new = read_permission(change.after) if change.after and change.action != "delete" else []
    changes = diff_statements(old, new)
    if changes:
        yield _read_change(change, "Lambda permission", action, new, changes, invented=bool(change.invented))


def _attachment(
    change: _Change, action: Literal["create", "update", "delete"], before: Any, after: Any
) -> Iterator[PolicyChange]:
    if before == after:
        return
    unread = " -> ".join(str(arn) for arn in (before, after) if arn)
    yield PolicyChange(address=change.address, what="attached policy", action=action, statements=None, unread=unread)


def _failed_checks(document: Document) -> Iterator[str]:
    for check in document.get("checks") or []:
        if check.get("status") in ("fail", "error"):
            name = check.get("address", {}).get("to_display", "a check")
            problems = [p.get("message", "") for i in check.get("instances", []) for p in i.get("problems", [])]
            yield f"{name}: {' '.join(problems)}".strip().rstrip(":")
