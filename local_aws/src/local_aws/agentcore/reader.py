"""Reads checked values out of decoded JSON, with the path of each in the error."""

from __future__ import annotations

from typing import Any

from local_aws.agentcore.errors import InvalidConfigError


class Reader:
    """One JSON object. Terraform writes a block that may occur once as an object or as a list of one; both do.

    Args:
        path: Where it is, for errors.
        data: The decoded JSON.

    Raises:
        InvalidConfigError: Here and in every method, if a value is missing or of another type.
    """

    def __init__(self, path: str, data: Any) -> None:
        if isinstance(data, list) and len(data) == 1:
            data = data[0]
        if not isinstance(data, dict):
            raise InvalidConfigError(field=path, problem=f"has to be an object, not {type(data).__name__}")
        self.path = path
        self._data: dict[str, Any] = data

    def has(self, name: str) -> bool:
        """Tell whether a field holds something: not null, no empty list."""
        return bool(self._data.get(name))

    def object(self, name: str) -> Reader:
        """Return a nested object."""
        return Reader(f"{self.path}.{name}", self._data.get(name))

    def optional_object(self, name: str) -> Reader | None:
        """Return a nested object, or None if it is null, absent or an empty list."""
        return self.object(name) if self._data.get(name) else None

    def objects(self, name: str) -> list[Reader]:
        """Return a list of objects; null and absent are an empty one."""
        value = self._data.get(name) or []
        if not isinstance(value, list):
            raise self._wrong(name, "a list")
        return [Reader(f"{self.path}.{name}[{index}]", item) for index, item in enumerate(value)]

    def text(self, name: str) -> str:
        """Return a string that is not empty."""
        value = self._data.get(name)
        if not isinstance(value, str) or not value:
            raise self._wrong(name, "a string that is not empty")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a string, or None if it is null or absent."""
        return None if self._data.get(name) is None else self.text(name)

    def texts(self, name: str, *, optional: bool = False) -> list[str]:
        """Return a list of strings, empty only if `optional`."""
        value = self._data.get(name)
        if optional and value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value) or not (value or optional):
            raise self._wrong(name, "a list of strings")
        return value

    def text_map(self, name: str) -> dict[str, str]:
        """Return an object whose values are strings; null and absent are an empty one."""
        value = self._data.get(name) or {}
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise self._wrong(name, "an object of strings")
        return dict(value)

    def number(self, name: str, default: float | None = None) -> float:
        """Return a number that is not negative; null and absent are `default`."""
        value = self._data.get(name)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise self._wrong(name, "a number that is not negative")
        return value

    def _wrong(self, name: str, expected: str) -> InvalidConfigError:
        # The value stays out: environment variables are read here too.
        return InvalidConfigError(field=f"{self.path}.{name}", problem=f"has to be {expected}")
