"""Works out what a change would record: which values are known now, and whether the resource is made anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local_aws.terraform_provider.data import Block, ResourceType, Rules, inner_blocks
from local_aws.terraform_provider.replacements import REPLACEMENTS
from local_aws.terraform_provider.value_templates import COUNTERS, FOLLOWERS, MIRRORS
from local_aws.terraform_provider.values import Settings
from local_aws.terraform_provider.wire import UNKNOWN, PathStep, is_unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The planned value, and the paths of what makes a new resource of it."""

    value: dict[str, Any] = field(repr=False)
    replaced: Sequence[Sequence[PathStep]] = ()


def plan(
    resource: ResourceType,
    *,
    prior: Mapping[str, Any] | None,
    proposed: dict[str, Any],
    config: Mapping[str, Any],
    settings: Settings,
) -> Planned:
    """Plan a resource.

    Args:
        resource: The type.
        prior: What is recorded, None for a new resource.
        proposed: The configuration, with computed values of before where it has none. It is changed.
        config: The configuration alone.
        settings: Of the provider.
    """
    _apply_defaults(resource.block, resource.rules, proposed, "")
    _known_now(resource, proposed, config, settings)
    if proposed != prior:
        _computed_after_apply(resource.block, proposed)
        if prior and (counter := COUNTERS.get(resource.name)):
            proposed[counter] = UNKNOWN
        causes, followers = FOLLOWERS.get(resource.name, (frozenset(), frozenset()))
        if prior and any(prior.get(cause) != proposed.get(cause) for cause in causes):
            proposed.update(dict.fromkeys(followers & resource.block.attributes.keys(), UNKNOWN))
    replaced = list(_replaced(resource, prior, proposed, config)) if prior else []
    return Planned(value=proposed, replaced=replaced)


def conform(block: Block, value: Mapping[str, Any]) -> dict[str, Any]:
    """Give a recorded value the members of today's schema: what is new is null, what is gone is dropped."""
    out: dict[str, Any] = {name: value.get(name) for name in block.attributes}
    for name, nested in block.blocks.items():
        content = value.get(name)
        if nested.nesting == "single":
            out[name] = None if content is None else conform(nested.block, content)
        else:
            out[name] = [conform(nested.block, element) for element in content or []]
    return out


def _apply_defaults(block: Block, rules: Rules, value: dict[str, Any], dotted: str) -> None:
    for name in block.attributes:
        rule = rules.get(f"{dotted}{name}", {})
        if "default" in rule and value.get(name) is None:
            value[name] = rule["default"]
    for name, nested, _, element in inner_blocks(block, value):
        _apply_defaults(nested.block, rules, element, f"{dotted}{name}.")


def _known_now(resource: ResourceType, planned: dict[str, Any], config: Mapping[str, Any], settings: Settings) -> None:
    attributes = resource.block.attributes
    for name, attribute in attributes.items():
        if attribute.write_only:
            planned[name] = None  # a plan must not hold it
    if "region" in attributes and planned.get("region") is None:
        planned["region"] = settings.region
    if "tags_all" in attributes:
        tags = planned.get("tags")
        planned["tags_all"] = UNKNOWN if is_unknown(tags) else {**settings.default_tags, **(tags or {})}
    pair = MIRRORS.get(resource.name, ())
    for one, other in zip(pair, reversed(pair), strict=True):
        if config.get(one) is not None and config.get(other) is None:
            planned[other] = config[one]


def _computed_after_apply(block: Block, value: dict[str, Any]) -> None:
    for name, attribute in block.attributes.items():
        if attribute.computed and value.get(name) is None:
            value[name] = UNKNOWN
    for _, nested, _, element in inner_blocks(block, value):
        _computed_after_apply(nested.block, element)


def _replaced(
    resource: ResourceType, prior: Mapping[str, Any], planned: Mapping[str, Any], config: Mapping[str, Any]
) -> Iterator[list[PathStep]]:
    # `name` and `region` say which resource is meant, also of the types that have no rules.
    known = {"name", "region"} | REPLACEMENTS.get(resource.name, frozenset())
    members = resource.block.attributes.keys() | resource.block.blocks.keys()
    for name in sorted(known & members - resource.rules.keys()):
        left_to_aws = is_unknown(planned.get(name)) and config.get(name) is None
        if prior.get(name) != planned.get(name) and not left_to_aws:
            yield [name]
    for dotted, rule in resource.rules.items():
        names = dotted.split(".")
        before, after = _at(prior, names), _at(planned, names)
        another_kind = rule.get("replace_on_kind") and before and after and _kinds(before) != _kinds(after)
        if another_kind or (rule.get("replace") and before != after):
            yield _path(names)


def _at(value: Any, names: Sequence[str]) -> Any:
    """Follow names, through the first element of a list each."""
    for name in names:
        if isinstance(value, list):
            value = value[0] if value else None
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _path(names: Sequence[str]) -> list[PathStep]:
    path: list[PathStep] = []
    for name in names[:-1]:
        path += [name, 0]
    return [*path, names[-1]]


def _kinds(blocks: Any) -> set[str]:
    return {name for name, content in blocks[0].items() if content} if isinstance(blocks, list) else set()
