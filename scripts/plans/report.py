"""Print a plan's summary: in colour on a terminal, as plain text elsewhere, as JSON, or for a pull request."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts.plans.statement_diff import Line, StatementChange
from scripts.plans.summary import ACTIONS, PolicyChange, Summary

_WIDER: Final = "  <- wider"
_SIGNS: Final[Mapping[str, str]] = {"create": "+", "update": "~", "delete": "-", "added": "+", "removed": "-"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A summary, and how the plan was made."""

    environment: str
    summary: Summary = field(repr=False)
    provider: str  # version
    offline: bool
    sample_release: bool
    from_state: bool
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """One line, with a style of rich."""

    text: str
    style: str = ""


def print_report(report: Report, *, full: bool = False, stream: TextIO | None = None) -> None:
    """Print a report.

    Args:
        report: What to print.
        full: Print the statements of new policies too.
        stream: Where to; standard output unless given.
    """
    out = sys.stdout if stream is None else stream
    if not out.isatty():
        print("\n".join(text(report, full=full)), file=out, flush=True)
        return
    console = Console(file=out, highlight=False)
    for line in _head(report):
        console.print(Text(line.text, style=line.style), soft_wrap=True)
    if report.summary.by_type:
        table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
        (first, *rest), rows = _cells(report.summary)
        table.add_column(first, overflow="fold")
        table.add_column(rest[0], overflow="fold")
        for name in rest[1:]:
            table.add_column(name, justify="right")
        for row in rows:
            table.add_row(*map(Text, row))
        console.print(table)
    for line in _body(report, full=full):
        console.print(Text(line.text, style=line.style), soft_wrap=True)


