"""IAM policy variables: `${aws:PrincipalTag/ClinicId}`, `${key, 'default'}` and the escapes `${*}`, `${?}`, `${$}`.

The emulator takes them as plain text. As on AWS, a value is literal (a tag of `*` matches only the key `*`), a
statement with a variable that has no value does not match, and before version 2012-10-17 there are no variables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from local_aws.emulator.patching import wrap

# Private-use characters that stand for a literal "*" and "?" in a pattern in which those are wildcards.
_LITERAL: Final = {"*": "\ue000", "?": "\ue001"}
_UNESCAPED: Final = {mark: re.escape(char) for char, mark in _LITERAL.items()}
_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")
_WITH_WILDCARDS: Final = ("stringlike", "stringnotlike", "arnlike", "arnequals", "arnnotlike", "arnnotequals")
_VERSION_WITH_VARIABLES: Final = "2012-10-17"

Resolve = Callable[[str], Any]


class UnresolvedVariableError(Exception):
    """A policy variable without a value; the statement that holds it does not match."""


def compile_pattern(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    """Translate an IAM pattern, in which `*` and `?` are wildcards, into a regular expression."""
    body = "".join({"*": ".*", "?": "."}.get(char) or _UNESCAPED.get(char) or re.escape(char) for char in pattern)
    # \Z, since $ also matches in front of a trailing newline.
    return re.compile(rf"(?s:{body})\Z", re.IGNORECASE if ignore_case else 0)


def substitute(text: Any, resolve: Resolve, *, wildcards: bool) -> Any:
    """Replace the variables of a policy string.

    Args:
        text: The string; anything else is returned as it is.
        resolve: Gives the value of a condition key, or None.
        wildcards: Whether the result is a pattern, so that wildcards in values have to be escaped.

    Raises:
        UnresolvedVariableError: If a variable has neither a value nor a default, or several values.
    """

    def value(match: re.Match[str]) -> str:
        name, _, default = match[1].partition(",")
        found = name if name in ("*", "?", "$") else resolve(name.strip())
        if found is None and default:
            found = default.strip().strip("'")
        if not isinstance(found, str):
            raise UnresolvedVariableError(name)
        return "".join(_LITERAL.get(char, char) for char in found) if wildcards else found

    return _VARIABLE.sub(value, text) if isinstance(text, str) else text


def substitute_conditions(conditions: Any, resolve: Resolve) -> dict[str, dict[str, list[Any]]]:
    """Replace the variables in a Condition element.

    Raises:
        UnresolvedVariableError: As in `substitute`.
    """
    ready: dict[str, dict[str, list[Any]]] = {}
    for operator, keys in (conditions or {}).items():
        if not isinstance(keys, dict):
            continue
        wildcards = operator.lower().removesuffix("ifexists").endswith(_WITH_WILDCARDS)
        ready[operator] = {
            key: [
                substitute(value, resolve, wildcards=wildcards)
                for value in (values if isinstance(values, list) else [values])
            ]
            for key, values in keys.items()
        }
    return ready


def _version(document: Any) -> Any:
    try:
        parsed = json.loads(document) if isinstance(document, str) else document
    except ValueError:
        return None
    return parsed.get("Version") if isinstance(parsed, dict) else None


def install() -> None:
    """Make the emulator's policy evaluation resolve variables."""
    from ministack.core import iam_evaluator

    iam_evaluator._fnmatch_compile = compile_pattern

    def resolver(context: Any) -> Resolve:
        return lambda name: iam_evaluator._resolve_condition_key(name, context)

    @wrap(iam_evaluator, "parse_policy_document")
    def parse_policy_document(original: Callable[..., list[Any]], document: Any) -> list[Any]:
        statements = original(document)
        if _version(document) == _VERSION_WITH_VARIABLES:
            return statements
        # Such a statement would have to match the text "${...}" itself, which no resource here has.
        return [s for s in statements if "${" not in repr((s.resources, s.not_resources, s.conditions))]

    @wrap(iam_evaluator, "_first_match")
    def first_match(original: Callable[..., Any], context: Any, statements: list[Any], effect: str) -> Any:
        resolve = resolver(context)
        for statement in statements:
            try:
                ready = replace(
                    statement,
                    resources=[substitute(text, resolve, wildcards=True) for text in statement.resources],
                    not_resources=[substitute(text, resolve, wildcards=True) for text in statement.not_resources],
                )
            except UnresolvedVariableError:
                continue
            if original(context, [ready], effect):
                return statement
        return None

    @wrap(iam_evaluator, "_conditions_met")
    def conditions_met(original: Callable[..., bool], conditions: Any, context: Any) -> bool:
        try:
            return original(substitute_conditions(conditions, resolver(context)), context)
        except UnresolvedVariableError:
            return False
