"""Print a scan for people: counts per check, then what failed, where, why, and what to do."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from policy_checks.check import Severity
from policy_checks.checks import CHECKS
from scripts.scanning.findings import OURS, Finding, Scan

_COLOURS: Final = {Severity.CRITICAL: "red", Severity.HIGH: "yellow", Severity.MEDIUM: "cyan"}
_SHOWN: Final = 5
"""Addresses that are listed for one finding."""


def print_report(scans: Sequence[Scan], *, version: str, seconds: float, console: Console) -> None:
    """Print everything.

    Args:
        scans: With the baseline laid over them.
        version: Of checkov.
        seconds: That it took in all.
        console: Where to.
    """
    console.print(_ours(scans))
    console.print(_upstream(scans, version=version))
    failed = [finding for scan in scans for finding in scan.failed()]
    for key in dict.fromkeys(finding.key for finding in failed):
        same = [finding for finding in failed if finding.key == key]
        targets = [scan.target for scan in scans if any(f.key == key for f in scan.failed())]
        _print_finding(same, targets=targets, console=console)
    excused = Counter(f.baselined for scan in scans for f in scan.findings if f.excuse)
    undecided = sum(sum(scan.undecided.values()) for scan in scans)
    console.print(
        f"{len({f.key for f in failed})} findings in {len(failed)} resources; {excused[False]} suppressed with a "
        f"reason, {excused[True]} in the baseline, {undecided} undecided; {seconds:.0f} s",
        highlight=False,
    )


def _ours(scans: Sequence[Scan]) -> Table:
    table = Table(title="AgentCore checks (policy_checks/)", title_justify="left")
    table.add_column("check", no_wrap=True)
    table.add_column("severity")
    table.add_column("what has to be true")
    for heading in ("passed", "failed", "skipped", "undecided"):
        table.add_column(heading, justify="right")
    for check in sorted(CHECKS, key=lambda c: list(Severity).index(c.severity)):
        passed, failed, skipped = _counts(scans, check.id)
        undecided = sum(scan.undecided.get(check.id, 0) for scan in scans)
        colour = _COLOURS[check.severity]
        table.add_row(
            check.id,
            f"[{colour}]{check.severity.value}[/]",
            escape(check.name),
            str(passed),
            f"[bold red]{failed}[/]" if failed else "0",
            str(skipped),
            str(undecided),
        )
    return table


def _upstream(scans: Sequence[Scan], *, version: str) -> Table:
    names = {check: name for scan in scans for check, name in scan.names.items() if check not in OURS}
    counts = {check: _counts(scans, check) for check in names}
    table = Table(title=f"checkov {version}", title_justify="left")
    table.add_column("check", no_wrap=True)
    table.add_column("what has to be true")
    for heading in ("passed", "failed", "skipped"):
        table.add_column(heading, justify="right")
    total = [sum(count[i] for count in counts.values()) for i in range(3)]
    table.add_row("all", f"{len(names)} checks", *map(str, total))
    for check, (passed, failed, skipped) in sorted(counts.items()):
        if failed or skipped:
            shown = f"[bold red]{failed}[/]" if failed else "0"
            table.add_row(check, escape(names[check]), str(passed), shown, str(skipped))
    return table


def _counts(scans: Sequence[Scan], check: str) -> tuple[int, int, int]:
    found = [f for scan in scans for f in scan.findings if f.check == check]
    failed = sum(not f.excuse for f in found)
    return sum(scan.passed.get(check, 0) for scan in scans), failed, len(found) - failed


def _print_finding(same: Sequence[Finding], *, targets: Sequence[str], console: Console) -> None:
    first = same[0]
    check = OURS.get(first.check)
    severity = check.severity.value if check else "checkov"
    console.print(f"\n[bold red]{first.check}[/] ({severity}) {escape(first.name)}", highlight=False, soft_wrap=True)
    lines = [f"where: {first.place.file}:{first.place.line} {first.place.block}, in {', '.join(targets)}"]
    addresses = list(dict.fromkeys(finding.address for finding in same))
    lines += [f"       {address}" for address in addresses[:_SHOWN]]
    if len(addresses) > _SHOWN:
        lines.append(f"       and {len(addresses) - _SHOWN} more")
    lines += [f"found: {detail}" for detail in dict.fromkeys(d for finding in same for d in finding.details)]
    if check:
        lines += [f"why:   {check.why}", f"fix:   {check.fix}"]
    else:
        lines.append(f"fix:   change the resource, or write #checkov:skip={first.check}:<reason> into its block")
    for line in lines:
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
