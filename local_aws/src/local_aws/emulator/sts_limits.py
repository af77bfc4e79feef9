"""What STS accepts in an AssumeRole request."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

MIN_SESSION_SECONDS: Final = 900
MAX_CHAINED_SECONDS: Final = 3600
"""Longest session of a role that was assumed by a role. Source: IAM User Guide, role chaining."""

_MAX_TAGS: Final = 50
_MAX_TAG_KEY: Final = 128
_MAX_TAG_VALUE: Final = 256
_TAG_PATTERN: Final = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]"
_TAG_PUNCTUATION: Final = frozenset("_.:/=+-@")
_NAME: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)


class InvalidParameterError(Exception):
    """STS answers this as `ValidationError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumeRoleRequest:
    """The parts of an AssumeRole request that have limits."""

    session_name: str
    source_identity: str | None
    duration_seconds: str | None  # as sent
    tags: Mapping[str, str]
    transitive_keys: Collection[str]


def _violated(value: str, member: str, constraint: str) -> InvalidParameterError:
    return InvalidParameterError(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must "
        f"{constraint}"
    )


def _tag_characters(text: str) -> bool:
    return all(char in _TAG_PUNCTUATION or unicodedata.category(char)[0] in "LZN" for char in text)


def check_names(request: AssumeRoleRequest) -> None:
    """Check the session name and the source identity.

    Raises:
        InvalidParameterError: If one has characters or a length STS does not take.
    """
    names = {"roleSessionName": request.session_name, "sourceIdentity": request.source_identity}
    for member, value in names.items():
        if value is not None and not _NAME.fullmatch(value):
            raise _violated(value, member, r"satisfy regular expression pattern: [\w+=,.@-]*, of length 2 to 64")


def check_tags(request: AssumeRoleRequest, *, inherited: Collection[str]) -> None:
    """Check the session tags.

    Args:
        request: The request.
        inherited: Keys of the transitive tags that the caller's session hands on.

    Raises:
        InvalidParameterError: If there are too many, one has characters or a length STS does not take, one names an
            inherited key, or a transitive key is not a tag of the request.
    """
    if len(request.tags) > _MAX_TAGS:
        raise _violated(str(len(request.tags)), "tags", f"have length less than or equal to {_MAX_TAGS}")
    for number, (key, value) in enumerate(request.tags.items(), start=1):
        for part, text, shortest, longest in (("key", key, 1, _MAX_TAG_KEY), ("value", value, 0, _MAX_TAG_VALUE)):
            member = f"tags.{number}.member.{part}"
            if not _tag_characters(text):
                raise _violated(text, member, f"satisfy regular expression pattern: {_TAG_PATTERN}{'*+'[shortest]}")
            if not shortest <= len(text) <= longest:
                raise _violated(text, member, f"have length between {shortest} and {longest}")
    taken = {key.lower() for key in inherited}
    if overridden := sorted(key for key in request.tags if key.lower() in taken):
        raise InvalidParameterError(
            f"One of the specified transitive tag keys can't be set because it conflicts: {overridden}"
        )
    known = {key.lower() for key in request.tags}
    if unknown := sorted(key for key in request.transitive_keys if key.lower() not in known):
        raise InvalidParameterError(
            f"The specified transitive tag key must be included in the requested tags: {unknown}"
        )


def check_duration(request: AssumeRoleRequest, *, chained: bool, role_max_seconds: int) -> None:
    """Check the length of the session.

    Args:
        request: The request.
        chained: Whether the caller is itself a session of a role.
        role_max_seconds: The role's `MaxSessionDuration`, in seconds.

    Raises:
        InvalidParameterError: If it is shorter or longer than STS takes for this caller and role.
    """
    if request.duration_seconds is None:
        return
    try:
        seconds = int(request.duration_seconds)
    except ValueError as failure:
        raise _violated(request.duration_seconds, "durationSeconds", "be an integer") from failure
    if seconds < MIN_SESSION_SECONDS:
        constraint = f"have value greater than or equal to {MIN_SESSION_SECONDS}"
        raise _violated(str(seconds), "durationSeconds", constraint)
    if chained and seconds > MAX_CHAINED_SECONDS:
        raise InvalidParameterError(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        )
    if seconds > role_max_seconds:
        raise InvalidParameterError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
