"""Strict reading of a tool's arguments. The Gateway's schemas know types only; ranges are checked here."""

from collections.abc import Mapping
from typing import Any, Final

from clinic_agent.errors import BadRequest

_REQUIRED: Final = object()


class Arguments:
    """The arguments of one call; every refusal names the argument."""

    def __init__(self, given: Any, *, allowed: frozenset[str]) -> None:
        """Take the arguments of a call.

        Raises:
            BadRequest: If they are no object, or one of them is not allowed.
        """
        if not isinstance(given, Mapping):
            raise _invalid("arguments", "must be an object")
        for name in given:
            if name not in allowed:
                # The name is what the caller sent: shortened and escaped, since it ends up in a model's context.
                raise _invalid(ascii(str(name)[:40]), f"is no argument of this tool; allowed: {_listed(allowed)}")
        self._given = given

    def text(self, name: str, *, most: int, default: Any = _REQUIRED, least: int = 1) -> str:
        """Return a string of `least` to `most` characters.

        Raises:
            BadRequest: If it is missing without a default, no string, too short or long, or no proper text.
        """
        value = self._value(name, default)
        if not isinstance(value, str):
            raise _invalid(name, "must be a string")
        if not least <= len(value) <= most:
            raise _invalid(name, f"must have {least} to {most} characters")
        if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
            raise _invalid(name, "holds a NUL or an unpaired surrogate")
        return value

    def whole(self, name: str, *, most: int, default: Any = _REQUIRED, least: int = 1) -> int:
        """Return a whole number from `least` to `most`.

        Raises:
            BadRequest: If it is missing without a default, no whole number (neither a boolean nor 4.0 is one), or out
                of range.
        """
        value = self._value(name, default)
        if type(value) is not int:
            raise _invalid(name, "must be a whole number")
        if not least <= value <= most:
            raise _invalid(name, f"must be {least} to {most}")
        return value

    def _value(self, name: str, default: Any) -> Any:
        value = self._given.get(name, default)
        if value is _REQUIRED:
            raise _invalid(name, "is missing")
        return value


def _invalid(name: str, problem: str) -> BadRequest:
    return BadRequest("invalid_argument", f"{name}: {problem}")


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"
