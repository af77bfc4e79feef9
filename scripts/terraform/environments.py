"""The environments: folders of `terraform/envs` that hold a `terraform.tfvars`.

Their code is equal; values, backend settings and release files are what they differ in. An environment is real once a
team has written its `backend.hcl`; until then it can be planned offline only.
"""

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scripts.terraform.cli import ROOT, TerraformError, without_stray
from scripts.terraform.console import Answer, ask
from scripts.terraform.diagnostics import headline
from scripts.terraform.setup import find_terraform

SOURCES: Final = ROOT / "terraform"
SETTINGS: Final = "terraform.tfvars"
BACKEND: Final = "backend.hcl"
RELEASE: Final = "release.auto.tfvars.json"
SAMPLE_RELEASE: Final = "release.sample.tfvars.json"
"""Stands beside the environments; for offline plans of one that nothing was published for."""

_VARIABLE: Final = re.compile(r'^variable\s+"(\w+)"', re.MULTILINE)


class EnvironmentProblem(TerraformError):
    """An environment is not there, or not as it must be. The message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One environment and where its files are."""

    name: str
    folder: Path  # its root module
    local: Path = ROOT / ".local"  # for what is kept outside the sources

    @property
    def backend(self) -> Path:
        """Settings of the remote state: bucket, key, region."""
        return self.folder / BACKEND

    @property
    def is_real(self) -> bool:
        """Whether it has remote state, and so stands for something in an account."""
        return self.backend.is_file()

    @property
    def release(self) -> Path:
        """The release file, which is there once an agent was published for it."""
        return self.folder / RELEASE

    @property
    def sample_release(self) -> Path:
        """The release that offline plans use in place of a missing one."""
        return self.folder.parent / SAMPLE_RELEASE

    @property
    def work(self) -> Path:
        """Folder for terraform's own files, and for the plan of an apply that is under way."""
        return self.local / "terraform" / self.name

    @property
    def outputs_file(self) -> Path:
        """The outputs of the last apply, for the programs that talk to the environment."""
        return self.local / f"{self.name}.outputs.json"

    def variables(self) -> tuple[str, ...]:
        """Names of the root's input variables, in the order of the sources."""
        texts = (path.read_text(encoding="utf-8") for path in sorted(self.folder.glob("*.tf")))
        return tuple(name for text in texts for name in _VARIABLE.findall(text))


def environments(*, sources: Path = SOURCES) -> list[str]:
    """List the names of the environments."""
    return sorted(path.parent.name for path in sources.glob(f"envs/*/{SETTINGS}"))


def environment_named(name: str, *, sources: Path = SOURCES, local: Path = ROOT / ".local") -> Environment:
    """Return an environment.

    Args:
        name: Such as `dev`.
        sources: The Terraform sources.
        local: Folder for terraform's files and outputs.

    Raises:
        EnvironmentProblem: If there is none of that name.
    """
    known = environments(sources=sources)
    if name == "local" and name not in known:
        raise EnvironmentProblem(
            f"ENV: local is the laptop, which `make up` starts and `make apply` applies; {_expected(known)}"
        )
    if name not in known:  # compared with what is there, so a name cannot lead anywhere else
        got = repr(name) if name else "nothing"
        raise EnvironmentProblem(f"ENV: {_expected(known)}; got {got}. A new one is a folder of terraform/envs")
    return Environment(name=name, folder=sources / "envs" / name, local=local)


def settings(environment: Environment, *, env: Mapping[str, str]) -> dict[str, Any]:
    """Evaluate an environment's variables as Terraform does: defaults, `terraform.tfvars`, the release file if any.

    No provider and no state is needed, so it takes a tenth of a second.

    Args:
        environment: Whose settings.
        env: From `scripts.terraform.cli.environment` or `recording_environment`; credentials are not needed.

    Returns:
        Values by name. A variable without a value is left out.

    Raises:
        EnvironmentProblem: If a file of values cannot be read, or a value breaks a rule; the message has what Terraform
            said.
        TerraformError: If terraform cannot be run.
    """
    find_terraform(env)  # says where to get it
    names = environment.variables()
    with tempfile.TemporaryDirectory(prefix="settings-") as scratch:
        copy = Path(scratch) / "terraform"
        copy_sources(environment.folder.parents[1], copy)
        root = copy / "envs" / environment.name
        for path in root.glob("*.tf"):
            if path.name != "variables.tf":  # no provider, module or backend: nothing to initialise
                path.unlink()
        clean = without_stray(env) | {"TF_DATA_DIR": str(Path(scratch) / "data"), "TF_IN_AUTOMATION": "1"}

        def evaluate(wanted: Sequence[str]) -> dict[str, Any] | None:
            return _answered(environment, ask(root, wanted, env=clean))

        values = evaluate(names)
        # One that has no value makes the whole answer unknown. As a rule it is the release that nobody published yet.
        if values is None:
            values = evaluate([name for name in names if name != "release"])
        if values is None:
            each = {name: evaluate([name]) for name in names}
            values = {name: value for found in each.values() if found for name, value in found.items()}
    return values


def _answered(environment: Environment, answer: Answer) -> dict[str, Any] | None:
    """Values by name, or None if one has none.

    Raises:
        EnvironmentProblem: If terraform refused.
    """
    if answer.failed:
        where = f"{environment.folder}: its settings cannot be read"
        if not answer.errors:
            raise EnvironmentProblem(f"{where}; terraform says: {answer.said[-1500:]}")
        first = f"{where}; {headline(answer.errors, otherwise='terraform refuses them')}"
        raise EnvironmentProblem("\n  ".join([first, *(line for error in answer.errors for line in error.lines())]))
    return None if answer.values is None else dict(answer.values)


def copy_sources(sources: Path, target: Path) -> None:
    """Copy Terraform sources without what terraform may have left in them."""
    shutil.copytree(sources, target, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfplan"))


def _expected(known: list[str]) -> str:
    return f"must be one of {', '.join(known)}" if known else "there is no environment in terraform/envs yet"
