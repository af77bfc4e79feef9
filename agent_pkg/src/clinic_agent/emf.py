"""Log lines that CloudWatch makes metrics of: documents in Embedded Metric Format, one bare line of JSON each.

CloudWatch reads a document only if nothing else is on the line. Whatever a dimension takes as value becomes a metric of
its own, for money: so clinics and users are plain members of a document, to be searched for, and never dimensions.

Source: Amazon CloudWatch user guide, "Specification: Embedded metric format".
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

NAMESPACE: Final = "ClinicAgent"
PLATFORM: Final = "Platform"
TIER: Final = "Tier"
MODEL: Final = "Model"
UNKNOWN_TIER: Final = "unknown"
"""Tier of a refusal that no verified identity stands behind. What the caller claimed does not count; no tier has this
name (`terraform/modules/observability` refuses it)."""

LineSink = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricGroup:
    """Metrics that CloudWatch files under the same dimensions."""

    dimensions: Sequence[str]
    units: Mapping[str, str]  # unit by metric, as CloudWatch names units


def write_line(line: str) -> None:
    """Write a line to standard output, whatever that is by now: bare, which Lambda's loggers do not."""
    sys.stdout.write(f"{line}\n")  # one call, so that lines of other threads do not get into it
    sys.stdout.flush()


def directive(groups: Sequence[MetricGroup]) -> list[dict[str, Any]]:
    """Build what tells CloudWatch which members of a document are metrics, and of which dimensions."""
    return [
        {
            "Namespace": NAMESPACE,
            "Dimensions": [list(group.dimensions)],
            "Metrics": [{"Name": name, "Unit": unit} for name, unit in group.units.items()],
        }
        for group in groups
    ]


def line(
    *, metrics: list[dict[str, Any]], timestamp_ms: int, dimensions: Mapping[str, str], fields: Mapping[str, Any]
) -> str:
    """Build one document.

    Args:
        metrics: What `directive` built.
        timestamp_ms: When it was, in milliseconds since 1970.
        dimensions: Value by dimension.
        fields: Every metric's value, and what else is to be found in the log.
    """
    head = {"_aws": {"Timestamp": timestamp_ms, "CloudWatchMetrics": metrics}}
    return json.dumps({**head, **dimensions, **fields}, separators=(",", ":"))
