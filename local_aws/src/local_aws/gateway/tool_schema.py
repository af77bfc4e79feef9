"""What a tool takes: its recorded input schema, as JSON Schema for clients, as types for Cedar, and as a check."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from local_aws.agentcore.errors import InvalidConfigError
from local_aws.agentcore.reader import Reader

_MAX_QUOTED: Final = 60
_LONG: Final = 2**63  # Cedar's Long has 64 bits
_DECIMAL_LIMIT: Final = Decimal(_LONG) / 10_000  # Cedar's decimal is a Long with four places
_CEDAR_TYPES: Final[Mapping[str, Mapping[str, Any]]] = {
    "string": {"type": "String"},
    "integer": {"type": "Long"},
    "boolean": {"type": "Boolean"},
    "number": {"type": "Extension", "name": "decimal"},
}


class InvalidArgumentsError(Exception):
    """The arguments do not fit the tool. The message names the argument and what is wrong, never its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueSchema:
    """One value: a string, integer, number, boolean, array or object."""

    type: str
    description: str | None = None
    items: ValueSchema | None = None  # of an array
    properties: Mapping[str, ValueSchema] | None = None  # of an object
    required: frozenset[str] = frozenset()

    def json_schema(self) -> dict[str, Any]:
        """Return the schema as `tools/list` has it."""
        found: dict[str, Any] = {"type": self.type}
        if self.description:
            found["description"] = self.description
        if self.items is not None:
            found["items"] = self.items.json_schema()
        if self.properties is not None:
            found["properties"] = {name: value.json_schema() for name, value in self.properties.items()}
            if self.required:
                found["required"] = sorted(self.required)
        return found

    def cedar_type(self) -> dict[str, Any]:
        """Return the type that a policy sees: String, Long, Boolean, decimal, Set or Record."""
        if self.items is not None:
            return {"type": "Set", "element": self.items.cedar_type()}
        if self.properties is not None:
            attributes = {
                name: {**value.cedar_type(), "required": name in self.required}
                for name, value in self.properties.items()
            }
            return {"type": "Record", "attributes": attributes}
        return dict(_CEDAR_TYPES[self.type])

    def cedar_value(self, value: Any, *, path: str) -> Any:
        """Check a value, and return it as Cedar reads it.

        Raises:
            InvalidArgumentsError: If it is of another type, or cannot be said in Cedar.
        """
        if self.properties is not None:
            return self._record(value, path=path)
        if self.items is not None:
            if not isinstance(value, list):
                raise _wrong(path, "an array")
            return [self.items.cedar_value(item, path=f"{path}[{index}]") for index, item in enumerate(value)]
        if self.type == "string" and isinstance(value, str):
            return value
        if self.type == "boolean" and isinstance(value, bool):
            return value
        if self.type == "integer" and isinstance(value, int) and not isinstance(value, bool):
            if -_LONG <= value < _LONG:
                return value
            raise _wrong(path, "an integer of 64 bits")
        if self.type == "number" and isinstance(value, int | float) and not isinstance(value, bool):
            return _decimal(value, path=path)
        raise _wrong(path, f"a{'n' if self.type == 'integer' else ''} {self.type}")

    def _record(self, value: Any, *, path: str) -> dict[str, Any]:
        if not isinstance(value, dict) or self.properties is None:
            raise _wrong(path, "an object")
        for name in value:
            if name not in self.properties:
                raise InvalidArgumentsError(f"{_joined(path, repr(name[:_MAX_QUOTED]))} is not an argument of the tool")
        for name in sorted(self.required):
            if name not in value:
                raise InvalidArgumentsError(f"{_joined(path, name)} is missing")
        return {name: self.properties[name].cedar_value(item, path=_joined(path, name)) for name, item in value.items()}


def parse_input_schema(block: Reader) -> ValueSchema:
    """Read an `input_schema` block, which has to be an object.

    Raises:
        InvalidConfigError: If it says something that cannot be checked here.
    """
    schema = _parse(block)
    if schema.type != "object":
        raise InvalidConfigError(field=f"{block.path}.type", problem=f"{schema.type!r} is not 'object'")
    return schema


def _parse(block: Reader) -> ValueSchema:
    kind = block.text("type")
    description = block.optional_text("description") if block.has("description") else None
    for name in ("items_json", "properties_json"):
        if block.has(name):
            raise InvalidConfigError(field=f"{block.path}.{name}", problem="is not read here; use blocks")
    if kind == "object":
        children = block.objects("property")
        names = [child.text("name") for child in children]
        for name in names:
            if names.count(name) > 1:
                raise InvalidConfigError(field=f"{block.path}.property", problem=f"{name!r} is there twice")
        return ValueSchema(
            type=kind,
            description=description,
            properties={name: _parse(child) for name, child in zip(names, children, strict=True)},
            required=frozenset(name for name, child in zip(names, children, strict=True) if child.has("required")),
        )
    if kind == "array":
        # Without the type of its items Cedar could not type it, and a policy on it would never hold.
        return ValueSchema(type=kind, description=description, items=_parse(block.object("items")))
    if kind not in _CEDAR_TYPES:
        raise InvalidConfigError(field=f"{block.path}.type", problem=f"{kind!r} is no type of a tool argument")
    return ValueSchema(type=kind, description=description)


def _decimal(value: float, *, path: str) -> dict[str, Any]:
    exact = Decimal(repr(value)) if math.isfinite(value) else Decimal("NaN")
    if not exact.is_finite() or abs(exact) >= _DECIMAL_LIMIT or exact != round(exact, 4):
        raise _wrong(path, "a number with at most four decimal places")
    return {"__extn": {"fn": "decimal", "arg": f"{exact:.4f}"}}


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _wrong(path: str, expected: str) -> InvalidArgumentsError:
    return InvalidArgumentsError(f"{path or 'arguments'} has to be {expected}")
