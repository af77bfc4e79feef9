"""The environments: folders of `terraform/envs` that hold a `terraform.tfvars`.

Their code is equal; values, backend settings and release files are what they differ in. An environment is real once a
team has written its `backend.hcl`; until then it can be planned offline only.
"""

import base64
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from scripts.terraform.cli import ROOT, TerraformError, without_stray
from scripts.terraform.setup import find_terraform

SOURCES: Final = ROOT / "terraform"
SETTINGS: Final = "terraform.tfvars"
BACKEND: Final = "backend.hcl"
RELEASE: Final = "release.auto.tfvars.json"
SAMPLE_RELEASE: Final = "release.sample.tfvars.json"
"""Stands beside the environments; for offline plans of one that nothing was published for."""

_CONSOLE_SECONDS: Final = 60.0
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
    def plan_file(self) -> Path:
        """The saved plan of the real environment."""
        return self.local / "plans" / f"{self.name}.tfplan"

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
        local: Folder for plans and outputs.

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
    names = environment.variables()
    with tempfile.TemporaryDirectory(prefix="settings-") as scratch:
        copy = Path(scratch) / "terraform"
        copy_sources(environment.folder.parents[1], copy)
        root = copy / "envs" / environment.name
        for path in root.glob("*.tf"):
            if path.name != "variables.tf":  # no provider, module or backend: nothing to initialise
                path.unlink()
        clean = without_stray(env) | {"TF_DATA_DIR": str(Path(scratch) / "data"), "TF_IN_AUTOMATION": "1"}
        console = _Console(environment=environment, root=root, env=clean, program=find_terraform(env).path)
        values = console.values(names)
        # One that has no value makes the whole answer unknown. As a rule it is the release that nobody published yet.
        if values is None:
            values = console.values(tuple(name for name in names if name != "release"))
        if values is None:
            each = {name: console.values((name,)) for name in names}
            values = {name: value for found in each.values() if found for name, value in found.items()}
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class _Console:
    environment: Environment
    root: Path
    env: Mapping[str, str] = field(repr=False)
    program: str

    def values(self, names: Sequence[str]) -> dict[str, Any] | None:
        """Values by name, or None if one has none."""
        # Base64, since the console writes strings as HCL, with its own escapes.
        wanted = ", ".join(f"{name} = var.{name}" for name in names)
        try:
            done = subprocess.run(
                [self.program, "console"],
                input=f"base64encode(jsonencode({{ {wanted} }}))\n",
                cwd=self.root,
                env=dict(self.env),
                capture_output=True,
                text=True,
                timeout=_CONSOLE_SECONDS,
            )
        except (OSError, subprocess.SubprocessError) as failure:
            raise TerraformError(f"terraform console does not run ({type(failure).__name__})") from failure
        said = re.sub(r"\x1b\[[0-9;]*m", "", f"{done.stderr}\n{done.stdout}")
        answer = re.search(r'^(?:"([A-Za-z0-9+/=]+)"|\(known after apply\))$', said, re.MULTILINE)
        if done.returncode or answer is None or "Error: " in said:
            words = " ".join(re.sub(r"[\u2500-\u257f]", " ", said).split())
            raise EnvironmentProblem(
                f"{self.environment.folder}: its settings cannot be read; terraform says: {words[-1500:]}"
            )
        values: dict[str, Any] | None = json.loads(base64.b64decode(answer[1])) if answer[1] else None
        return values


def copy_sources(sources: Path, target: Path) -> None:
    """Copy Terraform sources without what terraform may have left in them."""
    shutil.copytree(sources, target, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfplan"))


def _expected(known: list[str]) -> str:
    return f"must be one of {', '.join(known)}" if known else "there is no environment in terraform/envs yet"
