"""`make demo`: the platform from nothing to a report: start, a guided tour, every attack refused, stop."""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from rich.console import Console
from rich.table import Table

from scripts.tours.assistant import CLINIC, Attempt, Tour
from scripts.tours.gateway import GatewayAttempt
from scripts.tours.releases import RELEASE_ERRORS, ReleaseTour, Step
from scripts.up import StackFailed, running_stack

DEFAULT_STATE: Final = Path(".local")
AnyAttempt = TypeVar("AnyAttempt", Attempt, GatewayAttempt, Step)


class Phases:
    """Prints what is going on, and how long each phase took."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()

    def __call__(self, line: str) -> None:
        """Print one line of progress."""
        elapsed = time.monotonic() - self._started
        self._console.print(f"[dim]{elapsed:6.1f} s[/dim]  {line}", highlight=False)


def attempts_table(attempts: list[Attempt]) -> Table:
    """Lay the attempts out: who tried what, what had to happen and what did."""
    table = Table(title="Attempts", show_lines=False, expand=False)
    for heading in ("who", "what", "expected", "got", ""):
        table.add_column(heading, overflow="fold")
    for attempt in attempts:
        verdict = "[green]ok[/green]" if attempt.ok else "[red]WRONG[/red]"
        table.add_row(attempt.who, attempt.what, attempt.expected, attempt.got, verdict)
    return table


def gateway_table(attempts: list[GatewayAttempt]) -> Table:
    """Lay the attempts at the Gateway out, each with what the policy engine decided."""
    table = Table(title="Straight to the Gateway, and what Cedar decided", show_lines=False, expand=False)
    for heading in ("who", "what", "expected", "got", "Cedar", ""):
        table.add_column(heading, overflow="fold")
    for attempt in attempts:
        verdict = "[green]ok[/green]" if attempt.ok else "[red]WRONG[/red]"
        table.add_row(attempt.who, attempt.what, attempt.expected, attempt.got, attempt.decision, verdict)
    return table


def release_table(steps: list[Step], version: str) -> Table:
    """Lay the steps of a release out."""
    table = Table(title=f"Release of {version}: canary, promotion and the way back", show_lines=False, expand=False)
    for heading in ("what", "expected", "got", ""):
        table.add_column(heading, overflow="fold")
    for step in steps:
        table.add_row(step.what, step.expected, step.got, "[green]ok[/green]" if step.ok else "[red]WRONG[/red]")
    return table


def costs_table(usage: list[dict[str, Any]]) -> Table:
    """Add the usage events up by clinic."""
    sums: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for event in usage:
        row = sums[(event["tier"], event["clinic_id"])]
        row["requests"] += 1
        row["in"] += event["input_tokens"]
        row["out"] += event["output_tokens"]
        row["usd"] += event["estimated_cost_usd"]
    table = Table(title="Model use by clinic (list prices; the offline model counts four characters as a token)")
    for heading in ("tier", "clinic", "requests", "tokens in", "tokens out", "USD"):
        table.add_column(heading, justify="left" if heading in ("tier", "clinic") else "right")
    for (tier, clinic), row in sorted(sums.items()):
        table.add_row(
            tier, clinic, f"{row['requests']:.0f}", f"{row['in']:.0f}", f"{row['out']:.0f}", f"{row['usd']:.6f}"
        )
    return table


def conversation(console: Console, tour: Tour) -> None:
    """Show one short conversation of each tier."""
    for example in tour.conversations():
        console.print(f"\n[bold]{example.user}[/bold] of {example.clinic_id} ({example.tier}) asks:", highlight=False)
        console.print(f"  {example.question}", markup=False, highlight=False)
        console.print(f"[dim]  tools: {', '.join(example.answer.tools) or 'none'}[/dim]")
        for line in example.answer.text.strip().splitlines():
            console.print(f"  | {line}", markup=False, highlight=False)


def release(console: Console, tour: ReleaseTour) -> bool:
    """Release the next version, and return whether all of it went as it must."""
    with console.status(f"Releasing {tour.new} …"):
        steps = list(_collect(tour.steps(), console))
    console.print(release_table(steps, tour.new))
    wrong = sum(not step.ok for step in steps)
    console.print(f"{len(steps)} steps, {len(steps) - wrong} as expected, {wrong} wrong")
    return not wrong


def show(console: Console, tour: Tour) -> bool:
    """Give the tour and return whether all of it went as it must."""
    conversation(console, tour)
    console.print()
    with console.status("Attacking the platform …"):
        attempts = list(_collect(tour.attempts(), console))
        at_gateway = list(_collect(tour.gateway_attempts(), console))
    console.print(attempts_table(attempts))
    console.print(gateway_table(at_gateway))
    console.print(costs_table(tour.usage()))
    verdicts = [attempt.ok for attempt in attempts] + [attempt.ok for attempt in at_gateway]
    right, wrong = verdicts.count(True), verdicts.count(False)
    console.print(f"{len(verdicts)} attempts, {right} as expected, {wrong} wrong")
    return not wrong


def _collect(attempts: Iterator[AnyAttempt], console: Console) -> Iterator[AnyAttempt]:
    for attempt in attempts:
        if not attempt.ok:
            who = "" if isinstance(attempt, Step) else f"{attempt.who}: "
            console.print(f"[red]WRONG[/red] {who}{attempt.what}: {attempt.got}", highlight=False)
        yield attempt


def main() -> int:
    """Run the command line: 0 if all attempts ended as expected, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--state", type=Path, default=DEFAULT_STATE, help="folder for state and logs")
    arguments = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 160)
    phases = Phases(console)
    started = time.monotonic()
    try:
        with running_stack(arguments.state, progress=phases, warm_spares=1) as stack:
            phases("guided tour")
            tour = Tour(stack, state_dir=arguments.state)
            passed = show(console, tour)
            phases("release tour")
            began = time.monotonic()
            new_release = ReleaseTour(state_dir=arguments.state, access_token=lambda: tour.access_token(CLINIC))
            passed = release(console, new_release) and passed
            phases(f"release tour: {time.monotonic() - began:.1f} s")
            phases("stopping")
    except (StackFailed, *RELEASE_ERRORS) as error:
        console.print(f"[red]{error}[/red]", highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("interrupted; everything has been stopped")
        return 130
    phases(f"done in {time.monotonic() - started:.0f} s; nothing is left running")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
