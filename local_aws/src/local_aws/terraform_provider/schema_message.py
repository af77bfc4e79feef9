"""Writes schemas the way GetProviderSchema answers."""

from __future__ import annotations

import json
from typing import Final

from local_aws.terraform_provider.data import Attribute, Block, ProviderData
from local_aws.terraform_provider.wire import integer, message, text

_NESTING: Final = {"single": 1, "list": 2, "set": 3}


def provider_schema(data: ProviderData) -> bytes:
    """Write the answer to GetProviderSchema."""
    out = message(1, _schema(data.configuration))
    for number, types in ((2, data.resources), (3, data.data_sources)):
        for name, resource in types.items():
            out += message(number, text(1, name) + message(2, _schema(resource.block)))
    # Capability get_provider_schema_optional: Terraform need not ask again in a process that knows the schema.
    return out + message(6, integer(2, True))


def _schema(block: Block) -> bytes:
    return message(2, _block(block))


def _block(block: Block) -> bytes:
    out = b""
    for name, attribute in block.attributes.items():
        out += message(2, _attribute(name, attribute))
    for name, nested in block.blocks.items():
        out += message(
            3,
            text(1, name)
            + message(2, _block(nested.block))
            + integer(3, _NESTING[nested.nesting])
            + integer(4, nested.min_items)
            + integer(5, nested.max_items),
        )
    return out


def _attribute(name: str, attribute: Attribute) -> bytes:
    return (
        text(1, name)
        + message(2, json.dumps(attribute.type).encode())
        + integer(4, attribute.required)
        + integer(5, attribute.optional)
        + integer(6, attribute.computed)
        + integer(7, attribute.sensitive)
        + integer(10, attribute.write_only)
    )
