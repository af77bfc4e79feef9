"""Read IAM policy documents as IAM does: one or many, any case, with wildcards.

What a document says is taken as it stands. Whether a Deny elsewhere takes an Allow back is the check's question.
"""

import fnmatch
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from policy_checks.plan import UNKNOWN, Undecided

PRINCIPAL_TAG: Final = re.compile(r"\$\{aws:PrincipalTag/([^}]+)\}", re.IGNORECASE)


_VARIABLE: Final = re.compile(r"\$\{[^}]*\}")


class InvalidDocument(ValueError):
    """A policy document that IAM would refuse, or that no check can read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One key of one operator."""

    operator: str  # lower case, without qualifier and IfExists: stringequals, null, arnlike …
    qualifier: str  # "", "forallvalues" or "foranyvalue"
    if_exists: bool
    key: str  # lower case: IAM ignores the case of keys, tag names included
    values: tuple[str, ...]

    @property
    def binds(self) -> bool:
        """Whether a request without the key is refused: IfExists, ForAllValues and negations let it pass."""
        return not self.if_exists and self.qualifier != "forallvalues" and "not" not in self.operator

    @property
    def demands(self) -> bool:
        """Whether it says that the key must be there."""
        return self.operator == "null" and bool(self.values) and all(value.lower() == "false" for value in self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement."""

    name: str  # its Sid, or its number
    allow: bool
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    principals: tuple[tuple[str, str], ...]  # kind such as AWS or Service, and value; ("*", "*") is everybody
    not_principals: bool
    conditions: tuple[Condition, ...]

    def covers(self, action: str) -> bool:
        """Whether it speaks of this action."""
        if self.not_actions:
            return not any(within(action, pattern) for pattern in self.not_actions)
        return any(within(action, pattern) for pattern in self.actions)

    def covered(self, actions: Iterable[str]) -> list[str]:
        """Those of some actions that it speaks of."""
        return [action for action in actions if self.covers(action)]

    def touches(self, patterns: Iterable[str]) -> list[str]:
        """Those of some actions, which may be patterns such as `dynamodb:*`, of which it names one at least."""
        if self.not_actions:
            return [wanted for wanted in patterns if not any(within(wanted, one) for one in self.not_actions)]
        return [wanted for wanted in patterns if any(overlap(one, wanted) for one in self.actions)]

    def touching(self, pattern: str) -> list[str]:
        """The actions it names that have something in common with a pattern such as `dynamodb:*`."""
        return [action for action in self.actions if overlap(action, pattern)]

    def includes(self, pattern: str) -> bool:
        """Whether it speaks of all actions that a pattern such as `dynamodb:*` stands for."""
        if self.not_actions:
            return not any(overlap(one, pattern) for one in self.not_actions)
        return any(within(pattern, one) for one in self.actions)

    def reaches(self, arn: str) -> bool:
        """Whether it speaks of a resource, which may be a pattern such as `arn:aws:s3:::bucket/*`, or of a part of it.

        A variable in the statement may be anything.
        """
        if self.not_resources:
            return not any(within(arn, one, case=True) for one in self.not_resources)
        return any(overlap(_VARIABLE.sub("*", one), arn, case=True) for one in self.resources)

    def reaches_all(self, arn: str) -> bool:
        """Whether it speaks of all resources that a pattern such as `arn:aws:s3:::bucket/*` stands for."""
        return not self.not_resources and any(within(arn, one, case=True) for one in self.resources)

    def demanded(self) -> set[str]:
        """Keys, in lower case, that must be there, since Null says so."""
        return {c.key for c in self.conditions if c.demands}

    def on(self, key: str) -> list[Condition]:
        """Conditions on a key."""
        return [c for c in self.conditions if c.key == key.lower()]

    def texts(self) -> Iterator[str]:
        """All resources and values of conditions."""
        yield from self.resources
        for condition in self.conditions:
            yield from condition.values


def parse(document: Any, *, where: str) -> tuple[Statement, ...]:
    """Read a policy document.

    Args:
        document: JSON text, or what it holds.
        where: The argument, for messages.

    Raises:
        Undecided: If it, or a part of it, is unknown.
        InvalidDocument: If it is no policy document.
    """
    if document is UNKNOWN:
        raise Undecided(where)
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            raise InvalidDocument(f"{where}: is no JSON document") from None
    if isinstance(document, list) and len(document) == 1:
        document = document[0]  # as HCL is parsed
    if not isinstance(document, Mapping):
        raise InvalidDocument(f"{where}: is no JSON object")
    if _holds_unknown(document):
        raise Undecided(f"a part of {where}")
    found = document.get("Statement")
    statements = [found] if isinstance(found, Mapping) else found
    if not isinstance(statements, list) or not all(isinstance(entry, Mapping) for entry in statements):
        raise InvalidDocument(f"{where}: Statement is neither an object nor a list of objects")
    if document.get("Version") != "2012-10-17" and any("${" in str(entry) for entry in statements):
        raise InvalidDocument(f"{where}: Version is not 2012-10-17, so its policy variables are plain text")
    return tuple(_statement(entry, number=n, where=where) for n, entry in enumerate(statements, start=1))


def _statement(entry: Mapping[str, Any], *, number: int, where: str) -> Statement:
    name = str(entry.get("Sid") or f"statement {number}")
    effect = entry.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise InvalidDocument(f"{where}: Effect of {name} is neither Allow nor Deny")
    return Statement(
        name=name,
        allow=effect == "Allow",
        actions=_texts(entry.get("Action")),
        not_actions=_texts(entry.get("NotAction")),
        resources=_texts(entry.get("Resource")),
        not_resources=_texts(entry.get("NotResource")),
        principals=tuple(_principals(entry.get("Principal"))),
        not_principals="NotPrincipal" in entry,
        conditions=tuple(_conditions(entry.get("Condition") or {}, where=where)),
    )


def _principals(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield value, value
    elif isinstance(value, Mapping):
        for kind, names in value.items():
            for name in _texts(names):
                yield str(kind), name


def _conditions(block: Any, *, where: str) -> Iterator[Condition]:
    if not isinstance(block, Mapping):
        raise InvalidDocument(f"{where}: Condition is no object")
    for text, keys in block.items():
        qualifier, _, operator = str(text).lower().rpartition(":")
        if not isinstance(keys, Mapping):
            raise InvalidDocument(f"{where}: condition {text} is no object")
        for key, values in keys.items():
            yield Condition(
                operator=operator.removesuffix("ifexists"),
                qualifier=qualifier,
                if_exists=operator.endswith("ifexists"),
                key=str(key).lower(),
                values=_texts(values),
            )


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    entries = value if isinstance(value, list) else [value]
    return tuple(str(entry).lower() if isinstance(entry, bool) else str(entry) for entry in entries)


def within(inner: str, outer: str, *, case: bool = False) -> bool:
    """Whether all that a pattern stands for is in another one. IAM knows * and ? alone.

    Args:
        inner: The pattern, or a plain text.
        outer: The other one.
        case: Whether case counts: in ARNs it does, in actions it does not.
    """
    if not case:
        inner, outer = inner.lower(), outer.lower()
    # fnmatch would take [ for a set.
    return fnmatch.fnmatchcase(inner, outer.replace("[", "[[]"))


def overlap(one: str, other: str, *, case: bool = False) -> bool:
    """Whether two patterns have a text in common.

    Args:
        one: A pattern, or a plain text.
        other: The other one.
        case: As for `within`.
    """
    if not case:
        one, other = one.lower(), other.lower()
    # Lengths of `other` that can be used up by what was read of `one`.
    positions = _skip({0}, other)
    for sign in one:
        if sign == "*":
            positions = set(range(min(positions), len(other) + 1)) if positions else set()
            continue
        after = set()
        for at in positions:
            if at < len(other) and other[at] == "*":
                after.add(at)
            elif at < len(other) and ("?" in (sign, other[at]) or sign == other[at]):
                after.add(at + 1)
        positions = _skip(after, other)
    return len(other) in positions


def _skip(positions: set[int], pattern: str) -> set[int]:
    """Add the places behind stars, which may stand for nothing."""
    found = set(positions)
    for at in positions:
        while at < len(pattern) and pattern[at] == "*":
            at += 1
            found.add(at)
    return found


def _holds_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_unknown(entry) for entry in value.values())
    if isinstance(value, list):
        return any(_holds_unknown(entry) for entry in value)
    return value is UNKNOWN
