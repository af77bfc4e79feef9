"""The data file: schemas and rules of the types that the Terraform sources use. `make schema` writes it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

FORMAT: Final = 1
"""Of the data file. Raised when its form changes."""

Rules = Mapping[str, Mapping[str, Any]]
"""By dotted path, "" for the resource itself; the vocabulary stands in scripts/schemas/rules.py."""


class SchemaDataError(Exception):
    """There is no usable data file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """An argument or an exported value."""

    type: Any  # as in Terraform's JSON: "string", ["list", "string"], ["list", ["object", {...}]]
    required: bool = False
    optional: bool = False
    computed: bool = False
    sensitive: bool = False
    write_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Attributes and the blocks within."""

    attributes: Mapping[str, Attribute]
    blocks: Mapping[str, NestedBlock]


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedBlock:
    """A block within another."""

    block: Block
    nesting: str  # single, list, set; no AWS type has a map of blocks
    min_items: int = 0
    max_items: int = 0  # 0: no limit


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType:
    """A resource type or a data source (which has no rules)."""

    name: str
    block: Block = field(repr=False)
    rules: Rules = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderData:
    """The content of the data file."""

    address: str  # such as registry.terraform.io/hashicorp/aws
    version: str
    made_from: Mapping[str, str]  # package -> version
    configuration: Block = field(repr=False)
    resources: Mapping[str, ResourceType] = field(repr=False)
    data_sources: Mapping[str, ResourceType] = field(repr=False)


def data_file(version: str) -> Path:
    """Return where the data of a provider version is."""
    return Path(__file__).with_name(f"schema-{version}.json")


def load() -> ProviderData:
    """Read the data file.

    Raises:
        SchemaDataError: If there is not exactly one, or it has another form.
    """
    found = sorted(Path(__file__).parent.glob("schema-*.json"))
    if len(found) != 1:
        raise SchemaDataError(f"one data file is needed, {len(found)} are there; run: make schema")
    return parse(json.loads(found[0].read_text(encoding="utf-8")))


def parse(document: Mapping[str, Any]) -> ProviderData:
    """Read the content of a data file.

    Raises:
        SchemaDataError: If it has another form.
    """
    if document.get("format") != FORMAT:
        raise SchemaDataError(f"format: {document.get('format')!r} is not {FORMAT}; run: make schema")
    return ProviderData(
        address=document["provider"]["address"],
        version=document["provider"]["version"],
        made_from=document["made_from"],
        configuration=_block(document["configuration"]),
        resources={name: _type(name, content) for name, content in document["resources"].items()},
        data_sources={name: _type(name, content) for name, content in document["data_sources"].items()},
    )


def elements(value: Any) -> list[tuple[int | None, Any]]:
    """List the elements of a nested block, each with its position."""
    if isinstance(value, dict):
        return [(None, value)]
    return list(enumerate(value)) if isinstance(value, list) else []


def inner_blocks(block: Block, value: Mapping[str, Any]) -> Iterator[tuple[str, NestedBlock, int | None, Any]]:
    """Yield each known block within a value: name, schema, position in a list, content."""
    for name, nested in block.blocks.items():
        for index, element in elements(value.get(name)):
            if isinstance(element, dict):
                yield name, nested, index if nested.nesting == "list" else None, element


def _type(name: str, content: Mapping[str, Any]) -> ResourceType:
    return ResourceType(name=name, block=_block(content), rules=content.get("rules", {}))


def _block(content: Mapping[str, Any]) -> Block:
    return Block(
        attributes={name: _attribute(flags) for name, flags in content.get("attributes", {}).items()},
        blocks={
            name: NestedBlock(
                block=_block(nested),
                nesting=nested["nesting_mode"],
                min_items=nested.get("min_items", 0),
                max_items=nested.get("max_items", 0),
            )
            for name, nested in content.get("blocks", {}).items()
        },
    )


def _attribute(flags: Sequence[Any]) -> Attribute:
    return Attribute(
        type=flags[0],
        required="required" in flags[1:],
        optional="optional" in flags[1:],
        computed="computed" in flags[1:],
        sensitive="sensitive" in flags[1:],
        write_only="write_only" in flags[1:],
    )
