"""Print a plan's summary: in colour on a terminal, as plain text elsewhere, as JSON, or for a pull request."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts.plans.changes import ACTIONS
from scripts.plans.grants import PolicyChange
from scripts.plans.losses import UNEXPLAINED
from scripts.plans.statement_diff import Line, StatementChange
from scripts.plans.summary import Summary

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
        full: Print counts by type and the statements of new policies too.
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
        header, rows, words = _cells(report.summary, full=full)
        for name in header[:words]:
            table.add_column(name, overflow="fold")
        for name in header[words:]:
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
        header, rows, words = _cells(report.summary, full=full)
        widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
        for row in [header, *rows]:
            sized = enumerate(zip(row, widths, strict=True))
            cells = [cell.ljust(width) if i < words else cell.rjust(width) for i, (cell, width) in sized]
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


def to_markdown(report: Report, *, refused: str | None = None) -> str:
    """The report for a comment on a pull request: the counts open, the rest folded.

    Args:
        report: What to write.
        refused: Why the plan must not be applied, if it must not.
    """
    summary = report.summary
    lines = [f"### Plan of {report.environment}{' (offline)' if report.offline else ''}: {_counted(summary)}", ""]
    lines += [f"- {line.text.strip()}" for line in _provenance(report)]
    if refused is not None:
        lines += ["", "**Refused**", "", *_fenced([Printed(text=refused)], kind="text")]
    if urgent := [*_losses(report), *_unread(summary)]:
        lines += ["", *_fenced(urgent)]
    if summary.wider:
        lines += ["", f"**{_several(summary.wider, 'resource')} wider than before**: look for `<- wider`."]
    if summary.by_type:
        header, rows, _ = _cells(summary, full=True)
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


def failure_to_markdown(environment: str | None, problem: str) -> str:
    """Why there is no plan, for a comment on a pull request."""
    title = f"### Plan of {environment or 'no environment'}: failed"
    return "\n".join([title, "", *_fenced([Printed(text=line) for line in problem.split("\n")], kind="text"), ""])


def _fenced(lines: Sequence[Printed], *, kind: str = "diff") -> list[str]:
    # No text of a plan may end the fence.
    return [f"```{kind}", *(_diff(line.text.replace("```", "'''")) for line in lines if line.text), "```"]


def _diff(line: str) -> str:
    """Signs in the first column, where they are coloured."""
    bare = line.lstrip()
    return f"{bare[0]}{line[: len(line) - len(bare)]}{bare[1:]}" if bare[:2] in ("+ ", "- ") else line


def _head(report: Report) -> Iterator[Printed]:
    yield Printed(text=f"Plan of {report.environment}{', offline' if report.offline else ''}", style="bold")
    yield from _provenance(report)
    yield from _losses(report)
    yield from _unread(report.summary)
    yield from _wider(report.summary)
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
    if report.summary.production_ends:
        yield Printed(
            text=f"  {report.environment} is a production environment UNTIL THIS PLAN IS APPLIED"
            f" ({report.summary.production_ends}), so it is read as one.",
            style="bold red",
        )
        return
    yield Printed(text=f"  production: {'yes' if report.summary.production else 'no'}")


def _counted(summary: Summary) -> str:
    if not summary.counts:
        outputs = f" but outputs: {', '.join(summary.outputs)}" if summary.outputs else ""
        return f"No changes{outputs}."
    return f"{', '.join(f'{count} to {action}' for action, count in summary.counts.items())}."


def _cells(summary: Summary, *, full: bool) -> tuple[list[str], list[list[str]], int]:
    """Header and rows of the table of counts, and how many columns are words: one row for each module below the root.

    Args:
        summary: Of the plan.
        full: One row for each type in each module.
    """
    shown = [action for action in ACTIONS if any(row.counts.get(action) for row in summary.by_type)]
    if full:
        rows = [
            [row.module or "(root)", row.type.removeprefix("aws_"), *(str(row.counts.get(a, "")) for a in shown)]
            for row in summary.by_type
        ]
        return ["module", "type (aws_)", *shown], rows, 2
    modules: dict[str, Counter[str]] = {}
    for row in summary.by_type:
        modules.setdefault(row.module.partition(".")[0] or "(root)", Counter()).update(row.counts)
    rows = [[name, *(str(counts[action] or "") for action in shown)] for name, counts in modules.items()]
    return ["module", *shown], rows, 1


def _body(report: Report, *, full: bool) -> Iterator[Printed]:
    if report.summary.by_type and not full:
        yield Printed(text="  (by type: --full)", style="dim")
    yield from _policies(report.summary, full=full, widened=False)
    yield from _settings(report.summary, widened=False)
    yield from _besides(report.summary)
    if report.offline:
        yield Printed(text="")
        yield Printed(
            text="Offline: this shows that the root, its values and the catalog fit together and pass every validation"
            " and the\nprovider's schema, and which policies they make. It does not show that AWS accepts them (names"
            " that are taken, quotas,\npermissions, models that are not enabled), nor what differs from what runs.",
            style="yellow",
        )


def _wider(summary: Summary) -> Iterator[Printed]:
    """What permits or opens more than before, with what else changes there."""
    if not summary.wider:
        return
    yield Printed(text="")
    title = f"{_several(summary.wider, 'resource')} wider than before: look for `<- wider`."
    yield Printed(text=title, style="bold red")
    yield from _policies(summary, full=False, widened=True)
    yield from _settings(summary, widened=True)


def _losses(report: Report) -> Iterator[Printed]:
    summary = report.summary
    held = [loss for loss in summary.losses if loss.holds_data]
    if held:
        yield Printed(text="")
        title = f"DATA WOULD BE LOST: {_several(len(held), 'resource')} with data replaced, deleted or forgotten"
        yield Printed(text=title, style="bold red")
    for loss in held:
        yield Printed(text=f"! {loss.action} {loss.address}: {loss.what}", style="red")
        for why in loss.forced_by:
            yield Printed(text=f"    {_because(why)}", style="red")
    lighter = [loss for loss in summary.losses if not loss.holds_data]
    if lighter:
        yield Printed(text="")
        yield Printed(
            text=f"{_several(len(lighter), 'log group')} replaced, deleted or forgotten, with the logs", style="yellow"
        )
    for loss in lighter:
        yield Printed(text=f"! {loss.action} {loss.address}", style="yellow")
        for why in loss.forced_by:
            yield Printed(text=f"    {_because(why)}", style="yellow")


def _because(why: str) -> str:
    """An attribute that forces it, with both values, or a sentence."""
    if why == UNEXPLAINED:
        return why
    return f"because of {why}" if " -> " in why else f"because {why}"


def _unread(summary: Summary) -> Iterator[Printed]:
    if summary.unread:
        yield Printed(text="")
        title = f"NOT READ: {_several(len(summary.unread), 'resource')} that may decide who may do what; read the plan"
        yield Printed(text=title, style="bold red")
    for grant in summary.unread:
        yield Printed(text=f"! {grant.action} {grant.address}: {', '.join(grant.arguments)}", style="red")


def _policies(summary: Summary, *, full: bool, widened: bool | None = None) -> Iterator[Printed]:
    """Changes of policies: all, those that are wider than before, or the others."""
    policies = [p for p in summary.policies if widened in (None, p.wider and not summary.first)]
    # In an environment that runs already, a new policy is read whole: it changes what somebody may do.
    listed = [p for p in policies if p.action == "create" and summary.first and not full]
    shown = [p for p in policies if p not in listed]
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
    if policy.changes and policy.statements is None:  # an attachment: what it permits is somewhere else
        yield Printed(text=f"{sign} {policy.address}: {policy.what}", style="bold")
        for change in policy.changes:
            yield from (_line(line if hints else replace(line, wider=False), indent=4) for line in change.lines)
        return
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


def _settings(summary: Summary, *, widened: bool | None = None) -> Iterator[Printed]:
    """Changes of guarded arguments: all, those that are wider than before, or the others."""
    wide = {s.address: any(change.wider for change in s.changes) and not summary.first for s in summary.settings}
    settings = [s for s in summary.settings if widened in (None, wide[s.address])]
    if settings:
        yield Printed(text="")
        yield Printed(text="Changes of what is checked, opened or protected", style="bold")
    for resource in settings:
        yield Printed(text=f"~ {resource.address}", style="bold")
        for change in resource.changes:
            for line in change.lines:
                yield _line(line, indent=4)


def _besides(summary: Summary) -> Iterator[Printed]:
    besides = (summary.imported, summary.forgotten, summary.deferred, summary.invoked)
    if summary.moved or summary.drifted or summary.failed_checks or any(besides):
        yield Printed(text="")
    for source, target in summary.moved:
        yield Printed(text=f"moved: {source} -> {target}")
    for address in summary.imported:
        yield Printed(text=f"imported: {address}")
    for address in summary.forgotten:
        yield Printed(text=f"forgotten, stays in the account: {address}", style="yellow")
    for address in summary.deferred:
        yield Printed(text=f"put off, so not in this plan: {address}", style="yellow")
    for address in summary.invoked:
        yield Printed(text=f"runs an action: {address}", style="yellow")
    for address in summary.drifted:
        yield Printed(text=f"changed outside of Terraform: {address}", style="yellow")
    for check in summary.failed_checks:
        yield Printed(text=f"check failed: {check}", style="yellow")


def _line(line: Line, *, indent: int) -> Printed:
    style = "bold red" if line.wider else {"+": "green", "-": "red"}.get(line.sign, "")
    return Printed(text=f"{' ' * indent}{line.sign} {line.text}{_WIDER if line.wider else ''}", style=style)


def _several(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
