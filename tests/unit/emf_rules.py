"""CloudWatch's rules of a document in Embedded Metric Format: what breaks one is not an error there, but no metric.

Source: Amazon CloudWatch user guide, "Specification: Embedded metric format"; units from the API reference of
`PutMetricData`.
"""

from __future__ import annotations

import json
import math
import re
import time
from typing import Any, Final

MAX_BYTES: Final = 262_144  # older copies of the guide say 256 KB, newer ones 1 MB
MAX_METRICS: Final = 100
MAX_DIMENSIONS: Final = 30
MAX_VALUES: Final = 100
MAX_CHARS: Final = 1024  # of names, and of dimensions' values
PAST_SECONDS: Final = 14 * 86_400
FUTURE_SECONDS: Final = 2 * 3_600
UNITS: Final = frozenset(
    f"{multiple}{unit}{per}"
    for multiple, unit in [
        *(("", word) for word in ("Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "None")),
        *((multiple, unit) for multiple in ("", "Kilo", "Mega", "Giga", "Tera") for unit in ("Bytes", "Bits")),
    ]
    for per in ("", "/Second")
) - {f"{unit}/Second" for unit in ("Seconds", "Microseconds", "Milliseconds", "Percent", "None")}


def parse(line: str) -> dict[str, Any]:
    """Return the document on a line.

    Raises:
        AssertionError: If the line holds anything else, or the document breaks a rule.
    """
    assert len(line.encode()) <= MAX_BYTES, "too long for a log event"
    assert line.startswith("{"), f"something stands before the document: {line[:40]!r}"
    assert line.endswith("}"), f"something stands after the document: {line[-40:]!r}"
    document: dict[str, Any] = json.loads(line)
    assert isinstance(document, dict)
    head = document.get("_aws")
    assert isinstance(head, dict), "_aws: must be an object"
    stamp = head.get("Timestamp")
    assert type(stamp) is int, "_aws.Timestamp: must be a whole number"
    now = time.time()
    assert now - PAST_SECONDS < stamp / 1000 < now + FUTURE_SECONDS, (
        "_aws.Timestamp: must be milliseconds, of about now"
    )
    directives = head.get("CloudWatchMetrics")
    assert isinstance(directives, list), "_aws.CloudWatchMetrics: must be a list"
    assert directives, "_aws.CloudWatchMetrics: must not be empty"
    for directive in directives:
        _directive(directive, document)
    return document


def _directive(directive: Any, document: dict[str, Any]) -> None:
    assert set(directive) == {"Namespace", "Dimensions", "Metrics"}, "a directive has just these members"
    name = directive["Namespace"]
    assert re.fullmatch(r"[0-9A-Za-z.\-_/#:]{1,255}", name), "Namespace: must be a name"
    assert not name.startswith(("AWS/", ":")), "Namespace: must not be AWS's own"
    assert directive["Dimensions"], "Dimensions: must not be empty"
    for dimensions in directive["Dimensions"]:
        assert 1 <= len(dimensions) <= MAX_DIMENSIONS, "Dimensions: 1-30 a set"
        assert len(set(dimensions)) == len(dimensions), "Dimensions: must differ"
        for dimension in dimensions:
            _name(dimension)
            value = document.get(dimension)
            assert isinstance(value, str), f"{dimension}: a dimension's value must be a string"
            assert 1 <= len(value) <= MAX_CHARS, f"{dimension}: must have 1-1024 characters"
            assert value.isascii(), f"{dimension}: must be ASCII"
            assert value.isprintable(), f"{dimension}: must hold no control characters"
            assert value.strip(), f"{dimension}: must not be blank"
    metrics = directive["Metrics"]
    assert 1 <= len(metrics) <= MAX_METRICS, "Metrics: 1-100"
    assert len({metric["Name"] for metric in metrics}) == len(metrics), "Metrics: names must differ"
    for metric in metrics:
        assert set(metric) <= {"Name", "Unit", "StorageResolution"}, "a metric has just these members"
        _name(metric["Name"])
        assert metric.get("Unit", "None") in UNITS, f"{metric['Name']}: unit {metric.get('Unit')!r} is none"
        assert metric.get("StorageResolution", 60) in (1, 60), "StorageResolution: must be 1 or 60"
        assert metric["Name"] in document, f"{metric['Name']}: is no member of the document"
        values = document[metric["Name"]]
        values = values if isinstance(values, list) else [values]
        assert len(values) <= MAX_VALUES, f"{metric['Name']}: at most 100 values"
        for value in values:
            assert type(value) in (int, float), f"{metric['Name']}: must be a number"
            assert math.isfinite(value), f"{metric['Name']}: must be finite"


def _name(name: Any) -> None:
    assert isinstance(name, str), "a name must be a string"
    assert 1 <= len(name) <= MAX_CHARS, "a name has 1-1024 characters"
    assert name.isascii(), "a name must be ASCII"
    assert not name.startswith(":"), "a name must not start with a colon"


def published(document: dict[str, Any]) -> dict[tuple[str, frozenset[tuple[str, str]]], Any]:
    """Return what CloudWatch makes of a document: value by metric and its dimensions."""
    found = {}
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for dimensions in directive["Dimensions"]:
            where = frozenset((name, document[name]) for name in dimensions)
            for metric in directive["Metrics"]:
                key = (metric["Name"], where)
                assert key not in found, f"{metric['Name']}: would be counted twice"
                found[key] = document[metric["Name"]]
    return found
