"""Plan an environment and say what is risky about it: `python -m scripts.plan --env dev`.

With `terraform/envs/<env>/backend.hcl` the plan is real: remote state, the real provider, an account that answers.
Without one, or with --offline, it is made on a copy of the sources by the recording provider, which asks nobody.
A change is seen offline too: --save-state FILE before it, --state FILE after it.

Exit codes: 0; 1 for an error; 3 if the plan would replace, delete or forget what holds data in an environment that is
a production environment before the plan or after it.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from local_aws.terraform_provider import data
from scripts.plans.report import Report, failure_to_markdown, print_report, to_json, to_markdown
from scripts.plans.roots import Root, real_root, values_file, values_of, without_backend
from scripts.plans.summary import summarise, unknown_allowances
from scripts.terraform.cli import ROOT, Progress, TerraformError
from scripts.terraform.ending import INTERRUPTED, ends_on_sigterm
from scripts.terraform.environments import (
    SOURCES,
    Environment,
    EnvironmentProblem,
    copy_sources,
    environment_named,
    environments,
)
from scripts.terraform.locks import using_terraform
from scripts.terraform.sessions import recording_session
from scripts.terraform.unknown_settings import check_settings

REFUSED: Final = 3
_LOCK: Final = "-lock-timeout=60s"
_KEPT: Final = re.compile(r"PATH|HOME|TMPDIR|TF_PLUGIN_MIRROR|TF_PLUGIN_CACHE_DIR|\w*PROXY|SSL_\w*", re.IGNORECASE)
"""What an offline plan gets of the caller's environment: no credentials, no profile, no other root's variables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """A plan."""

    environment: Environment
    document: Mapping[str, Any] = field(repr=False)  # `terraform show -json`; it may hold sensitive values
    offline: bool
    sample_release: bool  # the environment has no release file, and the sample stood in
    from_state: bool  # there was a state to compare with; offline without one, everything is new
    plan_file: Path | None  # of a real plan that is kept, to apply
    plan_sha256: str | None = None  # of that file: `document` is what it says
    seconds: Mapping[str, float]  # by step: init, plan, show, record
    recorded: Mapping[str, Mapping[str, Any]] | None = field(default=None, repr=False)  # values by address, if recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineWorkspace:
    """A copy of the Terraform sources with the recording provider at work.

    Environments may be planned at the same time, each once at a time.
    """

    folder: Path  # the copy
    work: Path
    env: Mapping[str, str] = field(repr=False)

    def plan(
        self,
        name: str,
        *,
        release: Mapping[str, Any] | None = None,
        variables: Mapping[str, Any] | None = None,
        state: Path | None = None,
        record: bool = False,
        save_state: Path | None = None,
        progress: Progress = lambda _: None,
    ) -> PlanResult:
        """Plan an environment; arguments and errors as those of `plan`."""
        root = self._root(name, release=release, variables=variables, progress=progress)
        root.state.unlink(missing_ok=True)
        if state is not None:
            shutil.copyfile(state, root.state)
        out = self.work / f"{name}.tfplan"
        # Nothing drifts here, so there is nothing to read again.
        document = root.plan(out, "-refresh=false").document
        wanted = record or save_state is not None
        recorded = root.record(out) if wanted and document.get("applyable", True) else None
        if save_state is not None:
            _write_private(save_state, root.state.read_text(encoding="utf-8"))
        return PlanResult(
            environment=root.environment,
            document=document,
            offline=True,
            sample_release=root.sample_release,
            from_state=state is not None,
            plan_file=None,
            seconds=root.seconds,
            recorded=recorded,
        )

    def apply(
        self,
        name: str,
        *,
        into: Path,
        release: Mapping[str, Any] | None = None,
        variables: Mapping[str, Any] | None = None,
        state: Path | None = None,
        progress: Progress = lambda _: None,
    ) -> Path:
        """Record what an apply would make; arguments and errors as those of `recorded_apply`."""
        root = self._root(name, release=release, variables=variables, progress=progress)
        root.state.unlink(missing_ok=True)
        if state is not None:
            shutil.copyfile(state, root.state)
        root.terraform("apply", "-auto-approve", "-input=false", "-no-color", "-refresh=false", *root.values)
        into.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Path(shutil.copyfile(root.state, into / f"{name}.tfstate"))

    def _root(
        self,
        name: str,
        *,
        release: Mapping[str, Any] | None,
        variables: Mapping[str, Any] | None,
        progress: Progress,
    ) -> Root:
        chosen = environment_named(name, sources=self.folder)
        values, sample = values_of(chosen, release=release, variables=variables, offline=True)
        check_settings(chosen, env=self.env)
        state = self.work / f"{name}.tfstate"
        override = chosen.folder / "backend_override.tf"
        override.write_text('terraform {\n  backend "local" {}\n}\n', encoding="utf-8")
        root = Root(
            environment=chosen,
            env={**self.env, "GOGC": "400"},  # terraform spends a third of its time on collecting garbage otherwise
            data=self.work / "data" / name,
            state=state,
            values=values_file(values, self.work / f"{name}.tfvars.json"),
            sample_release=sample,
            progress=progress,
        )
        if not (root.data / "terraform.tfstate").is_file():  # kept for the next plan of the same environment
            root.init(f"-backend-config=path={state}")
        return root


