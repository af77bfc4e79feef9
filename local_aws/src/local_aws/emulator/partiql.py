"""PartiQL on DynamoDB: the IAM action and the tables of its statements.

AWS authorises `PartiQLSelect`, `PartiQLInsert`, `PartiQLUpdate` and `PartiQLDelete` on the table of each statement; the
emulator authorises the API operation on nothing. Statements carry no leading keys here, so a policy that demands the
key denies them: stricter than AWS, which reads the key out of simple statements.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

OPERATIONS: Final = ("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction")

_VERB: Final = re.compile(r"\s*(select|insert|update|delete|exists)\b", re.IGNORECASE)
_TABLE: Final = re.compile(r"\b(?:from|into|update)\s+(?:\"([^\"]+)\"|'([^']+)'|([\w.:/-]+))", re.IGNORECASE)
_UNKNOWN: Final = "PartiQLUnknown"  # no such action: only a wildcard grants it


def _statements(data: Mapping[str, Any]) -> list[str]:
    listed = data.get("Statements") or data.get("TransactStatements") or []
    found = [data.get("Statement"), *(entry.get("Statement") for entry in listed if isinstance(entry, dict))]
    return [text for text in found if isinstance(text, str)]


def action(data: Mapping[str, Any]) -> str:
    """Name the IAM action of a request; one with statements of several kinds has none that a policy can name."""
    verbs = {match[1].lower() if (match := _VERB.match(text)) else "" for text in _statements(data)}
    verb = verbs.pop() if len(verbs) == 1 else ""
    return {"exists": "PartiQLSelect", "": _UNKNOWN}.get(verb) or f"PartiQL{verb.capitalize()}"


def tables(data: Mapping[str, Any]) -> list[str]:
    """List every table named after FROM, INTO or UPDATE, quoted text included: too many tables is the safe side."""
    return [next(filter(None, match.groups())) for text in _statements(data) for match in _TABLE.finditer(text)]
