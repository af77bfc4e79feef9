"""Run terraform in an environment's root: which values it gets, and what to do when it refuses."""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.terraform.cli import Progress, TerraformError, TerraformFailed, environment, run, without_stray
from scripts.terraform.environments import Environment, EnvironmentProblem
from scripts.terraform.unknown_settings import check_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """A plan in a file, and what that very file says."""

    document: Mapping[str, Any] = field(repr=False)  # `terraform show -json`
    sha256: str  # of the file, hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """An environment's root module, ready for terraform."""

    environment: Environment
    env: Mapping[str, str] = field(repr=False)
    data: Path  # TF_DATA_DIR
    state: Path  # of a local backend
    values: Sequence[str]  # arguments that name a file of values
    sample_release: bool
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    def init(self, *args: str) -> None:
        """Install providers and modules."""
        self._timed("init", lambda: self.terraform("init", "-input=false", "-no-color", *args))

    def plan(self, out: Path, *args: str) -> SavedPlan:
        """Plan into a file.

        Args:
            out: The file, in a folder that only its owner may enter: a plan holds every value.
            args: More arguments of terraform.

        Raises:
            EnvironmentProblem: If the file was changed while it was read.
            TerraformError: If terraform refuses.
        """
        draft = out.with_suffix(".draft")  # no half-written plan, and none of a run that failed, may be applied
        out.unlink(missing_ok=True)
        common = ("-input=false", "-no-color", f"-out={draft}", *args, *self.values)
        self._timed("plan", lambda: self.terraform("plan", *common))
        draft.chmod(0o600)
        sha256 = sha256_of(draft)
        draft.replace(out)
        shown = self._timed("show", lambda: self.terraform("show", "-json", "-no-color", str(out)))
        check_plan_file(out, sha256)
        return SavedPlan(document=json.loads(shown), sha256=sha256)

    def record(self, plan_file: Path) -> dict[str, Mapping[str, Any]]:
        """Apply a plan to the recording provider; answers values by address."""
        self._timed("record", lambda: self.terraform("apply", "-input=false", "-no-color", str(plan_file)))
        shown = json.loads(self.terraform("show", "-json", "-no-color", str(self.state)))
        return dict(_values_by_address(shown.get("values", {}).get("root_module", {})))

    def terraform(self, *args: str, timeout: float = 1800, progress: Progress = lambda _: None) -> str:
        """Run terraform in the root; answers its standard output."""
        env = {**self.env, "TF_DATA_DIR": str(self.data), "TF_IN_AUTOMATION": "1"}
        try:
            return run(args, chdir=self.environment.folder, env=env, timeout=timeout, progress=progress).stdout
        except TerraformFailed as failure:
            raise TerraformError(f"{failure}{_advice(failure, self.environment)}") from failure

    def _timed(self, step: str, work: Callable[[], Any]) -> Any:
        began = time.monotonic()
        done = work()
        self.seconds[step] = time.monotonic() - began
        self.progress(f"terraform {step}: {self.seconds[step]:.1f} s")
        return done


def real_root(
    chosen: Environment,
    *,
    release: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
    base: Mapping[str, str] | None = None,
    progress: Progress = lambda _: None,
) -> "Root":
    """Return an environment's root with the real provider, the caller's credentials and nothing of another root.

    Its files are shared by all who plan the environment in this folder, so it is for those who hold `using_terraform`.

    Raises:
        EnvironmentProblem: If nothing was published for it.
        TerraformError: If terraform cannot be had.
        ValueError: If `release` is not the content of a release file.
    """
    values, _ = values_of(chosen, release=release, variables=variables, offline=False)
    folder = chosen.work
    env = without_stray(environment(os.environ if base is None else base, workdir=folder.parent))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    check_settings(chosen, env=env)
    return Root(
        environment=chosen,
        env=env,
        data=folder / "data",
        state=folder / "unused.tfstate",
        values=values_file(values, folder / "values.tfvars.json"),
        sample_release=False,
        progress=progress,
    )


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_plan_file(path: Path, sha256: str) -> None:
    """Check that a saved plan is the one that was read.

    Args:
        path: The file.
        sha256: Of the plan, when it was made.

    Raises:
        EnvironmentProblem: If it is another, or gone.
    """
    try:
        found = sha256_of(path)
    except FileNotFoundError:
        found = "nothing"
    if found != sha256:
        raise EnvironmentProblem(
            f"{path}: the saved plan is not the one that was shown (SHA-256 {sha256[:12]}…, now {found[:12]}…), so"
            " nothing was applied; find out who writes there, then plan again"
        )