@contextmanager
def offline_workspace(*, sources: Path = SOURCES, base: Mapping[str, str] | None = None) -> Iterator[OfflineWorkspace]:
    """Prepare for offline plans. Several of them share the provider, which saves most of the time.

    Args:
        sources: The Terraform sources, which are copied.
        base: Environment to start from, by default that of this process. Only what terraform needs to run is kept.

    Yields:
        The workspace. Its folder is removed at the end.

    Raises:
        TerraformError: If terraform or the recording provider's data cannot be had.
    """
    clean = {name: value for name, value in (os.environ if base is None else base).items() if _KEPT.fullmatch(name)}
    with tempfile.TemporaryDirectory(prefix="plan-") as scratch:
        work = Path(scratch).resolve()
        folder = work / "terraform"
        copy_sources(sources, folder)
        with recording_session(clean, workdir=work / "setup") as env:
            yield OfflineWorkspace(folder=folder, work=work, env=env)


def plan(
    name: str,
    *,
    release: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
    state: Path | None = None,
    record: bool = False,
    save_state: Path | None = None,
    offline: bool | None = None,
    keep: Path | None = None,
    sources: Path = SOURCES,
    local: Path = ROOT / ".local",
    base: Mapping[str, str] | None = None,
    progress: Progress = lambda _: None,
) -> PlanResult:
    """Plan an environment.

    Args:
        name: Of the environment.
        release: Content of a release file, `{"release": {...}}`, in place of the environment's own.
        variables: Values of other variables, laid over those of `terraform.tfvars`.
        state: A state file to compare with, from `recorded_apply`; offline only. None means that nothing is there yet.
        record: Whether an offline plan is applied to the recording provider, for `PlanResult.recorded`: what policies
            say where they name what has no id yet. Twice the time. A real plan has no such thing.
        save_state: File for what was recorded, so that a later change is planned against it; offline only.
        offline: False or True to insist; None for offline unless the environment has a `backend.hcl`.
        keep: File for a real plan, to apply it, in a folder of the caller's own. Otherwise no plan is left behind.
        sources: The Terraform sources.
        local: Folder for Terraform's files.
        base: Environment to start from, by default that of this process; an offline plan keeps no credentials of it.
        progress: Gets a line for each step.

    Raises:
        EnvironmentProblem: If there is no such environment, it has no remote state for a real plan, or no release.
        TerraformError: If terraform refuses.
        ValueError: If `release` is not the content of a release file, or a real plan is to read or save a state.
    """
    chosen = environment_named(name, sources=sources, local=local)
    if offline is False and not chosen.is_real:
        raise EnvironmentProblem(without_backend(chosen))
    if offline or not chosen.is_real:
        if keep is not None:
            raise ValueError("keep: an offline plan cannot be applied, so there is none to keep")
        with offline_workspace(sources=sources, base=base) as workspace:
            made = workspace.plan(
                name,
                release=release,
                variables=variables,
                state=state,
                record=record,
                save_state=save_state,
                progress=progress,
            )
        return replace(made, environment=chosen)
    if state is not None or save_state is not None:
        raise ValueError("state: a real plan has its own remote state; an offline plan reads and saves one")
    with _plan_file(keep) as file, using_terraform(chosen):
        root = real_root(chosen, release=release, variables=variables, base=base, progress=progress)
        root.init("-reconfigure", f"-backend-config={chosen.backend.absolute()}")
        saved = root.plan(file, _LOCK)
    return PlanResult(
        environment=chosen,
        document=saved.document,
        offline=False,
        sample_release=False,
        from_state=True,
        plan_file=keep,
        plan_sha256=None if keep is None else saved.sha256,
        seconds=root.seconds,
    )


@contextmanager
def _plan_file(keep: Path | None) -> Iterator[Path]:
    """File for a plan, which holds every value: the caller's, or one that is gone afterwards."""
    if keep is not None:
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="plan-") as scratch:  # its owner's alone
        yield Path(scratch) / "plan"


def recorded_apply(
    name: str,
    *,
    into: Path,
    release: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
    state: Path | None = None,
    sources: Path = SOURCES,
    base: Mapping[str, str] | None = None,
    progress: Progress = lambda _: None,
) -> Path:
    """Record what an apply of an environment would make, offline. Nothing is created.

    Args:
        name: Of the environment.
        into: Folder for the state file.
        release: As for `plan`.
        variables: As for `plan`.
        state: What was recorded before; None for a first apply.
        sources: The Terraform sources.
        base: As for `plan`.
        progress: Gets a line for each step.

    Returns:
        The state file, for `plan`.

    Raises:
        EnvironmentProblem, TerraformError, ValueError: As `plan`.
    """
    with offline_workspace(sources=sources, base=base) as workspace:
        return workspace.apply(name, into=into, release=release, variables=variables, state=state, progress=progress)


