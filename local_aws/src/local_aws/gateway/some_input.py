"""Rewrites policies so that they say whether *some* arguments would be allowed: what `tools/list` shows.

Cedar's partial evaluation would be the tool for this, but with one unknown field it leaves the whole `context`
undecided, the clock too, and it is outside Cedar's stability promise. So conditions on `context.input` are replaced by
what makes a policy weakest: in a permit by true, in a forbid by false, the other way round below a negation. The
result never mentions arguments, and

* a permit holds, if it held for any arguments;
* a forbid holds, only if it held for all of them.

So a tool that could be called is never hidden. One that could not may be shown if its policy contradicts itself (such
as `input.limit > 5 && input.limit < 3`); a call is decided by the policies themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def for_some_input(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Rewrite one policy, in Cedar's JSON form."""
    permit = policy["effect"] == "permit"
    conditions = [
        {**condition, "body": _assume(condition["body"], holds=(condition["kind"] == "when") is permit)}
        for condition in policy.get("conditions", [])
    ]
    return {**policy, "conditions": conditions}


def mentions_input(expression: Any) -> bool:
    """Tell whether an expression may depend on arguments: on `context.input`, or on `context` as a whole."""
    if isinstance(expression, list):
        return any(mentions_input(item) for item in expression)
    if not isinstance(expression, Mapping):
        return False
    if expression.get("Var") == "context":
        return True
    access = expression.get(".")
    if isinstance(access, Mapping) and access.get("left") == {"Var": "context"}:
        return bool(access.get("attr") == "input")
    return any(mentions_input(value) for value in expression.values())


def _assume(expression: Mapping[str, Any], *, holds: bool) -> Mapping[str, Any]:
    """Replace what depends on arguments by `holds`."""
    if not mentions_input(expression):
        return expression
    ((operator, operands),) = expression.items()
    if operator in {"&&", "||"}:
        return {operator: {side: _assume(operands[side], holds=holds) for side in ("left", "right")}}
    if operator == "!":
        return {operator: {"arg": _assume(operands["arg"], holds=not holds)}}
    return {"Value": holds}
