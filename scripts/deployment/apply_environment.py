"""Apply an environment: plan, say what is risky, ask, apply exactly that plan: `make apply ENV=dev`.

The plan is made for this apply alone, in a file that nothing else writes and that is gone afterwards; right before it
is applied its checksum is compared. A second apply of the environment is refused meanwhile.

Afterwards the runtime's newest version stands in the environment's release file, and its outputs in
`.local/<env>.outputs.json`. An environment without a `backend.hcl` is refused: there would be nothing to apply to.

Exit codes: 0; 1 for an error or a no; 3 if data would be lost and nobody may, or did, agree to that.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.terraform_provider import data
from scripts.deployment.release_environment import bucket_of
from scripts.plan import REFUSED, PlanResult, plan, refusal, report_of
from scripts.plans.report import Report, print_report
from scripts.plans.roots import Root, check_plan_file, real_root, without_backend
from scripts.releases.release_checks import made_version
from scripts.releases.release_file import ReleaseError, load, save
from scripts.terraform.cli import ROOT, Progress, TerraformError
from scripts.terraform.ending import INTERRUPTED, ends_on_sigterm
from scripts.terraform.environments import SOURCES, Environment, EnvironmentProblem, environment_named
from scripts.terraform.locks import applying, using_terraform

_HOUR: Final = 3600.0
"""Longest apply. A new AgentCore resource may take the provider's own 30 minutes."""
_PRIVATE: Final = "apply-"

Ask = Callable[[str], str]


class DataLossRefused(EnvironmentProblem):
    """The plan replaces, deletes or forgets what holds data, and nobody who may agree to that did."""


class NotConfirmed(EnvironmentProblem):
    """Whoever was asked did not agree."""


def apply_environment(
    name: str,
    *,
    yes: bool = False,
    allowed: Sequence[str] = (),
    ask: Ask | None = None,
    sources: Path = SOURCES,
    local: Path = ROOT / ".local",
    base: Mapping[str, str] | None = None,
    progress: Progress = lambda _: None,
    show: Callable[[Report], None] = print_report,
) -> bool:
    """Apply an environment.

    Args:
        name: Of the environment.
        yes: Whether to apply without asking. It never stands for an agreement to a loss of data.
        allowed: Addresses whose data may be lost, in a production environment too.
        ask: Gets a question and returns what a person typed; None where there is nobody.
        sources: The Terraform sources.
        local: Folder for Terraform's files, the plan of this apply and the outputs.
        base: Environment to start from, by default that of this process.
        progress: Gets terraform's lines.
        show: Prints the summary of the plan.

    Returns:
        Whether anything was changed.

    Raises:
        DataLossRefused: If data would be lost and that was not agreed to.
        NotConfirmed: If the answer was not the environment's name.
        EnvironmentProblem: If there is no such environment, it has no remote state, or no release; if another apply of
            it is under way; if the saved plan is not the one that was shown.
        TerraformError: If terraform fails. What it made until then is in the state.
        ReleaseError: If the release file cannot take the runtime's new version; the environment is applied then.
    """
    chosen = environment_named(name, sources=sources, local=local)
    if not chosen.is_real:
        raise EnvironmentProblem(f"{without_backend(chosen)}. `make plan ENV={name}` shows offline what it would be")
    with applying(chosen), _private_folder(chosen) as folder:
        check_bundles(chosen, progress)
        made = plan(
            name,
            offline=False,
            keep=folder / "plan",
            sources=sources,
            local=local,
            base=base,
            progress=progress,
        )
        report = report_of(made)
        show(report)
        _agreed(report, yes=yes, allowed=allowed, ask=ask)
        changed = not report.summary.empty
        with using_terraform(chosen):
            root = real_root(chosen, base=base, progress=progress)
            if changed:
                common = ("-input=false", "-no-color", "-lock-timeout=60s")
                plan_file = _shown(made)
                try:
                    root.terraform("apply", *common, str(plan_file), timeout=_HOUR, progress=progress)
                except TerraformError as failure:
                    _record_unfinished(chosen, root, failure)
                    raise
            outputs: dict[str, Any] = json.loads(root.terraform("output", "-json", "-no-color"))
        _write(chosen.outputs_file, json.dumps(outputs, indent=2) + "\n")
        _record_version(chosen, outputs)
    return changed


def check_bundles(chosen: Environment, progress: Progress) -> None:
    """Check that the bundles of the release are in the artifacts bucket as they were published, before anything else.

    AgentCore and Lambda take a bundle as they find it. If AWS cannot be asked, terraform says so in its own words.

    Args:
        chosen: The environment, a real one.
        progress: Is told what was checked, or why not.

    Raises:
        EnvironmentProblem: If one is not, or is gone.
        ReleaseError: If the release file cannot be read.
    """
    ask = bucket_of(chosen)
    if ask is None or not chosen.release.is_file():
        return
    release = load(chosen.release)
    try:
        ask(release, release.agent_version)
    except ReleaseError as failure:
        if isinstance(failure.__cause__, BotoCoreError | ClientError):
            progress(f"bundles were not checked: {failure}")
            return
        raise EnvironmentProblem(str(failure)) from failure
    progress(f"{release.agent_version} is in the artifacts bucket as it was published")


