"""Say how a policy changed, statement by statement, and where it permits more than before.

"Wider" is said of what now permits something that no statement permitted before, or no longer denies something that one
denied: each action, resource and principal is looked at, with its conditions. Wildcards are followed. Where one part of
a document makes up for another in a way that cannot be told, such as two statements that together say what one did, it
is called wider too, so that a person looks. Order, and whether a single value stands in a list, never matter.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from scripts.plans.statements import ALLOW, DENY, Condition, Statement

Kind = Literal["added", "removed", "changed", "renamed"]
UNNAMED: Final = "statement without Sid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a diff."""

    sign: Literal["+", "-", " "]
    text: str
    wider: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementChange:
    """What happens to one statement."""

    name: str
    kind: Kind
    lines: tuple[Line, ...] = ()
    wider: bool = False
    narrower: bool = False


def diff_statements(before: Sequence[Statement], after: Sequence[Statement]) -> tuple[StatementChange, ...]:
    """Compare two documents.

    Args:
        before: Statements of the old one; empty if there was none.
        after: Statements of the new one; empty if there is none any more.

    Returns:
        The changes, by name. Nothing for equal documents, in whatever order they are written.
    """
    pairs, gone, new = _matched(before, after)
    look = _Look(before=before, after=after)
    changes = [_renamed(old, now) if old == now else look.changed(old, now) for old, now in pairs]
    changes += [look.removed(statement) for statement in gone]
    changes += [look.added(statement) for statement in new]
    return tuple(sorted(changes, key=lambda change: (change.name, change.kind, [line.text for line in change.lines])))


def _matched(
    before: Sequence[Statement], after: Sequence[Statement]
) -> tuple[list[tuple[Statement, Statement]], list[Statement], list[Statement]]:
    """Pair what belongs together and differs; then what is gone, and what is new."""
    old, new = list(before), list(after)
    for statement in list(old):  # what stayed, name and all
        same = next((s for s in new if s == statement and s.name == statement.name), None)
        if same is not None:
            _drop(old, statement)
            _drop(new, same)
    pairs = []
    names = Counter(s.name for s in old if s.name) & Counter(s.name for s in new if s.name)
    for name in sorted(names):
        ours, theirs = [s for s in old if s.name == name], [s for s in new if s.name == name]
        if len(ours) == len(theirs) == 1:
            pairs.append((ours[0], theirs[0]))
            _drop(old, ours[0])
            _drop(new, theirs[0])
    for statement in sorted(old, key=lambda s: s.name):  # only the name is another
        same = next((s for s in sorted(new, key=lambda s: s.name) if s == statement), None)
        if same is not None:
            pairs.append((statement, same))
            _drop(old, statement)
            _drop(new, same)
    if len(old) == len(new) == 1 and old[0].effect == new[0].effect and not (old[0].name and new[0].name):
        pairs.append((old.pop(), new.pop()))
    return pairs, old, new


def _drop(statements: list[Statement], statement: Statement) -> None:
    """Take out this very object: an equal one may have another name."""
    del statements[next(i for i, other in enumerate(statements) if other is statement)]


def _renamed(old: Statement, new: Statement) -> StatementChange:
    lines = (Line(sign="-", text=f"sid {old.name or '(none)'}"), Line(sign="+", text=f"sid {new.name or '(none)'}"))
    return StatementChange(name=new.name or old.name or UNNAMED, kind="renamed", lines=lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """Both documents, which a change of one statement is looked at against."""

    before: Sequence[Statement]
    after: Sequence[Statement]

    def added(self, statement: Statement) -> StatementChange:
        loose = self._uncovered(statement, among=self.before)
        wider = bool(loose) and statement.effect == ALLOW
        texts = statement.lines()
        return StatementChange(
            name=statement.name or UNNAMED,
            kind="added",
            lines=tuple(Line(sign="+", text=text, wider=wider and i == 0) for i, text in enumerate(texts)),
            wider=wider,
            narrower=bool(loose) and statement.effect == DENY,
        )

    def removed(self, statement: Statement) -> StatementChange:
        loose = self._uncovered(statement, among=self.after)
        wider = bool(loose) and statement.effect == DENY
        texts = statement.lines()
        return StatementChange(
            name=statement.name or UNNAMED,
            kind="removed",
            lines=tuple(Line(sign="-", text=text, wider=wider and i == 0) for i, text in enumerate(texts)),
            wider=wider,
            narrower=bool(loose) and statement.effect == ALLOW,
        )

    def changed(self, old: Statement, new: Statement) -> StatementChange:
        gained = self._uncovered(new, among=self.before)  # reached by the new one and by none before
        lost = self._uncovered(old, among=self.after)
        wider_side: list[Statement] = []
        narrower_side: list[Statement] = []
        for side, effect, loose in (("new", new.effect, gained), ("old", old.effect, lost)):
            opens = (effect == ALLOW) is (side == "new")
            (wider_side if opens else narrower_side).extend(loose)
        lines = tuple(self._lines(old, new, gained=gained, lost=lost))
        if wider_side and not any(line.wider for line in lines):
            lines = (Line(sign=" ", text="permits more than before", wider=True), *lines)
        return StatementChange(
            name=new.name or old.name or UNNAMED,
            kind="changed",
            lines=lines,
            wider=bool(wider_side),
            narrower=bool(narrower_side) and not wider_side,
        )

    def _lines(
        self, old: Statement, new: Statement, *, gained: Sequence[Statement], lost: Sequence[Statement]
    ) -> Iterator[Line]:
        if old.effect != new.effect:
            yield Line(sign="-", text=f"effect {old.effect}")
            yield Line(sign="+", text=f"effect {new.effect}", wider=new.effect == ALLOW)
        opening = [] if new.effect != ALLOW else gained
        closing = [] if old.effect != DENY else lost
        old_scopes, new_scopes = dict(old.scopes()), dict(new.scopes())
        for label in dict.fromkeys([*old_scopes, *new_scopes]):
            was, now = old_scopes.get(label), new_scopes.get(label)
            for name in sorted((was.names if was else frozenset()) - (now.names if now else frozenset())):
                # An exclusion that goes away opens an Allow, a name that goes away opens a Deny.
                wider = bool(opening) if was and was.all_but else _names(closing, label, name)
                yield Line(sign="-", text=f"{label} {was.text(name) if was else name}", wider=wider)
            for name in sorted((now.names if now else frozenset()) - (was.names if was else frozenset())):
                wider = bool(closing) if now and now.all_but else _names(opening, label, name)
                yield Line(sign="+", text=f"{label} {now.text(name) if now else name}", wider=wider)
        for condition in _ordered(old.conditions - new.conditions):
            dropped = bool(opening) and not any(have.implies(condition) for have in new.conditions)
            yield Line(sign="-", text=f"condition {condition.text()}", wider=dropped)
        for condition in _ordered(new.conditions - old.conditions):
            limits = bool(closing) and not any(have.implies(condition) for have in old.conditions)
            yield Line(sign="+", text=f"condition {condition.text()}", wider=limits)

    @staticmethod
    def _uncovered(statement: Statement, *, among: Sequence[Statement]) -> list[Statement]:
        """The parts of a statement that no single one of the same effect reaches."""
        same = [other for other in among if other.effect == statement.effect]
        return [atom for atom in statement.atoms() if not any(other.covers(atom) for other in same)]


def _names(atoms: Sequence[Statement], label: str, name: str) -> bool:
    return any(scope.names == {name} for atom in atoms for kind, scope in atom.scopes() if kind == label)


def _ordered(conditions: frozenset[Condition]) -> list[Condition]:
    return sorted(conditions, key=Condition.text)
