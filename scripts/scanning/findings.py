"""Findings: what checkov and our checks say of the sources, with what is excused taken out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from policy_checks.check import Result
from policy_checks.checks import CHECKS
from policy_checks.plan import read_plan
from scripts.scanning.baseline import Entry
from scripts.scanning.sources import Place, Sources, block_of, folder_of
from scripts.scanning.tool import ROOT, Record, ScanError

OURS: Final = {check.id: check for check in CHECKS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A failed check of one resource, excused or not."""

    check: str
    name: str
    address: str
    place: Place
    details: tuple[str, ...] = ()
    excuse: str = ""  # reason of the suppression or of the baseline
    baselined: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is in the sources: one mistake in a module is one finding, however often the module is used."""
        return self.check, self.place.file, self.place.block


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What came out for one target."""

    target: str
    production: bool
    seconds: float
    findings: tuple[Finding, ...] = field(repr=False)
    passed: Mapping[str, int] = field(repr=False)  # resources by check
    undecided: Mapping[str, int] = field(repr=False)
    names: Mapping[str, str] = field(repr=False)  # of every check that was run

    def failed(self) -> list[Finding]:
        """Findings that nothing excuses."""
        return [finding for finding in self.findings if not finding.excuse]


def of_modules(records: Sequence[Record], *, sources: Sources, seconds: float, root: Path = ROOT) -> Scan:
    """Read what checkov says of folders of HCL.

    Raises:
        ScanError: If our checks were not run.
    """
    if not any(record.check in OURS for record in records):
        raise ScanError("checkov did not run the checks of policy_checks/; is policy_checks/plugin complete?")
    located = []
    for record in records:
        file = record.file.resolve()
        name = file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)
        block = block_of(record.address)
        place = sources.places.get((name, block)) or Place(file=name, block=block, line=record.line)
        located.append((record, place))
    return _scan("modules", located, sources=sources, seconds=seconds, production=False, undecided={})


def of_plan(
    target: str,
    records: Sequence[Record],
    document: Mapping[str, Any],
    *,
    sources: Sources,
    root_folder: str,
    seconds: float,
) -> Scan:
    """Read what checkov says of a plan, and compare it with what our checks say without checkov.

    Args:
        target: Name of the environment.
        records: From checkov.
        document: The plan.
        sources: Of the same revision.
        root_folder: Of the root module, below the repository.
        seconds: That the scan took.

    Raises:
        ScanError: If checkov lost or changed a result of our checks.
    """
    plan = read_plan(document, name=target)
    outcomes = {
        (check.id, resource.address): check.run(resource, plan)
        for check in CHECKS
        for resource in plan.resources
        if resource.type in check.types
    }
    for result in (Result.PASSED, Result.FAILED):
        expected = {key for key, outcome in outcomes.items() if outcome.result is result}
        got = {(r.check, r.address) for r in records if r.check in OURS and r.result == result.value}
        if lost := sorted(expected ^ got):
            check, address = lost[0]
            raise ScanError(
                f"{target}: checkov and policy_checks/ do not agree on {len(lost)} results, such as {check} of "
                f"{address}. A check was not loaded, or checkov changed how it reads plans: run the tests of the checks"
            )
    undecided = Counter(check for (check, _), outcome in outcomes.items() if outcome.result is Result.UNDECIDED)
    located = []
    for record in records:
        block = block_of(record.address)
        folder = folder_of(record.address, document, root_folder=root_folder)
        place = sources.in_folder(folder, block) or Place(file=f"{folder}/main.tf", block=block, line=1)
        located.append((record, place))
    return _scan(
        target,
        located,
        sources=sources,
        seconds=seconds,
        production=plan.production is True,
        undecided=undecided,
    )


def _scan(
    target: str,
    located: Iterable[tuple[Record, Place]],
    *,
    sources: Sources,
    seconds: float,
    production: bool,
    undecided: Mapping[str, int],
) -> Scan:
    passed: Counter[str] = Counter()
    findings = []
    names = {}
    for record, place in located:
        names[record.check] = record.name
        if record.result == "passed":
            passed[record.check] += 1
            continue
        suppression = sources.suppressions.get((record.check, place.file, place.block))
        findings.append(
            Finding(
                check=record.check,
                name=record.name,
                address=record.address,
                place=place,
                details=record.details,
                excuse=suppression.reason if suppression else "",
            )
        )
    return Scan(
        target=target,
        production=production,
        seconds=seconds,
        findings=tuple(findings),
        passed=passed,
        undecided=undecided,
        names=names,
    )


def with_baseline(scan: Scan, baseline: Mapping[tuple[str, str, str], Entry]) -> Scan:
    """Excuse what the baseline holds."""
    findings = tuple(
        replace(finding, excuse=entry.reason, baselined=True)
        if not finding.excuse and (entry := baseline.get(finding.key))
        else finding
        for finding in scan.findings
    )
    return replace(scan, findings=findings)
