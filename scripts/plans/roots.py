"""Run terraform in an environment's root: which values it gets, and what to do when it refuses."""

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

    def plan(self, out: Path, *args: str) -> dict[str, Any]:
        """Plan into a file; answers `terraform show -json` of it."""
        draft = out.with_suffix(".draft")  # no half-written plan, and none of a run that failed, may be applied
        out.unlink(missing_ok=True)
        common = ("-input=false", "-no-color", f"-out={draft}", *args, *self.values)
        self._timed("plan", lambda: self.terraform("plan", *common))
        draft.chmod(0o600)
        draft.replace(out)
        shown = self._timed("show", lambda: self.terraform("show", "-json", "-no-color", str(out)))
        document: dict[str, Any] = json.loads(shown)
        return document

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
            raise TerraformError(f"{failure}{_advice(str(failure), self.environment)}") from failure

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

    Raises:
        EnvironmentProblem: If nothing was published for it.
        TerraformError: If terraform cannot be had.
        ValueError: If `release` is not the content of a release file.
    """
    values, _ = values_of(chosen, release=release, variables=variables, offline=False)
    work = chosen.local / "terraform"
    env = without_stray(environment(os.environ if base is None else base, workdir=work))
    folder = work / chosen.name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Root(
        environment=chosen,
        env=env,
        data=folder / "data",
        state=folder / "unused.tfstate",
        values=values_file(values, folder / "values.tfvars.json"),
        sample_release=False,
        progress=progress,
    )


def without_backend(chosen: Environment) -> str:
    """Say what an environment without remote state needs."""
    return (
        f"{chosen.name} has no {chosen.backend.name}, so it stands for nothing in an account yet. Write"
        f" terraform/envs/{chosen.name}/backend.hcl with the state bucket that terraform/bootstrap made"
        " (backend.hcl.example beside it shows the lines)"
    )


def _values_by_address(module: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for resource in module.get("resources", []):
        yield resource["address"], resource["values"]
    for child in module.get("child_modules", []):
        yield from _values_by_address(child)


def _advice(said: str, chosen: Environment) -> str:
    folder = f"terraform/envs/{chosen.name}"
    text = " ".join(said.split())
    missing = re.findall(r'The root module input variable "(\w+)" is not set', text)
    advice = [
        f"release is in {folder}/release.auto.tfvars.json, which `make publish-agent ENV={chosen.name}` writes"
        if name == "release"
        else f"set {name} in {folder}/terraform.tfvars"
        for name in dict.fromkeys(missing)
    ]
    if "Error acquiring the state lock" in text:
        advice.append("someone else is planning or applying this environment; wait until they are done")
    if "No valid credential sources" in text:
        advice.append(f"sign in to the account of {chosen.name}, or plan without it: make plan ARGS=--offline")
    return "".join(f"\n  What to do: {line}." for line in advice)


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
    if "release" in values or "release" not in chosen.variables() or chosen.release.is_file():
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


def values_file(values: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    """Write a file of values, if there are any; answers the argument that names it."""
    path.unlink(missing_ok=True)
    if not values:
        return ()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(values, file, indent=2)  # terraform quotes the line that it refuses
    return (f"-var-file={path}",)