def without_backend(chosen: Environment) -> str:
    """Say what an environment without remote state needs."""
    return (
        f"{chosen.name} is not connected to an account (no {chosen.backend.name}). Write"
        f" terraform/envs/{chosen.name}/backend.hcl with the state bucket that terraform/bootstrap made"
        " (backend.hcl.example beside it shows the lines)"
    )


def _values_by_address(module: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for resource in module.get("resources", []):
        yield resource["address"], resource["values"]
    for child in module.get("child_modules", []):
        yield from _values_by_address(child)


def _advice(failure: TerraformFailed, chosen: Environment) -> str:
    folder = f"terraform/envs/{chosen.name}"
    text = " ".join(str(failure).split())
    refused = [line for error in failure.errors if error.is_setting for line in error.lines()]
    missing = dict.fromkeys(re.findall(r'The root module input variable "(\w+)" is not set', text))
    own = [name for name in missing if name != "release"]
    advice = [f"set {_listed(own)} in {folder}/terraform.tfvars"] if own else []
    if "release" in missing:
        advice.append(
            f"release is in {folder}/release.auto.tfvars.json, which `make publish-agent ENV={chosen.name}` writes"
        )
    for line in refused:
        if line.startswith("production: must be true"):
            advice.append(f"set `production = true` in {folder}/terraform.tfvars")
        if "contract_version: must be" in line:
            advice.append(f"`make publish-agent ENV={chosen.name}` from this commit")
        elif line.startswith("release."):
            advice.append(
                f"leave {folder}/release.auto.tfvars.json to `make publish-agent`, `make promote` and `make rollback`,"
                f" each with ENV={chosen.name}; take its last good version from version control"
            )
    if any(not line.startswith(("release", "production: must be true")) for line in refused):
        advice.append(f"change what is refused in {folder}/terraform.tfvars, then plan again")
    if any("contract_version: must be" in line for e in failure.errors if not e.is_setting for line in e.lines()):
        advice.append(f"`make publish-agent ENV={chosen.name}` from this commit")
    if any("modules/catalog/" in error.place for error in failure.errors):
        advice.append("correct it in terraform/catalog, then plan again")
    if "is not valid YAML" in text:
        advice.append("correct the YAML syntax (indentation, colons, quotes) of that file in terraform/catalog")
    if "Error acquiring the state lock" in text:
        advice.append("someone else is planning or applying this environment; wait until they are done")
    if "No valid credential sources" in text:
        advice.append(
            f"sign in to the account of {chosen.name} (AWS_PROFILE), or plan without it:"
            f" make plan ENV={chosen.name} ARGS=--offline"
        )
    return f"\nWhat to do: {'; '.join(dict.fromkeys(advice))}." if advice else ""


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def values_of(
    chosen: Environment,
    *,
    release: Mapping[str, Any] | None,
    variables: Mapping[str, Any] | None,
    offline: bool,
) -> tuple[dict[str, Any], bool]:
    """Values to lay over the environment's own files, and whether the sample release is among them."""
    values = dict(variables or {})
    if release is not None:
        if release.keys() != {"release"}:
            raise ValueError(f'release: must be {{"release": {{...}}}}; got the keys {sorted(release)}')
        return {**values, **release}, False
    if "release" in values or "release" not in chosen.variables():
        return values, False
    if chosen.release.is_file():
        _check_json(chosen.release)
        return values, False
    if not offline:
        raise EnvironmentProblem(
            f"{chosen.name} has no release file, so there is no agent to run; publish one: make publish-agent"
            f" ENV={chosen.name}"
        )
    try:
        sample = json.loads(chosen.sample_release.read_text(encoding="utf-8"))
    except (OSError, ValueError) as failure:
        raise EnvironmentProblem(
            f"{chosen.name} has no release file, and the sample {chosen.sample_release.name} cannot be read"
            f" ({type(failure).__name__})"
        ) from failure
    return {**values, **sample}, True


def _check_json(release: Path) -> None:
    """Check what terraform would only call an invalid file of values; it checks the fields itself, against the plan."""
    try:
        json.loads(release.read_text(encoding="utf-8"))
    except OSError as failure:
        raise EnvironmentProblem(f"{release}: cannot be read ({type(failure).__name__})") from failure
    except ValueError as failure:  # in the words of `make release-status`
        raise EnvironmentProblem(
            f"{release}: is not JSON ({failure}); restore it from your version control"
        ) from failure


def values_file(values: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    """Write a file of values, if there are any; answers the argument that names it."""
    path.unlink(missing_ok=True)
    if not values:
        return ()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(values, file, indent=2)  # terraform quotes the line that it refuses
    return (f"-var-file={path}",)
