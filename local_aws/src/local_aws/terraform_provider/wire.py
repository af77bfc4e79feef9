"""Protocol Buffers' wire format and Terraform's dynamic values: what plugin protocol 5 needs, no more.

Generated code for the protocol would be 200 KB and a compiler; these are the few message forms that occur.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgpack

Fields = dict[int, list[Any]]
"""A parsed message: field number -> values, an int or bytes each."""
PathStep = str | int

UNKNOWN: Final = msgpack.ExtType(0, b"\0")
"""What Terraform calls "known after apply"."""


class MalformedMessageError(Exception):
    """A message ends within a field, or uses a form that protocol 5 does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """An error or warning; Terraform adds file and line of what the path names."""

    summary: str
    detail: str
    path: Sequence[PathStep] = field(default=())
    warning: bool = False


def is_unknown(value: Any) -> bool:
    """Tell whether a value is only known after apply."""
    return isinstance(value, msgpack.ExtType)


def contains_unknown(value: Any) -> bool:
    """Tell whether a value is unknown somewhere."""
    if isinstance(value, Mapping):
        return any(map(contains_unknown, value.values()))
    return any(map(contains_unknown, value)) if isinstance(value, list) else is_unknown(value)


def message(number: int, payload: bytes) -> bytes:
    """Encode a field of bytes: a message, a text, bytes."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def text(number: int, value: str) -> bytes:
    """Encode a text; an empty one is left out, as everywhere in this format."""
    return message(number, value.encode()) if value else b""


def integer(number: int, value: int | bool | None) -> bytes:
    """Encode a number or a flag; zero is left out."""
    return _varint(number << 3) + _varint(int(value)) if value else b""


def parse(data: bytes) -> Fields:
    """Split a message into its fields.

    Raises:
        MalformedMessageError: If it ends too early.
    """
    fields: Fields = {}
    position = 0
    while position < len(data):
        tag, position = _read_varint(data, position)
        if tag & 7 == 0:
            value, position = _read_varint(data, position)
            fields.setdefault(tag >> 3, []).append(value)
            continue
        if tag & 7 == 2:
            size, position = _read_varint(data, position)
        elif tag & 7 in (1, 5):
            size = 8 if tag & 7 == 1 else 4
        else:
            raise MalformedMessageError(f"wire type {tag & 7} at byte {position}")
        if position + size > len(data):
            raise MalformedMessageError(f"a field of {size} bytes at byte {position} of {len(data)}")
        fields.setdefault(tag >> 3, []).append(data[position : position + size])
        position += size
    return fields


def first(fields: Fields, number: int) -> bytes:
    """Return the bytes of a field, empty if it is not there."""
    found: bytes = fields.get(number, [b""])[0]
    return found


def decode_dynamic(data: bytes) -> Any:
    """Read a DynamicValue; what is unknown stays `UNKNOWN`."""
    packed = parse(data).get(1)
    return msgpack.unpackb(packed[0], strict_map_key=False) if packed else None


def encode_dynamic(value: Any) -> bytes:
    """Write a DynamicValue."""
    return message(1, msgpack.packb(value))


def attribute_path(path: Iterable[PathStep]) -> bytes:
    """Write an AttributePath: names, and positions in lists."""
    # A position of 0 has to be written out: as one of alternatives it counts as given only if it is there.
    steps = (text(1, step) if isinstance(step, str) else _varint(3 << 3) + _varint(step) for step in path)
    return b"".join(message(1, step) for step in steps)


def diagnostics(number: int, found: Iterable[Diagnostic]) -> bytes:
    """Write the diagnostics of an answer, in the field that the answer has for them."""
    out = b""
    for item in found:
        path = message(4, attribute_path(item.path)) if item.path else b""
        severity = integer(1, 2 if item.warning else 1)
        out += message(number, severity + text(2, item.summary) + text(3, item.detail) + path)
    return out


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    shift = value = 0
    while True:
        if position >= len(data):
            raise MalformedMessageError("the message ends within a number")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, position
