"""Read Cedar text into statements, so that it is compared as IAM documents are."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import cedarpy

from scripts.plans.statements import ALLOW, ANYTHING, DENY, Condition, NotAPolicy, Scope, Statement

_COMPARED: Final = {
    "<": "NumericLessThan",
    "<=": "NumericLessThanEquals",
    ">": "NumericGreaterThan",
    ">=": "NumericGreaterThanEquals",
}
_HOURS: Final = re.compile(r"(\d+)h")
_BINARY: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "&&", "||", "in", "+", "-", "*"})


def read_cedar(text: str) -> list[Statement]:
    """Read a text with one or more policies.

    Raises:
        NotAPolicy: If Cedar cannot parse it.
    """
    try:
        parsed: Mapping[str, Any] = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as failure:
        raise NotAPolicy("Cedar cannot parse it") from failure
    policies = list(parsed["staticPolicies"].values()) + list(parsed["templates"].values())
    return [
        Statement(
            name=str((policy.get("annotations") or {}).get("id") or ""),
            effect=ALLOW if policy["effect"] == "permit" else DENY,
            actions=_scope(policy["action"]),
            principals=_scope(policy["principal"]),
            resources=_scope(policy["resource"]),
            conditions=frozenset(c for condition in policy["conditions"] for c in _conditions(condition)),
        )
        for policy in policies
    ]


def _scope(constraint: Mapping[str, Any]) -> Scope:
    match constraint["op"]:
        case "All":
            names = [ANYTHING]
        case "==":
            names = [_entity(constraint)]
        case "in" if "entities" in constraint:
            names = [f'{entity["type"]}::"{entity["id"]}"' for entity in constraint["entities"]]
        case "in":
            names = [f"in {_entity(constraint)}"]
        case "is" if "in" not in constraint:
            names = [f"is {constraint['entity_type']}"]
        case _:
            names = [json.dumps(constraint, sort_keys=True)]
    return Scope(names=frozenset(names))


def _entity(constraint: Mapping[str, Any]) -> str:
    entity = constraint.get("entity")
    return f'{entity["type"]}::"{entity["id"]}"' if entity else f"?{constraint.get('slot')}"


def _conditions(condition: Mapping[str, Any]) -> Iterator[Condition]:
    if condition["kind"] != "when":
        yield Condition(operator=condition["kind"], key=_text(condition["body"]))
        return
    for part in _joined(condition["body"]):
        yield _bound(part) or Condition(operator="when", key=_text(part))


def _joined(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The parts that are joined by `&&`: each is a condition of its own."""
    if "&&" in body:
        yield from _joined(body["&&"]["left"])
        yield from _joined(body["&&"]["right"])
    else:
        yield body


def _bound(part: Mapping[str, Any]) -> Condition | None:
    """A comparison with a number or whole hours, whose direction tells what is wider."""
    ((operator, inner),) = part.items() if len(part) == 1 else ((None, None),)
    if operator not in _COMPARED or not isinstance(inner, Mapping):
        return None
    right = inner["right"]
    if isinstance(right.get("Value"), int) and not isinstance(right["Value"], bool):
        value, unit = str(right["Value"]), ""
    elif "duration" in right and (hours := _HOURS.fullmatch(str(right["duration"][0].get("Value")))):
        value, unit = hours[1], " (hours)"
    else:
        return None
    return Condition(operator=_COMPARED[operator], key=f"{_text(inner['left'])}{unit}", values=frozenset({value}))


def _text(node: Any) -> str:
    """Write an expression of Cedar's JSON form as text; what is rare stays JSON."""
    if isinstance(node, Mapping) and len(node) == 1:
        ((kind, inner),) = node.items()
        if kind == "Var":
            return str(inner)
        if kind == "Value":
            if isinstance(inner, Mapping) and "__entity" in inner:
                return f'{inner["__entity"]["type"]}::"{inner["__entity"]["id"]}"'
            return json.dumps(inner)
        if kind == "Set":
            return f"[{', '.join(sorted(map(_text, inner)))}]"
        if kind == "." or (kind == "has" and "attr" in inner):
            joint = "." if kind == "." else " has "
            return f"{_text(inner['left'])}{joint}{inner['attr']}"
        if kind == "!":
            return f"!({_text(inner['arg'])})"
        if kind in _BINARY:
            left, right = _text(inner["left"]), _text(inner["right"])
            return f"({left} {kind} {right})" if kind in ("&&", "||") else f"{left} {kind} {right}"
        if isinstance(inner, Mapping) and inner.keys() == {"left", "right"}:
            return f"{_text(inner['left'])}.{kind}({_text(inner['right'])})"
        if isinstance(inner, list) and inner:
            first, *rest = map(_text, inner)
            return f"{first}.{kind}({', '.join(rest)})" if kind.startswith("to") or rest else f"{kind}({first})"
    return json.dumps(node, sort_keys=True)
