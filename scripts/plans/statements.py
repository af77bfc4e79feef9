"""Policy statements as sets, so that two documents can be compared by what they permit and not by how they are written.

An IAM document, a resource policy, a Lambda permission and a Cedar policy all become statements here.
"""

import ipaddress
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

ALLOW: Final = "Allow"
DENY: Final = "Deny"
ANYTHING: Final = "*"

_OPERATOR: Final = re.compile(r"(?i)^(?:(forallvalues|foranyvalue):)?(\w+?)(ifexists)?$")
_EQUAL: Final = frozenset(
    {"stringequals", "stringequalsignorecase", "binaryequals", "numericequals", "dateequals", "bool", "null"}
)
_LIKE: Final = frozenset({"stringlike", "arnlike"})
_NEGATED: Final = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
    "stringnotlike": "stringlike",
    "arnnotlike": "arnlike",
    "notipaddress": "ipaddress",
}
_UPPER: Final = frozenset({"numericlessthan", "numericlessthanequals", "datelessthan", "datelessthanequals"})
_LOWER: Final = frozenset(
    {"numericgreaterthan", "numericgreaterthanequals", "dategreaterthan", "dategreaterthanequals"}
)


class NotAPolicy(ValueError):
    """A text is no policy document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Actions, resources or principals that a statement names."""

    names: frozenset[str]  # in the form that is compared
    all_but: bool = False  # NotAction, NotResource, NotPrincipal
    written: Mapping[str, str] = field(default_factory=dict, compare=False, hash=False)

    def text(self, name: str) -> str:
        """A name as the document has it."""
        return self.written.get(name, name)

    def atoms(self) -> list["Scope"]:
        """The parts that can be looked at one by one."""
        return [self] if self.all_but else [Scope(names=frozenset({name})) for name in sorted(self.names)]

    def covers(self, other: "Scope") -> bool:
        """Whether this names all that the other one does. False also where that cannot be told."""
        if ANYTHING in self.names and not self.all_but:
            return True
        if self.all_but and other.all_but:
            return all(any(matches(theirs, own) for theirs in other.names) for own in self.names)
        if self.all_but:
            # A pattern may reach into what is left out, so only plain names can be told.
            plain = not any(ANYTHING in name or "?" in name or "${" in name for name in other.names)
            return plain and not any(matches(own, name) for own in self.names for name in other.names)
        return not other.all_but and all(any(matches(own, name) for own in self.names) for name in other.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition: an operator, a key and the values that it is compared with."""

    operator: str
    key: str
    values: frozenset[str] = frozenset()

    def text(self) -> str:
        """For people."""
        if not self.values:
            return f"{self.operator} {self.key}"
        return f"{self.operator} {self.key} = {', '.join(sorted(self.values))}"

    def implies(self, other: "Condition") -> bool:
        """Whether all that meets this condition meets the other. False also where that cannot be told."""
        if self == other:
            return True
        if self.key.casefold() != other.key.casefold():
            return False
        own, theirs = _OPERATOR.match(self.operator), _OPERATOR.match(other.operator)
        if own is None or theirs is None or (own[1] or "").casefold() != (theirs[1] or "").casefold():
            return False
        if own[3] and not theirs[3]:  # ...IfExists also lets in a request without the key
            return False
        mine, wanted = _base(own[2]), _base(theirs[2])
        if mine != wanted and (mine, wanted) != ("stringequals", "stringlike"):
            return False
        if wanted in _UPPER or wanted in _LOWER:
            return _bounds(wanted, self.values, other.values)
        if wanted in _NEGATED:
            kind = _NEGATED[wanted]
            return all(any(_same(kind, own_value, value) for own_value in self.values) for value in other.values)
        if wanted in _EQUAL | _LIKE | {"ipaddress"}:
            return all(any(_same(wanted, value, own_value) for value in other.values) for own_value in self.values)
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement. Two are equal if they permit or deny the same, whatever their names are."""

    effect: str
    actions: Scope
    principals: Scope | None = None  # None where the document says nothing of them
    resources: Scope | None = None
    conditions: frozenset[Condition] = frozenset()
    name: str = field(default="", compare=False)

    def covers(self, other: "Statement") -> bool:
        """Whether this reaches all that the other one does; the effects are not looked at."""
        for mine, theirs in (
            (self.actions, other.actions),
            (self.resources, other.resources),
            (self.principals, other.principals),
        ):
            if mine is not None and not mine.covers(theirs or Scope(names=frozenset({ANYTHING}))):
                return False
        return all(any(have.implies(need) for have in other.conditions) for need in self.conditions)

    def atoms(self) -> Iterator["Statement"]:
        """Split into one action, one resource and one principal each."""
        for action in self.actions.atoms():
            for resource in self.resources.atoms() if self.resources else [None]:
                for principal in self.principals.atoms() if self.principals else [None]:
                    yield Statement(
                        effect=self.effect,
                        actions=action,
                        resources=resource,
                        principals=principal,
                        conditions=self.conditions,
                    )

    def lines(self) -> list[str]:
        """The statement, a line for each of its parts."""
        found = [f"effect {self.effect}"]
        for label, scope in self.scopes():
            found += [f"{label} {scope.text(name)}" for name in sorted(scope.names)]
        return found + [f"condition {condition.text()}" for condition in sorted(self.conditions, key=Condition.text)]

    def scopes(self) -> list[tuple[str, Scope]]:
        """Principals, actions and resources with the words for them."""
        named = (("principal", self.principals), ("action", self.actions), ("resource", self.resources))
        return [(f"all but {label}" if scope.all_but else label, scope) for label, scope in named if scope is not None]

    def wide_spots(self) -> list[str]:
        """What of an Allow is open by itself: wildcards, and everything but something."""
        if self.effect != ALLOW:
            return []
        unless = "" if self.conditions else ", without a condition"
        found = []
        for label, scope in self.scopes():
            if scope.all_but:
                found.append(f"{label} {', '.join(sorted(map(scope.text, scope.names)))}{unless}")
                continue
            for name in sorted(scope.names):
                everything = name == ANYTHING or (label == "action" and name.endswith(":*"))
                if everything or (label == "principal" and name.split(" ", 1)[-1] == ANYTHING):
                    found.append(f"{label} {scope.text(name)}{unless}")
        return found


def read_policy(document: str | Mapping[str, Any]) -> list[Statement]:
    """Read an IAM policy document: of an identity, a role's trust, a bucket, a key.

    Args:
        document: JSON text, or what it decodes to.

    Raises:
        NotAPolicy: If it is none.
    """
    try:
        decoded = json.loads(document) if isinstance(document, str) else document
    except ValueError as failure:
        raise NotAPolicy("not JSON") from failure
    if not isinstance(decoded, Mapping) or "Statement" not in decoded:
        raise NotAPolicy("no object with Statement")
    statements = decoded["Statement"]
    statements = [statements] if isinstance(statements, Mapping) else statements
    if not isinstance(statements, list) or not all(isinstance(entry, Mapping) for entry in statements):
        raise NotAPolicy("Statement is no list of objects")
    return [_statement(entry) for entry in statements]


def read_permission(values: Mapping[str, Any]) -> list[Statement]:
    """Read the arguments of an `aws_lambda_permission`, which is a statement of the function's policy."""
    conditions = {
        ("ArnLike", "aws:SourceArn"): values.get("source_arn"),
        ("StringEquals", "aws:SourceAccount"): values.get("source_account"),
        ("StringEquals", "aws:PrincipalOrgID"): values.get("principal_org_id"),
        ("StringEquals", "lambda:FunctionUrlAuthType"): values.get("function_url_auth_type"),
        ("StringEquals", "lambda:EventSourceToken"): values.get("event_source_token"),
        ("Bool", "lambda:InvokedViaFunctionUrl"): values.get("invoked_via_function_url"),
    }
    return [
        Statement(
            name=str(values.get("statement_id") or "permission"),
            effect=ALLOW,
            actions=_scope([str(values.get("action"))], lower=True),
            principals=_scope([str(values.get("principal"))]),
            resources=_scope([str(values.get("function_name"))]),
            conditions=frozenset(
                Condition(operator=operator, key=key, values=frozenset({"true" if value is True else str(value)}))
                for (operator, key), value in conditions.items()
                if value
            ),
        )
    ]


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    # A * of the other text is matched by a * only, since ? stands for one character.
    parts = [".*" if part == "*" else "[^*]" if part == "?" else re.escape(part) for part in re.split(r"([*?])", text)]
    return re.compile("".join(parts), re.DOTALL)


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern with * and ? reaches all that another one does."""
    return pattern == name or _pattern(pattern).fullmatch(name) is not None


def _statement(entry: Mapping[str, Any]) -> Statement:
    return Statement(
        name=str(entry.get("Sid") or ""),
        effect=str(entry.get("Effect")),
        actions=_either(entry, "Action", lower=True) or Scope(names=frozenset()),
        resources=_either(entry, "Resource"),
        principals=_either(entry, "Principal"),
        conditions=frozenset(_conditions(entry.get("Condition") or {})),
    )


def _either(entry: Mapping[str, Any], name: str, *, lower: bool = False) -> Scope | None:
    for key, all_but in ((name, False), (f"Not{name}", True)):
        if key in entry:
            return _scope(_names(entry[key]), all_but=all_but, lower=lower)
    return None


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):  # principals by kind
        for kind, inner in value.items():
            # {"AWS": "*"} is everybody, as "*" is.
            yield from (ANYTHING if kind == "AWS" and name == ANYTHING else f"{kind} {name}" for name in _names(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner)
    else:
        yield str(value)


def _scope(names: Iterable[str], *, all_but: bool = False, lower: bool = False) -> Scope:
    written = {name.casefold() if lower else name: name for name in names}
    return Scope(names=frozenset(written), all_but=all_but, written=written)


def _conditions(found: Any) -> Iterator[Condition]:
    if not isinstance(found, Mapping) or not all(isinstance(keys, Mapping) for keys in found.values()):
        raise NotAPolicy("Condition is no object of objects")
    for operator, keys in found.items():
        for key, values in keys.items():
            listed = values if isinstance(values, list) else [values]
            texts = frozenset(json.dumps(v) if isinstance(v, bool | int | float) else str(v) for v in listed)
            yield Condition(operator=operator, key=key, values=texts)


def _base(operator: str) -> str:
    name = operator.casefold()
    return {"arnequals": "arnlike", "arnnotequals": "arnnotlike"}.get(name, name)  # IAM compares them alike


def _same(kind: str, wanted: str, value: str) -> bool:
    """Whether a value in the place of the wanted one lets nothing else in."""
    if kind in _LIKE:
        return matches(wanted, value)
    if kind == "stringequalsignorecase" or kind in ("bool", "null"):
        return wanted.casefold() == value.casefold()
    if kind == "ipaddress":
        try:
            outer, inner = ipaddress.ip_network(wanted, strict=False), ipaddress.ip_network(value, strict=False)
            return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]
        except ValueError:
            return wanted == value
    return wanted == value


def _bounds(kind: str, own: frozenset[str], other: frozenset[str]) -> bool:
    """Whether bounds are at least as tight as others; of several values, the widest counts."""
    if not own or not other:
        return False
    try:
        mine, theirs = [float(value) for value in own], [float(value) for value in other]
    except ValueError:  # dates: of the same form, they sort as text
        same_form = len({re.sub(r"\d", "0", value) for value in own | other}) == 1
        if not same_form:
            return False
        return max(own) <= max(other) if kind in _UPPER else min(own) >= min(other)
    return max(mine) <= max(theirs) if kind in _UPPER else min(mine) >= min(theirs)
