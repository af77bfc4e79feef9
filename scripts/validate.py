"""Check all Terraform: formatting, and each module and root with its tests, against the providers that it is for.

    python -m scripts.validate [FOLDER ...]

Everything is checked against the schema of the newest provider that the modules were written for, which the recording
provider serves; what also takes the oldest provider is checked against that one itself. It works on a copy, so nothing
is left in the sources.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from local_aws.terraform_provider import data
from scripts.schema import SchemaError, types_in_use
from scripts.terraform.cli import TerraformError, environment, run
from scripts.terraform.sessions import real_session, recording_session
from scripts.terraform.version_constraints import admits, aws_constraints

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCES: Final = ROOT / "terraform"
REAL: Final = "5.100.0"
"""The oldest provider that the foundation takes, and the one that its laptop root runs with."""

_WORKERS: Final = 2
_KEPT: Final = re.compile(
    r"PATH|HOME|TMPDIR|TF_PLUGIN_MIRROR|TF_PLUGIN_CACHE_DIR|TF_CLI_CONFIG_FILE|\w*PROXY|SSL_\w*", re.IGNORECASE
)
"""Credentials of whoever runs this must not reach terraform: nothing here may touch an account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One folder with one provider."""

    folder: str  # below terraform/
    provider: str  # version, or "none"
    real: bool  # the provider itself, rather than the recording one
    copy: Path  # of terraform/, one for each provider: the folder has another pin in it
    env: Mapping[str, str] = field(repr=False)

    @property
    def name(self) -> str:
        """For people."""
        return self.provider if self.real or self.provider == "none" else f"{self.provider} recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of it."""

    check: Check
    seconds: float
    tests: int = 0
    problem: str = ""


def folders(sources: Path = SOURCES) -> list[str]:
    """List the modules and roots, below `sources`."""
    found = {path.parent for path in sources.rglob("versions.tf") if ".terraform" not in path.parts}
    return sorted(path.relative_to(sources).as_posix() for path in found)


def providers(folder: str, *, sources: Path = SOURCES) -> list[str]:
    """List the versions that a folder is checked with, "none" if it uses no AWS provider.

    Raises:
        ValueError: If a module that it calls does not take the recorded version. (Its own pin may name another: a root
            runs with one version, while the modules are for all.)
    """
    constraints = aws_constraints(sources / folder)
    if not constraints:
        return ["none"]
    own, *of_modules = constraints
    recorded = data.load().version
    if refused := [constraint for constraint in of_modules if not admits(constraint, recorded)]:
        raise ValueError(f"{folder}: a module asks for aws {refused[0]}, which {recorded} is not")
    return [recorded, *([REAL] if all(admits(constraint, REAL) for constraint in (own, *of_modules)) else [])]


@contextmanager
def checks(wanted: Sequence[str], *, work: Path, sources: Path = SOURCES) -> Iterator[list[Check]]:
    """Prepare the checks of some folders, those that take longest first, and keep the providers running for them.

    Args:
        wanted: From `folders`.
        work: A folder for the copies.
        sources: The Terraform sources.

    Raises:
        TerraformError: If terraform or its providers cannot be had.
        ValueError: As `providers`.
    """
    base = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
    workdir = ROOT / ".local" / "terraform"
    versions = {folder: providers(folder, sources=sources) for folder in wanted}
    with ExitStack() as stack:
        recording = stack.enter_context(recording_session(base, workdir=workdir / "recording"))
        real: dict[str, str] = {}
        if any(REAL in found for found in versions.values()):
            (work / "real").mkdir()
            session = real_session(base, workdir=workdir, version=REAL, scratch=work / "real")
            real = stack.enter_context(session)
        made = [
            _check(folder, version, work=work, sources=sources, env=real if version == REAL else recording)
            for folder, found in versions.items()
            for version in found
        ]
        yield sorted(made, key=lambda check: (not check.real, check.folder))


