"""Scan all Terraform for insecure settings: checkov's checks and our own for AgentCore, on modules and on plans.

    python -m scripts.scan [--env ENV] [--shrink]

HCL tells little: most values are variables. So each environment is also planned, offline, as it will be once it is
applied, and terraform/network with its example for production: recorded first, so that ids and ARNs are known and every
policy is text that can be checked. Whatever fails and is neither suppressed in its block with a reason nor in the
baseline fails the scan. SARIF files go to `.local/scan`.

Exit codes: 0; 1 for findings, and for a baseline or a suppression that is not as it must be; 2 if there is no result.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from policy_checks.plan import UNKNOWN, NotAPlan, read_plan
from scripts.plan import OfflineWorkspace, offline_workspace
from scripts.scanning.baseline import BASELINE, Entry, added, read_baseline, write_baseline
from scripts.scanning.findings import OURS, Scan, of_modules, of_plan, with_baseline
from scripts.scanning.network import FOLDER, plan_network
from scripts.scanning.report import print_report
from scripts.scanning.sarif import sarif
from scripts.scanning.sources import Sources, read_sources
from scripts.scanning.tool import ROOT, ScanError, Scanner, scanner
from scripts.terraform.cli import TerraformError
from scripts.terraform.environments import environments

TERRAFORM: Final = ROOT / "terraform"
RESULTS: Final = ROOT / ".local" / "scan"
_WORKERS: Final = 2
_IDENTITY: Final = frozenset({"id", "arn"})
"""Made up too, but by these resources are told apart and connected."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every part of a scan needs."""

    scanner: Scanner
    sources: Sources
    work: Path
    progress: Progress = field(repr=False)


def scan_modules(job: Job) -> Scan:
    """Scan the sources of modules and of the roots that stand alone."""
    began = time.monotonic()
    # The environments' roots are compositions of modules; their plans say more.
    records = job.scanner.run(TERRAFORM, without=["envs"])
    scan = of_modules(records, sources=job.sources, seconds=time.monotonic() - began)
    job.progress(f"modules: scanned in {scan.seconds:.0f} s")
    return scan


def scan_environment(job: Job, workspace: OfflineWorkspace, name: str) -> Scan:
    """Plan an environment as it will be, and scan the plan."""
    began = time.monotonic()
    fresh = workspace.plan(name).document
    state = workspace.apply(name, into=job.work / "states")
    document = as_written(workspace.plan(name, state=state).document, fresh=fresh)
    planned = time.monotonic() - began
    scan = scan_plan(job, name, document, root_folder=f"terraform/envs/{name}", began=began)
    kind = "production" if scan.production else "not production"
    job.progress(f"{name} ({kind}): recorded and planned in {planned:.0f} s, scanned in {scan.seconds - planned:.0f} s")
    return scan


def scan_network(job: Job, workspace: OfflineWorkspace) -> Scan:
    """Plan the network's root as it is in production, and scan the plan."""
    began = time.monotonic()
    fresh, later = plan_network(workspace)
    planned = time.monotonic() - began
    scan = scan_plan(job, "network", as_written(later, fresh=fresh), root_folder=FOLDER, began=began)
    job.progress(f"network: recorded and planned in {planned:.0f} s, scanned in {scan.seconds - planned:.0f} s")
    return scan


def scan_plan(job: Job, name: str, document: Mapping[str, Any], *, root_folder: str, began: float) -> Scan:
    """Scan plan JSON of a root module."""
    path = job.work / f"{name}.json"
    path.touch(mode=0o600)  # a plan holds every value
    path.write_text(json.dumps(document), encoding="utf-8")
    records = job.scanner.run(path, plans=True)
    return of_plan(
        name,
        records,
        document,
        sources=job.sources,
        root_folder=root_folder,
        seconds=time.monotonic() - began,
    )


def scan_all(names: Sequence[str], *, modules: bool, tool: Scanner, sources: Sources, progress: Progress) -> list[Scan]:
    """Scan modules with the network's root, and environments, two things at a time.

    Raises:
        ScanError: If there is no result.
        TerraformError: If an environment cannot be planned.
    """
    with tempfile.TemporaryDirectory(prefix="scan-") as scratch, ThreadPoolExecutor(_WORKERS) as pool:
        job = Job(scanner=tool, sources=sources, work=Path(scratch).resolve(), progress=progress)
        futures: list[Future[Scan]] = [pool.submit(scan_modules, job)] if modules else []
        with offline_workspace() as workspace:
            try:
                futures += [pool.submit(scan_network, job, workspace)] if modules else []
                futures += [pool.submit(scan_environment, job, workspace, name) for name in names]
                return [future.result() for future in futures]
            finally:
                for future in futures:
                    future.cancel()
                wait(futures)  # what still runs writes into the workspace, which is removed next


