"""Renders `data.aws_iam_policy_document`, the one data source that computes instead of asking AWS."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

Content = Mapping[str, Any]


def policy_document(config: Content) -> str:
    """Return the JSON text of a policy document.

    Args:
        config: Arguments of the data source, all of them known.
    """
    sources = map(json.loads, config.get("source_policy_documents") or [])
    statements = [statement for source in sources for statement in source.get("Statement", [])]
    for block in config.get("statement") or []:
        statement = {"Sid": block.get("sid"), "Effect": block.get("effect") or "Allow"}
        for key, argument, convert in _MEMBERS:
            if block.get(argument):
                statement[key] = convert(block[argument])
        statements.append({key: value for key, value in statement.items() if value})
    return json.dumps({"Version": config.get("version") or "2012-10-17", "Statement": statements}, indent=2)


def _single(items: Sequence[str]) -> Any:
    return items[0] if len(items) == 1 else sorted(items)


def _principals(blocks: Sequence[Content]) -> Any:
    merged: dict[str, list[str]] = {}
    for block in blocks:
        merged.setdefault(block["type"], []).extend(block["identifiers"])
    return "*" if "*" in merged else {kind: _single(names) for kind, names in merged.items()}


def _conditions(blocks: Sequence[Content]) -> Any:
    merged: dict[str, dict[str, list[str]]] = {}
    for block in blocks:
        merged.setdefault(block["test"], {}).setdefault(block["variable"], []).extend(block["values"])
    return {test: {key: _single(values) for key, values in keys.items()} for test, keys in merged.items()}


_MEMBERS: Final[Sequence[tuple[str, str, Callable[[Any], Any]]]] = (
    ("Action", "actions", _single),
    ("NotAction", "not_actions", _single),
    ("Resource", "resources", _single),
    ("NotResource", "not_resources", _single),
    ("Principal", "principals", _principals),
    ("NotPrincipal", "not_principals", _principals),
    ("Condition", "condition", _conditions),
)