def perform(check: Check) -> Result:
    """Run init, validate and test in the copy of a folder."""
    began = time.monotonic()
    chdir = check.copy / check.folder
    env = {
        **check.env,
        "TF_DATA_DIR": str(check.copy.parent / "data" / check.provider / check.folder.replace("/", "-")),
        "GOGC": "400",  # terraform spends a third of its time on collecting garbage otherwise
    }
    try:
        run(["init", "-backend=false", "-input=false", "-no-color"], chdir=chdir, env=env)
        if not check.real:
            # `test` validates too, before its first run. Each terraform takes 3 s to read the real provider's schema.
            run(["validate", "-no-color"], chdir=chdir, env=env)
        done = run(["test", "-no-color"], chdir=chdir, env=env, accept=frozenset({0, 1}))
    except TerraformError as error:
        return Result(check=check, seconds=time.monotonic() - began, problem=str(error))
    counted = re.search(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?", done.stdout)
    passed, failed, skipped = (int(number or 0) for number in counted.groups()) if counted else (0, 0, 0)
    said = f"{done.stdout}{done.stderr}".strip()
    problem = said if failed or skipped or not counted else "" if passed else "it has no tests"
    return Result(check=check, seconds=time.monotonic() - began, tests=passed, problem=problem)


def missing_types() -> list[str]:
    """List the types that the sources use and the recording provider does not know."""
    known, used = data.load(), types_in_use()
    return sorted(used.resources - known.resources.keys()) + sorted(
        f"data.{name}" for name in used.data_sources - known.data_sources.keys()
    )


def perform_all(prepared: Sequence[Check], say: Callable[[str], None]) -> list[Result]:
    """Run the checks, two at a time, and say how each ended."""
    results = []
    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        for future in as_completed(pool.submit(perform, check) for check in prepared):
            result = future.result()
            results.append(result)
            ended = "failed" if result.problem else f"{result.tests} tests"
            say(f"{result.check.folder} ({result.check.name}): {ended}, {result.seconds:.1f} s")
    return sorted(results, key=lambda result: (result.check.folder, result.check.provider))


def table(results: Sequence[Result]) -> str:
    """Lay the results out: a folder a line, a provider a column."""
    names = sorted({result.check.name for result in results})
    cells = {(result.check.folder, result.check.name): result for result in results}
    rows = [("", *names)]
    for folder in sorted({result.check.folder for result in results}):
        found = [cells.get((folder, name)) for name in names]
        rows.append((folder, *("-" if r is None else "FAILED" if r.problem else f"{r.tests} passed" for r in found)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _check(folder: str, provider: str, *, work: Path, sources: Path, env: Mapping[str, str]) -> Check:
    copy = work / provider
    if not copy.is_dir():
        shutil.copytree(sources, copy, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    if provider != "none":
        _pin(copy / folder, provider)
    return Check(folder=folder, provider=provider, real=provider == REAL, copy=copy, env=env)


def _pin(folder: Path, version: str) -> None:
    """Select a provider in a copy; of a root that pins another version, only the pin is not checked."""
    (folder / "zz_pin_override.tf").write_text(
        "terraform {\n  required_providers {\n"
        f'    aws = {{ source = "hashicorp/aws", version = "{version}" }}\n'
        "  }\n}\n"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Check, and say what was found."""
    parser = argparse.ArgumentParser(prog="python -m scripts.validate", description=__doc__.partition("\n")[0])
    known = folders()
    parser.add_argument("folders", nargs="*", metavar="FOLDER", help=f"of terraform/: {', '.join(known)}")
    options = parser.parse_args(argv)
    if unknown := sorted(set(options.folders) - set(known)):
        parser.error(f"no such folder: {', '.join(unknown)}")
    began = time.monotonic()
    try:
        if missing := missing_types():
            print(f"validate: the recording provider lacks {', '.join(missing)}; run: make schema", file=sys.stderr)
            return 1
        base = environment(os.environ, workdir=ROOT / ".local" / "terraform")
        run(["fmt", "-check", "-recursive", "-diff"], chdir=SOURCES, env=base)
        with (
            tempfile.TemporaryDirectory(prefix="validate-") as work,
            checks(options.folders or known, work=Path(work)) as prepared,
        ):
            results = perform_all(prepared, say=lambda line: print(line, flush=True))
    except (TerraformError, SchemaError, data.SchemaDataError, ValueError) as error:
        print(f"validate: {error}", file=sys.stderr)
        return 1
    failures = [result for result in results if result.problem]
    for result in failures:
        print(f"\n{result.check.folder} ({result.check.name}):\n{result.problem}", file=sys.stderr)
    print(f"\n{table(results)}\n")
    tests = sum(result.tests for result in results)
    print(f"{len(results)} checks, {tests} tests, {len(failures)} failed, {time.monotonic() - began:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