def problems_of(scans: Sequence[Scan], *, sources: Sources, baseline: Sequence[Entry], whole: bool) -> list[str]:
    """Say what is wrong with suppressions and baseline.

    Args:
        scans: Results, before the baseline is laid over them.
        sources: With the suppressions.
        baseline: Its entries.
        whole: Whether everything was scanned, so that what was not found is gone.
    """
    problems = list(sources.problems)
    for ref, entries in added(baseline).items():
        shown = ", ".join(f"{e.check} of {e.block}" for e in entries)
        problems.append(
            f"{BASELINE.name}: {shown}: not in the baseline of {ref}, and it can only shrink. Fix the finding, or "
            "suppress it in its block with #checkov:skip=<check>:<reason>"
        )
    if not whole:
        return problems
    found = {finding.key for scan in scans for finding in scan.findings}
    for entry in baseline:
        if entry.key not in found:
            problems.append(
                f"{BASELINE.name}: {entry.check} of {entry.file} {entry.block} does not occur any more; run "
                'make scan ARGS="--shrink"'
            )
    for key, suppression in sources.suppressions.items():
        if key not in found:
            place = suppression.place
            problems.append(f"{place.file}:{place.line}: {suppression.check} does not occur here; remove it")
    return problems


def as_written(document: Mapping[str, Any], *, fresh: Mapping[str, Any]) -> dict[str, Any]:
    """Take out of a plan what the sources do not say, so that no check takes a default for a decision.

    Args:
        document: Plan of what is recorded: all values are known, those that AWS would choose are made up.
        fresh: Plan from nothing, in which the latter are unknown.
    """
    plan = read_plan(fresh)
    made_up = {
        resource.address: {
            name
            for name, value in resource.values.items()
            if value is UNKNOWN and name not in _IDENTITY and not plan.configured(resource, name)
        }
        for resource in plan.resources
    }

    def module(entry: Mapping[str, Any]) -> dict[str, Any]:
        resources = [
            {
                **resource,
                "values": {
                    name: _without_null(value)
                    for name, value in (resource.get("values") or {}).items()
                    # Null is "not set", but some of checkov's checks take it for a value and others break on it.
                    if value is not None and name not in made_up.get(resource["address"], ())
                },
            }
            for resource in entry.get("resources", [])
        ]
        return {**entry, "resources": resources, "child_modules": [module(m) for m in entry.get("child_modules", [])]}

    return {**document, "planned_values": {"root_module": module(document["planned_values"]["root_module"])}}


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_null(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list):
        return [_without_null(entry) for entry in value]
    return value


def _write_sarif(scans: Sequence[Scan], *, version: str) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    for old in RESULTS.glob("*.sarif"):
        old.unlink()  # of an environment that is gone
    for scan in scans:
        document = sarif(scan.target, scan.findings, version=version, ours=OURS)
        (RESULTS / f"{scan.target}.sarif").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Scan, and say what was found."""
    parser = argparse.ArgumentParser(prog="python -m scripts.scan", description=__doc__.partition("\n")[0])
    known = environments()
    parser.add_argument("--env", help=f"only the plan of this environment: {', '.join(known)}")
    parser.add_argument("--shrink", action="store_true", help="remove from the baseline what does not occur any more")
    options = parser.parse_args(argv)
    if options.env is not None and options.env not in known:
        print(f"scan: ENV must be one of {', '.join(known)}; got {options.env!r}", file=sys.stderr)
        return 2
    if options.shrink and options.env is not None:
        print("scan: --shrink needs a scan of everything; leave ENV out", file=sys.stderr)
        return 2
    # Without a terminal the width would be 80, and the tables three times as long.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    began = time.monotonic()

    def progress(line: str) -> None:
        console.print(line, markup=False)

    try:
        baseline = read_baseline(BASELINE.read_text(encoding="utf-8"), name=f"policy_checks/{BASELINE.name}")
        sources = read_sources(TERRAFORM, root=ROOT)
        tool = scanner(progress=progress)
        names = known if options.env is None else [options.env]
        scans = scan_all(names, modules=options.env is None, tool=tool, sources=sources, progress=progress)
        if options.shrink:
            found = {finding.key for scan in scans for finding in scan.findings}
            baseline = [entry for entry in baseline if entry.key in found]
            write_baseline(baseline)
    except (ScanError, TerraformError, NotAPlan, OSError) as error:
        print(f"scan: {error}", file=sys.stderr)
        return 2
    problems = problems_of(scans, sources=sources, baseline=baseline, whole=options.env is None)
    by_key = {entry.key: entry for entry in baseline}
    scans = [with_baseline(scan, by_key) for scan in scans]
    _write_sarif(scans, version=tool.version)
    print_report(scans, version=tool.version, seconds=time.monotonic() - began, console=console)
    progress(f"SARIF: {', '.join(f'.local/scan/{scan.target}.sarif' for scan in scans)}")
    for problem in problems:
        print(f"scan: {problem}", file=sys.stderr)
    return 1 if problems or any(scan.failed() for scan in scans) else 0


if __name__ == "__main__":
    sys.exit(main())