def text(report: Report, *, full: bool = False) -> list[str]:
    """The report as plain lines."""
    lines = [line.text for line in _head(report)]
    if report.summary.by_type:
        header, rows = _cells(report.summary)
        widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
        for row in [header, *rows]:
            cells = [
                cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append(f"  {'  '.join(cells)}".rstrip())
    return lines + [line.text for line in _body(report, full=full)]


def to_json(report: Report, *, refused: str | None = None) -> dict[str, Any]:
    """The report for programs. Values of arguments are in it only where the text form prints them too.

    Args:
        report: What to write.
        refused: Why the plan must not be applied, if it must not.
    """
    summary = report.summary
    document = asdict(summary)
    for policy, written in zip(summary.policies, document["policies"], strict=True):
        written["wider"] = policy.wider
    return {
        "environment": report.environment,
        "offline": report.offline,
        "sample_release": report.sample_release,
        "compared_with_state": report.from_state,
        "provider": report.provider,
        "refused": refused,
        "empty": summary.empty,
        "wider": summary.wider,
        **document,
        "seconds": {step: round(value, 2) for step, value in report.seconds.items()},
    }


def to_markdown(report: Report) -> str:
    """The report for a comment on a pull request: the counts open, the rest folded."""
    summary = report.summary
    lines = [f"### Plan of {report.environment}{' (offline)' if report.offline else ''}: {_counted(summary)}", ""]
    lines += [f"- {line.text.strip()}" for line in _provenance(report)]
    if losses := list(_losses(report)):
        lines += ["", *_fenced(losses)]
    if summary.wider:
        lines += ["", f"**{_several(summary.wider, 'resource')} wider than before**: look for `<- wider`."]
    if summary.by_type:
        header, rows = _cells(summary)
        # A pipe would end a cell.
        table = [[cell.replace("|", "\\|") for cell in row] for row in [header, ["---"] * len(header), *rows]]
        body = [f"| {' | '.join(row)} |" for row in table]
        lines += ["", "<details><summary>By module and type</summary>", "", *body, "", "</details>"]
    parts = (
        ("Policies", _policies(summary, full=False)),
        ("Settings", _settings(summary)),
        ("Besides", _besides(summary)),
    )
    for title, part in parts:
        if printed := list(part):
            lines += ["", f"<details><summary>{title}</summary>", "", *_fenced(printed), "", "</details>"]
    return "\n".join([*lines, ""])


def _fenced(lines: Sequence[Printed]) -> list[str]:
    # No text of a plan may end the fence.
    return ["```diff", *(_diff(line.text.replace("```", "'''")) for line in lines if line.text), "```"]


def _diff(line: str) -> str:
    """Signs in the first column, where they are coloured."""
    bare = line.lstrip()
    return f"{bare[0]}{line[: len(line) - len(bare)]}{bare[1:]}" if bare[:2] in ("+ ", "- ") else line


def _head(report: Report) -> Iterator[Printed]:
    yield Printed(text=f"Plan of {report.environment}{', offline' if report.offline else ''}", style="bold")
    yield from _provenance(report)
    yield Printed(text="")
    yield Printed(text=_counted(report.summary), style="bold")


def _provenance(report: Report) -> Iterator[Printed]:
    if report.offline:
        yield Printed(
            text="  Nothing was asked of AWS: a recording provider stands for hashicorp/aws"
            f" {report.provider}, and ids and ARNs are invented.",
            style="yellow",
        )
        there = "a recorded state" if report.from_state else "nothing, so everything is new"
        yield Printed(text=f"  Compared with {there}.", style="yellow")
    if report.sample_release:
        yield Printed(
            text=f"  No agent was published for {report.environment}: a sample release stands in for its release file.",
            style="yellow",
        )
    kind = "a production environment" if report.summary.production else "no production environment"
    yield Printed(text=f"  {report.environment} is {kind}.")


def _counted(summary: Summary) -> str:
    if not summary.counts:
        outputs = f" but outputs: {', '.join(summary.outputs)}" if summary.outputs else ""
        return f"No changes{outputs}."
    return f"{', '.join(f'{count} to {action}' for action, count in summary.counts.items())}."


def _cells(summary: Summary) -> tuple[list[str], list[list[str]]]:
    shown = [action for action in ACTIONS if any(row.counts.get(action) for row in summary.by_type)]
    rows = [
        [row.module or "(root)", row.type.removeprefix("aws_"), *(str(row.counts.get(a, "")) for a in shown)]
        for row in summary.by_type
    ]
    return ["module", "type (aws_)", *shown], rows


def _body(report: Report, *, full: bool) -> Iterator[Printed]:
    yield from _losses(report)
    yield from _policies(report.summary, full=full)
    yield from _settings(report.summary)
    yield from _besides(report.summary)
    yield Printed(text="")
    if report.summary.wider:
        yield Printed(
            text=f"{_several(report.summary.wider, 'resource')} wider than before: look for `<- wider`.",
            style="bold red",
        )
    if report.offline:
        yield Printed(
            text="Offline: this shows that the root, its values and the catalog fit together and pass every validation"
            " and the\nprovider's schema, and which policies they make. It does not show that AWS accepts them (names"
            " that are taken, quotas,\npermissions, models that are not enabled), nor what differs from what runs.",
            style="yellow",
        )
    took = sum(report.seconds.values())
    steps = ", ".join(f"{step} {value:.1f}" for step, value in report.seconds.items())
    yield Printed(text=f"{took:.1f} s ({steps}).", style="dim")


def _losses(report: Report) -> Iterator[Printed]:
    summary = report.summary
    held = [loss for loss in summary.losses if loss.holds_data]
    if held:
        yield Printed(text="")
        title = f"DATA WOULD BE LOST: {_several(len(held), 'resource')} with data replaced or deleted"
        yield Printed(text=title, style="bold red")
    for loss in held:
        yield Printed(text=f"! {loss.action} {loss.address}: {loss.what}", style="red")
        for why in loss.forced_by:
            yield Printed(text=f"    because of {why}", style="red")
    lighter = [loss for loss in summary.losses if not loss.holds_data]
    if lighter:
        yield Printed(text="")
        yield Printed(text=f"{_several(len(lighter), 'log group')} replaced or deleted, with the logs", style="yellow")
    for loss in lighter:
        yield Printed(text=f"! {loss.action} {loss.address}", style="yellow")
        for why in loss.forced_by:
            yield Printed(text=f"    because of {why}", style="yellow")


def _policies(summary: Summary, *, full: bool) -> Iterator[Printed]:
    # In an environment that runs already, a new policy is read whole: it changes what somebody may do.
    listed = [p for p in summary.policies if p.action == "create" and summary.first and not full]
    shown = [p for p in summary.policies if p not in listed]
    if listed:
        yield Printed(text="")
        yield Printed(text=f"New policies: {len(listed)} (their statements: --full)", style="bold")
    for policy in listed:
        counted = policy.unread if policy.statements is None else _several(policy.statements, "statement")
        yield Printed(text=f"+ {policy.address}: {policy.what}, {counted}{_invented(policy)}", style="green")
        yield from _wide_spots(policy)
    if shown:
        yield Printed(text="")
        yield Printed(text=f"Changes of policies: {len(shown)}", style="bold")
    for policy in shown:
        yield from _policy(policy, hints=not summary.first)


def _policy(policy: PolicyChange, *, hints: bool) -> Iterator[Printed]:
    sign = _SIGNS[policy.action]
    if policy.statements is None:
        yield Printed(text=f"{sign} {policy.address}: {policy.what}, {policy.unread}", style="yellow")
        return
    yield Printed(text=f"{sign} {policy.address}: {policy.what}{_invented(policy)}", style="bold")
    for change in policy.changes:
        yield from _statement(change, hints=hints)
    if policy.action == "create":
        yield from _wide_spots(policy)


def _invented(policy: PolicyChange) -> str:
    return ", with invented ids" if policy.invented else ""


def _statement(change: StatementChange, *, hints: bool) -> Iterator[Printed]:
    if not hints:  # where nothing was before, everything would be wider
        yield Printed(text=f"    {change.name}")
        yield from (_line(replace(line, wider=False), indent=6) for line in change.lines)
        return
    hint = ", wider" if change.wider else ", narrower" if change.narrower else ""
    yield Printed(text=f"    {change.name} ({change.kind}{hint})", style="red" if change.wider else "")
    yield from (_line(line, indent=6) for line in change.lines)


def _wide_spots(policy: PolicyChange) -> Iterator[Printed]:
    for spot in policy.wide_spots:
        yield Printed(text=f"      wide: {spot}", style="yellow")


def _settings(summary: Summary) -> Iterator[Printed]:
    if summary.settings:
        yield Printed(text="")
        yield Printed(text="Changes of what is checked, opened or protected", style="bold")
    for resource in summary.settings:
        yield Printed(text=f"~ {resource.address}", style="bold")
        for change in resource.changes:
            for line in change.lines:
                yield _line(line, indent=4)


def _besides(summary: Summary) -> Iterator[Printed]:
    if summary.moved or summary.drifted or summary.failed_checks:
        yield Printed(text="")
    for source, target in summary.moved:
        yield Printed(text=f"moved: {source} -> {target}")
    for address in summary.drifted:
        yield Printed(text=f"changed outside of Terraform: {address}", style="yellow")
    for check in summary.failed_checks:
        yield Printed(text=f"check failed: {check}", style="yellow")


def _line(line: Line, *, indent: int) -> Printed:
    style = "bold red" if line.wider else {"+": "green", "-": "red"}.get(line.sign, "")
    return Printed(text=f"{' ' * indent}{line.sign} {line.text}{_WIDER if line.wider else ''}", style=style)


def _several(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
