"""Replacing functions of the emulator, which has no extension points."""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Callable
from typing import Any, Final

SUPPORTED_VERSION: Final = "1.5.33"
"""The `ministack` release these extensions were written against; they replace functions of its modules."""


class EmulatorError(Exception):
    """Base of the errors this package raises itself."""


class UnsupportedEmulatorError(EmulatorError):
    """The installed `ministack` is not the one the extensions fit."""

    def __init__(self, *, found: str) -> None:
        super().__init__(f"ministack {SUPPORTED_VERSION} is needed, {found} is installed: run `make install`")


class PatchTargetError(EmulatorError):
    """A function or text to replace is not where it was in the supported version."""

    def __init__(self, *, owner: str, name: str) -> None:
        super().__init__(f"{owner} has no {name!r}: the extensions fit ministack {SUPPORTED_VERSION} only")


def require_supported_version() -> None:
    """Check the installed emulator.

    Raises:
        UnsupportedEmulatorError: If it is missing or of another version.
    """
    try:
        found = importlib.metadata.version("ministack")
    except importlib.metadata.PackageNotFoundError:
        found = "none"
    if found != SUPPORTED_VERSION:
        raise UnsupportedEmulatorError(found=found)


def wrap(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a decorator that replaces `owner.name` by the decorated function.

    The function gets the original as its first argument, in front of those of the call. Callers inside the emulator
    look names up in their module at call time, so a replacement reaches them too.

    Args:
        owner: A module or class of the emulator.
        name: The function to replace.

    Raises:
        PatchTargetError: If there is no such function.
    """
    original = getattr(owner, name, None)
    if original is None:
        raise PatchTargetError(owner=getattr(owner, "__name__", repr(owner)), name=name)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def replacement(*args: Any, **kwargs: Any) -> Any:
            return function(original, *args, **kwargs)

        setattr(owner, name, replacement)
        return function

    return decorate
