"""Checks a configuration against the rules: what a schema cannot say. Unknown values are left for the apply."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from local_aws.terraform_provider.data import Attribute, Block, ResourceType, elements, inner_blocks
from local_aws.terraform_provider.wire import Diagnostic, PathStep, is_unknown

_SHOWN: Final = 80  # characters of a value that a message quotes


def validate(resource: ResourceType, config: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Yield what is wrong with a configuration."""
    yield from _conditions(resource.rules.get("", {}), config)
    yield from _block(resource.block, resource.rules, config, (), "")


def _conditions(rule: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for condition in rule.get("when", ()):
        given = config.get(condition["attribute"])
        if given not in condition["is"]:  # an unknown value is in no list
            continue
        because = f"{condition['attribute']} is {given!r}"
        needed = condition.get("need", ())
        if needed and not any(_is_given(config.get(name)) for name in needed):
            names = " or ".join(f'"{name}"' for name in needed)
            yield Diagnostic(summary="Missing Block", detail=f"{names} is required when {because}.")
        for name in condition.get("forbid", ()):
            if _is_given(config.get(name)) and not is_unknown(config.get(name)):
                yield Diagnostic(
                    summary="Unexpected Block", detail=f'"{name}" cannot be given when {because}.', path=(name,)
                )


def _block(
    block: Block, rules: Mapping[str, Any], value: Mapping[str, Any], path: tuple[PathStep, ...], dotted: str
) -> Iterator[Diagnostic]:
    yield from _alternatives(rules.get(dotted, {}), value, path)
    for name, attribute in block.attributes.items():
        yield from _attribute(name, attribute, rules.get(_join(dotted, name), {}), value.get(name), (*path, name))
    for name in block.blocks:
        yield from _count(name, rules.get(_join(dotted, name), {}), value.get(name), path)
    for name, nested, index, element in inner_blocks(block, value):
        # An element of a set has no address that Terraform could show: the set's is as precise as it gets.
        step = () if index is None else (index,)
        yield from _block(nested.block, rules, element, (*path, name, *step), _join(dotted, name))


def _alternatives(
    rule: Mapping[str, Any], value: Mapping[str, Any], path: tuple[PathStep, ...]
) -> Iterator[Diagnostic]:
    for key, least, most, words in (
        ("one_of", 1, 1, "Exactly one of {} must be given."),
        ("any_of", 1, None, "At least one of {} must be given."),
        ("at_most_one_of", 0, 1, "Only one of {} can be given."),
    ):
        names = rule.get(key, ())
        known = sum(_is_given(value.get(name)) and not is_unknown(value.get(name)) for name in names)
        possible = sum(_is_given(value.get(name)) for name in names)
        if names and (possible < least or (most is not None and known > most)):
            yield Diagnostic(summary="Invalid Combination", detail=words.format(", ".join(names)), path=path)


def _attribute(
    name: str, attribute: Attribute, rule: Mapping[str, Any], given: Any, path: tuple[PathStep, ...]
) -> Iterator[Diagnostic]:
    if given is None:
        return
    if attribute.computed and not attribute.optional:
        detail = f'"{name}" is set by the provider and cannot be given a value.'
        yield Diagnostic(summary="Read-Only Attribute", detail=detail, path=path)
        return
    for problem in _value(rule, given, quote=not attribute.sensitive):
        yield Diagnostic(summary="Invalid Attribute Value", detail=f"Attribute {name} {problem}.", path=path)


def _count(name: str, rule: Mapping[str, Any], given: Any, path: tuple[PathStep, ...]) -> Iterator[Diagnostic]:
    if is_unknown(given):
        return
    count = len(elements(given))
    least, most = rule.get("min_items", 0), rule.get("max_items")
    if rule.get("required") and not count:
        yield Diagnostic(summary="Missing Block", detail=f'A "{name}" block is required.', path=path)
    elif 0 < count < least:
        detail = f'At least {least} "{name}" blocks are required.'
        yield Diagnostic(summary="Too Few Blocks", detail=detail, path=(*path, name))
    elif most is not None and count > most:
        detail = f'No more than {most} "{name}" blocks are allowed.'
        yield Diagnostic(summary="Too Many Blocks", detail=detail, path=(*path, name))


def _value(rule: Mapping[str, Any], value: Any, *, quote: bool) -> Iterator[str]:
    """Yield what is wrong with a value; it is quoted only outside maps, whose values may be secrets."""
    if not rule or value is None or is_unknown(value):
        return
    got = f", got {_short(value)}" if quote and isinstance(value, str | int | float) else ""
    if "enum" in rule and value not in rule["enum"]:
        yield f"must be one of {', '.join(rule['enum'])}{got}"
    if "pattern" in rule and not re.fullmatch(rule["pattern"], value):
        yield f"must match {rule['pattern']}{got}"
    yield from _size(rule, value, got)
    if isinstance(value, list):
        yield from _within(rule.get("each"), value, "an element", quote=quote)
        for name, field in rule.get("fields", {}).items():
            inner = [item.get(name) for item in value if isinstance(item, dict)]
            yield from _within(field, inner, name, quote=quote)
    if isinstance(value, dict):
        yield from _within(rule.get("keys"), list(value), "a key", quote=quote)
        yield from _within(rule.get("values"), list(value.values()), "a value", quote=False)


def _within(rule: Mapping[str, Any] | None, items: Sequence[Any], what: str, *, quote: bool) -> Iterator[str]:
    for item in items if rule else ():
        yield from (f"has {what} that {problem}" for problem in _value(rule or {}, item, quote=quote))


def _size(rule: Mapping[str, Any], value: Any, got: str) -> Iterator[str]:
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        size, unit = value, ""
    else:
        size = len(value)
        unit = " characters" if isinstance(value, str) else " elements"
        got = f", has {size}"
    least, most = rule.get("min"), rule.get("max")
    if (least is not None and size < least) or (most is not None and size > most):
        bounds = f"at least {least}" if most is None else f"at most {most}" if least is None else f"{least} to {most}"
        yield f"must be {bounds}{unit}{got}"


def _is_given(value: Any) -> bool:
    return value is not None and value != []


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
