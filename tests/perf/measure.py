"""Figures: percentiles, and the two places they are written to."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured thing."""

    name: str
    p50: float
    p99: float
    unit: str
    runs: int


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A budget and what was measured."""

    name: str
    measured: float
    budget: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether the budget is kept."""
        return self.measured <= self.budget


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0-1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def figure(name: str, values: Sequence[float], unit: str = "ms") -> Figure:
    """Sum values up."""
    return Figure(name=name, p50=percentile(values, 0.5), p99=percentile(values, 0.99), unit=unit, runs=len(values))


def report(console: Console, figures: Sequence[Figure], verdicts: Sequence[Verdict], path: Path) -> None:
    """Print the tables and write the JSON."""
    table = Table(title="Measured in one run, alternating")
    for heading in ("what", "p50", "p99", "unit", "runs"):
        table.add_column(heading, justify="left" if heading in ("what", "unit") else "right")
    for item in figures:
        table.add_row(item.name, f"{item.p50:.3g}", f"{item.p99:.3g}", item.unit, str(item.runs))
    console.print(table)
    table = Table(title="Budget")
    for heading in ("what", "measured", "budget", "unit", ""):
        table.add_column(heading, justify="left" if heading in ("what", "unit", "") else "right")
    for verdict in verdicts:
        mark = "[green]met[/green]" if verdict.met else "[red]missed[/red]"
        table.add_row(verdict.name, f"{verdict.measured:.3g}", f"{verdict.budget:.3g}", verdict.unit, mark)
    console.print(table)
    content = {
        "figures": [asdict(item) for item in figures],
        "budget": [{**asdict(verdict), "met": verdict.met} for verdict in verdicts],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")
    console.print(f"written to {path}")
