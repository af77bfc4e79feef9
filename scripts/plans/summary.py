"""What a reviewer has to know of a plan: read from `terraform show -json`, never from its text.

Values that are sensitive are not read out of the plan at all; values that only the apply knows are said to be unknown.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.plans.changes import ACTIONS, Action, Document, ResourceChange, UnreadablePlan, read_changes
from scripts.plans.grants import PolicyChange, UnreadGrant, find_policies, find_unread
from scripts.plans.guarded_settings import OPENINGS, SHUTTERS, SettingChange, compare
from scripts.plans.losses import Loss, find_losses
from scripts.plans.production import read_production


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeCount:
    """Changes of one type in one module."""

    module: str  # without keys; empty for the root
    type: str
    counts: Mapping[Action, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceSettings:
    """Guarded arguments of one resource that change."""

    address: str
    changes: tuple[SettingChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A plan, for a reviewer."""

    production: bool  # before the plan or after it
    production_ends: str  # why it was one before, if it is none any more afterwards
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
    unread: tuple[UnreadGrant, ...] = ()
    imported: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()  # addresses of what stays in the account without Terraform
    deferred: tuple[str, ...] = ()  # addresses whose change this plan puts off
    invoked: tuple[str, ...] = ()  # actions that an apply runs besides

    @property
    def empty(self) -> bool:
        """Whether an apply would change nothing, outputs included."""
        return not (self.counts or self.outputs or self.invoked)

    @property
    def wider(self) -> int:
        """How many resources are wider afterwards than before; none of a first creation."""
        if self.first:
            return 0
        policies = {change.address for change in self.policies if change.wider}
        return len(policies | {s.address for s in self.settings if any(change.wider for change in s.changes)})


def summarise(document: Document, *, recorded: Mapping[str, Mapping[str, Any]] | None = None) -> Summary:
    """Read a plan.

    Args:
        document: `terraform show -json` of it.
        recorded: Values by address, from a recorded apply of an offline plan. They fill in what the plan does not know
            yet, where policies and settings are compared.

    Raises:
        UnreadablePlan: If it is none, the plan failed half-way, or it holds an action that is not known here.
    """
    if "resource_changes" not in document and "planned_values" not in document:
        raise UnreadablePlan("not a plan: `terraform show -json PLAN` prints one with planned_values")
    if document.get("errored"):
        raise UnreadablePlan("the plan failed half-way, so it does not hold all changes; plan again")
    changes = read_changes(document, recorded=recorded)
    acted = [change for change in changes if change.action is not None]
    moved = [(change.moved_from, change.address) for change in changes if change.moved_from]
    production = read_production(document)
    first = not _was_there(document)
    counts = _counts(changes)
    if moved:
        counts["move"] = len(moved)
    return Summary(
        production=production.either,
        production_ends=production.before if production.ends else "",
        first=first,
        counts={action: counts[action] for action in ACTIONS if counts[action]},
        by_type=_by_type(changes),
        losses=tuple(find_losses(acted)),
        policies=tuple(find_policies(acted)),
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
        unread=tuple(find_unread(acted)),
        imported=tuple(change.address for change in changes if change.imported),
        forgotten=tuple(change.address for change in acted if change.action == "forget" or change.forgets_old),
        deferred=tuple(
            str((entry.get("resource_change") or {}).get("address")) for entry in document.get("deferred_changes") or []
        ),
        invoked=tuple(str(entry.get("address")) for entry in document.get("action_invocations") or []),
    )


def _comparable(change: ResourceChange, *, first: bool) -> bool:
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


def _was_there(document: Document) -> bool:
    prior = document.get("prior_state", {}).get("values", {}).get("root_module", {})

    def managed(module: Mapping[str, Any]) -> bool:
        own = any(resource.get("mode") == "managed" for resource in module.get("resources", []))
        return own or any(managed(child) for child in module.get("child_modules", []))

    return managed(prior)


def _counts(changes: Sequence[ResourceChange]) -> Counter[Action]:
    """What happens to resources. One that is imported may be changed or replaced as well."""
    counts: Counter[Action] = Counter(change.action for change in changes if change.action is not None)
    counts["import"] = sum(change.imported for change in changes)
    return counts


def _by_type(changes: Sequence[ResourceChange]) -> tuple[TypeCount, ...]:
    rows: dict[tuple[str, str], list[ResourceChange]] = {}
    for change in changes:
        if change.action is not None or change.imported:
            rows.setdefault((change.module, change.type), []).append(change)
    return tuple(
        TypeCount(module=module, type=kind, counts={action: counts[action] for action in ACTIONS if counts[action]})
        for (module, kind), found in sorted(rows.items())
        for counts in [_counts(found)]
    )


def _failed_checks(document: Document) -> Iterator[str]:
    for check in document.get("checks") or []:
        if check.get("status") in ("fail", "error"):
            name = check.get("address", {}).get("to_display", "a check")
            problems = [p.get("message", "") for i in check.get("instances", []) for p in i.get("problems", [])]
            yield f"{name}: {' '.join(problems)}".strip().rstrip(":")