def report_of(made: PlanResult) -> Report:
    """Summarise a plan, with what a reader has to know of how it was made."""
    return Report(
        environment=made.environment.name,
        summary=summarise(made.document, recorded=made.recorded),
        provider=data.load().version,
        offline=made.offline,
        sample_release=made.sample_release,
        from_state=made.from_state,
        seconds=dict(made.seconds),
    )


def refusal(report: Report, *, allowed: Sequence[str]) -> str | None:
    """Say why a plan must not be applied, or None.

    Args:
        report: Of the plan.
        allowed: Addresses whose data may be lost, letter by letter as the summary has them.

    Raises:
        EnvironmentProblem: If an address among `allowed` is none that the plan replaces, deletes or forgets.
    """
    if stale := unknown_allowances(report.summary, allowed):
        raise EnvironmentProblem(
            f"--allow-data-loss: the plan neither replaces, deletes nor forgets {', '.join(stale)}; name addresses as"
            " the summary does, and only those"
        )
    if not report.summary.production:
        return None
    agreed = frozenset(allowed)
    refused = [loss.address for loss in report.summary.losses if loss.holds_data and loss.address not in agreed]
    if not refused:
        return None
    flags = " ".join(f"--allow-data-loss {shlex.quote(address)}" for address in refused)
    ends = report.summary.production_ends
    return (
        f"{report.environment} is a production environment{f' until this plan is applied ({ends})' if ends else ''},"
        f" and this plan destroys or forgets what holds data: {', '.join(refused)}."
        f" Undo the change that forces it. If the data may really go, name each: {flags}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Plan, and print what is risky about it."""
    parser = argparse.ArgumentParser(prog="python -m scripts.plan", description=__doc__.partition("\n")[0])
    parser.add_argument("--env", metavar="ENV", help="the environment, such as dev")
    parser.add_argument("--offline", action="store_true", help="ask nobody, even if the environment is real")
    parser.add_argument("--state", type=Path, metavar="FILE", help="offline: a recorded state to compare with")
    parser.add_argument("--save-state", type=Path, metavar="FILE", help="offline: keep what was recorded, for --state")
    parser.add_argument("--release", type=Path, metavar="FILE", help="a release file in place of the environment's")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the plan as JSON; it may hold sensitive values")
    parser.add_argument(
        "--full", action="store_true", help="print counts by type and the statements of new policies too"
    )
    parser.add_argument("--allow-data-loss", action="append", default=[], metavar="ADDRESS", help="may be given again")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the summary as JSON")
    form.add_argument("--markdown", action="store_true", help="print the summary for a pull request")
    options = parser.parse_args(argv)
    plain = not (options.json or options.markdown)
    try:
        if not options.env:
            raise EnvironmentProblem(f"ENV is missing: make plan ENV=dev ({', '.join(environments())})")
        release = None if options.release is None else _read_release(options.release)
        if options.state is not None and not options.state.is_file():
            raise EnvironmentProblem(f"--state: {options.state} is not there")
        with ends_on_sigterm():
            made = plan(
                options.env,
                release=release,
                state=options.state,
                record=True,
                save_state=options.save_state,
                offline=True if options.offline or options.state or options.save_state else None,
                progress=lambda line: print(f"  {line}", file=sys.stderr, flush=True),
            )
        if options.out is not None:
            _write_private(options.out, json.dumps(made.document))
        report = report_of(made)
        refused = refusal(report, allowed=options.allow_data_loss)
    except KeyboardInterrupt:
        print("plan: interrupted, nothing was changed", file=sys.stderr)
        return INTERRUPTED
    except (TerraformError, data.SchemaDataError, OSError, ValueError) as error:
        print(f"plan: {error}", file=sys.stderr)
        if options.markdown:  # what goes into the pull request must say it too
            print(failure_to_markdown(options.env, str(error)))
        return 1
    if plain:
        print_report(report, full=options.full)
    elif options.json:
        print(json.dumps(to_json(report, refused=refused), indent=2))
    else:
        print(to_markdown(report, refused=refused))
    if refused is not None:
        print(f"plan: refused: {refused}", file=sys.stderr)
        return REFUSED
    return 0


def _read_release(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as failure:
        raise EnvironmentProblem(f"--release: {path} cannot be read ({type(failure).__name__})") from failure
    if not isinstance(document, dict):
        raise EnvironmentProblem(f"--release: {path} must hold an object")
    return document


def _write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone may read: it may hold sensitive values."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)  # of one that was there, too
        file.write(text)


if __name__ == "__main__":
    sys.exit(main())
