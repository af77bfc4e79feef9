"""The headers by which the interceptor tells a target who is calling, and how headers are read."""

import re
from collections.abc import Mapping
from typing import Any, Final

ACCESS_TOKEN: Final = "X-Clinic-Access-Token"  # noqa: S105  # the name of a header
"""The verified access token, without `Bearer`. A target gets this one; `Authorization` is not passed on to targets."""
REQUEST_ID: Final = "X-Clinic-Request-Id"
"""The interceptor's id of the request: the same in its log and the target's."""

_REQUEST_ID_VALUE: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class AmbiguousHeader(Exception):
    """A header stands there in several spellings with different values: readers disagree on which one counts."""


def value_of(headers: Any, name: str) -> str | None:
    """Return the value of a header, whatever its spelling; None if there is none. Empty ones count as absent.

    Raises:
        AmbiguousHeader: If there are several different values, or one is no string.
    """
    if not isinstance(headers, Mapping):
        return None
    found = [value for key, value in headers.items() if key.lower() == name.lower() and value]
    if any(not isinstance(value, str) or value != found[0] for value in found):
        raise AmbiguousHeader
    return found[0] if found else None


def request_id_of(headers: Any) -> str | None:
    """Return the interceptor's request id; None if it is absent or not of its form. Safe to log."""
    try:
        value = value_of(headers, REQUEST_ID)
    except AmbiguousHeader:
        return None
    return value if value is not None and _REQUEST_ID_VALUE.fullmatch(value) else None