@contextmanager
def _private_folder(chosen: Environment) -> Iterator[Path]:
    """A new folder that its owner alone may enter: a plan holds every value, and is good for one apply only."""
    chosen.work.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in chosen.work.glob(f"{_PRIVATE}*"):  # by an apply that was killed; none runs now
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=_PRIVATE, dir=chosen.work) as folder:
        yield Path(folder).resolve()  # terraform runs in the root's folder


def _shown(made: PlanResult) -> Path:
    """The file of the plan, if it still is the one that was shown and agreed to.

    Raises:
        EnvironmentProblem: If it is another.
    """
    if made.plan_file is None or made.plan_sha256 is None:
        raise AssertionError("the plan of an apply is kept")
    check_plan_file(made.plan_file, made.plan_sha256)
    return made.plan_file


def _agreed(report: Report, *, yes: bool, allowed: Sequence[str], ask: Ask | None) -> None:
    """Return if the plan may be applied.

    Raises:
        DataLossRefused, NotConfirmed: If not.
    """
    if refused := refusal(report, allowed=allowed):
        raise DataLossRefused(refused)
    if report.summary.empty:
        return
    lost = [loss.address for loss in report.summary.losses if loss.holds_data]
    if yes and not lost:
        return
    if ask is None:
        if lost:
            raise DataLossRefused(
                f"data would be lost with {', '.join(lost)}, which --yes does not agree to; run it on a terminal"
            )
        raise NotConfirmed("there is no terminal to ask on; apply with --yes once the plan was reviewed")
    question = f"{len(lost)} resources are destroyed or forgotten WITH THEIR DATA. " if lost else ""
    if ask(f"{question}Type {report.environment} to apply this plan: ").strip() != report.environment:
        raise NotConfirmed("not applied: the answer was another")


def _record_version(chosen: Environment, outputs: Mapping[str, Any]) -> None:
    """Write the runtime's newest version into the release file, so that it can be promoted."""
    if not chosen.release.is_file():  # a root without a release
        return
    values = {name: output.get("value") for name, output in outputs.items()}
    if missing := [name for name in ("newest_version", "agent_version") if not isinstance(values.get(name), str)]:
        raise EnvironmentProblem(
            f"{chosen.name} is applied, but has no output {' and '.join(missing)}, so its release file was not updated"
        )
    release = load(chosen.release)
    updated = release.with_applied(values["newest_version"], values["agent_version"], whole=True)
    if updated != release:
        save(updated, chosen.release)


def _record_unfinished(chosen: Environment, root: Root, failure: TerraformError) -> None:
    """Record the runtime version that an apply made before it failed: the next number is counted from it."""
    try:
        made = made_version(json.loads(root.terraform("show", "-json", "-no-color")))
        if made is not None and chosen.release.is_file():
            release = load(chosen.release)
            updated = release.with_applied(*made)
            if updated != release:
                save(updated, chosen.release)
                failure.add_note(f"Runtime version {made[0]} was made, and is in the release file.")
    except (TerraformError, ReleaseError, OSError, ValueError, KeyError, TypeError) as second:
        failure.add_note(f"Whether a runtime version was made is not known ({second}); see `make release-status`.")


def _write(path: Path, text: str) -> None:
    """Replace a file that its owner alone may read."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def main(argv: Sequence[str] | None = None) -> int:
    """Apply an environment."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.deployment.apply_environment", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--env", required=True, metavar="ENV", help="the environment, such as dev")
    parser.add_argument("--yes", action="store_true", help="do not ask; for CI, after the plan was reviewed")
    parser.add_argument("--full", action="store_true", help="print the statements of new policies too")
    parser.add_argument("--allow-data-loss", action="append", default=[], metavar="ADDRESS", help="may be given again")
    options = parser.parse_args(argv)
    try:
        with ends_on_sigterm():
            changed = apply_environment(
                options.env,
                yes=options.yes,
                allowed=options.allow_data_loss,
                ask=input if sys.stdin.isatty() else None,
                progress=lambda line: print(f"  {line}", flush=True),
                show=lambda report: print_report(report, full=options.full),
            )
    except KeyboardInterrupt:
        print(
            f"apply: interrupted; what was applied until then is in the state. make plan ENV={options.env} shows"
            " what is left",
            file=sys.stderr,
        )
        return INTERRUPTED
    except DataLossRefused as refused:
        print(f"apply: refused: {refused}", file=sys.stderr)
        return REFUSED
    except ReleaseError as error:
        print(f"apply: the environment is applied, but its release file is not updated: {error}", file=sys.stderr)
        return 1
    except (TerraformError, data.SchemaDataError, OSError, ValueError, EOFError) as error:
        notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
        print(f"apply: {error}{notes}", file=sys.stderr)
        return 1
    print(
        f"{options.env}: {'applied' if changed else 'nothing to change'}; outputs in .local/{options.env}.outputs.json"
    )
    return 0
