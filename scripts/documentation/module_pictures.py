"""Draw which module gives what to which other, from the calls in an environment or a composition."""

from collections.abc import Mapping
from typing import Final

from scripts.documentation.hcl_module import Expression, HclModule

_LABELLED: Final = 3


def picture(module: HclModule) -> str:
    """Draw the calls of one module: an arrow leads from who gives to who takes, and names up to three outputs.

    Returns:
        Mermaid in its fence.
    """
    lines = [f'    {call.name}["{call.name}"]' for call in module.calls]
    for call in module.calls:
        taken: dict[str, set[str]] = {}
        for value in call.inputs.values():
            for giver, output in _references(value, module.locals, frozenset()):
                taken.setdefault(giver, set()).add(output)
        for giver in sorted(taken.keys() - {call.name}):
            outputs = sorted(taken[giver] - {""})
            more = len(outputs) - _LABELLED
            label = "<br/>".join([*outputs[:_LABELLED], *([f"and {more} more"] if more > 0 else [])])
            lines.append(f'    {giver} -->|"{label}"| {call.name}' if label else f"    {giver} --> {call.name}")
    return "\n".join(["```mermaid", "flowchart LR", *lines, "```"])


def _references(value: Expression, known: Mapping[str, Expression], seen: frozenset[str]) -> set[tuple[str, str]]:
    """List the modules, with their outputs, that an expression reads, through locals too."""
    found: set[tuple[str, str]] = set()
    for reference in value.references:
        kind, name, *rest = reference.split(".")
        if kind == "module":
            found.add((name, rest[0] if rest else ""))
        elif kind == "local" and name in known and name not in seen:
            found |= _references(known[name], known, seen | {name})
    return found
