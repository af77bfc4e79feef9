"""Where the laptop's platform is in one run, and how its Terraform roots are run there."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config

from local_aws.runtime.history import HISTORY_FILE
from local_aws.stack.state import StateFolder
from scripts.releases import release_file
from scripts.terraform import cli as terraform_cli
from scripts.terraform.cli import TerraformRoot
from scripts.terraform.sessions import recording_session

ROOT: Final = Path(__file__).resolve().parents[2]
ROOT_MODULES: Final[Mapping[str, Path]] = {
    "bootstrap": ROOT / "terraform" / "bootstrap",
    "foundation": ROOT / "terraform" / "envs" / "local" / "foundation",
    "agentcore": ROOT / "terraform" / "envs" / "local" / "agentcore",
}
RECORDED: Final = frozenset({"agentcore"})
"""Root modules that go through the recording provider; the others through the real one, to the emulator."""
_ATTACHED: Final = "TF_REATTACH_PROVIDERS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Laptop:
    """Where things are on this laptop, for one run."""

    state: StateFolder
    aws_endpoint_url: str
    region: str = "us-east-1"
    account_id: str = "000000000000"
    name_prefix: str = "clinic-local"
    secret: str = field(default="", repr=False)

    def client(self, service: str) -> Any:
        """Make a boto3 client with the emulator's public root credentials."""
        return boto3.client(
            service,
            endpoint_url=self.aws_endpoint_url,
            region_name=self.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the emulator's, known to everybody
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 2}),
        )


def terraform_root(laptop: Laptop, name: str, base: Mapping[str, str]) -> TerraformRoot:
    """Prepare a root module whose state lies in the state folder.

    Args:
        laptop: Where.
        name: A key of `ROOT_MODULES`.
        base: Environment to start from. Nothing of AWS in it is used: no developer's profile may get in.
    """
    workdir = _terraform(laptop)
    env = _environment(name, _without_aws(base), workdir) | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": laptop.aws_endpoint_url,
        "AWS_REGION": laptop.region,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }
    log = laptop.state.log("terraform")

    def write(line: str) -> None:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{name}: {line}\n")

    return TerraformRoot(folder=ROOT_MODULES[name], work=workdir / name, env=env, progress=write)


@contextmanager
def agentcore_root(laptop: Laptop, base: Mapping[str, str]) -> Iterator[TerraformRoot]:
    """Prepare the AgentCore root and keep its provider running inside the block: a command takes a fifth of the time.

    Args:
        laptop: Where.
        base: As for `terraform_root`.
    """
    root = terraform_root(laptop, "agentcore", base)
    root.init()  # not inside the session, which would leave the provider out of the folder: later commands need it
    with recording_session(_without_aws(base), workdir=_terraform(laptop) / "recording") as attached:
        yield replace(root, env={**root.env, _ATTACHED: attached[_ATTACHED]})


def _terraform(laptop: Laptop) -> Path:
    return laptop.state.path / "terraform"


def _without_aws(base: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in base.items() if not name.startswith("AWS_") or name == "AWS_CA_BUNDLE"}


def _environment(name: str, base: Mapping[str, str], workdir: Path) -> dict[str, str]:
    if name in RECORDED:
        return terraform_cli.recording_environment(base, workdir=workdir / "recording")
    return terraform_cli.environment(base, workdir=workdir)


def link_for_terraform(state: StateFolder) -> None:
    """Let `terraform -chdir=terraform/envs/local/agentcore show -json` find the state of the stack in `.local`.

    Stacks in other folders are not linked: the sources have one `.terraform` only.
    """
    if state.path != ROOT / ".local":
        return
    for name in RECORDED:
        link = ROOT_MODULES[name] / ".terraform"
        if link.is_symlink():
            link.unlink()
        if not link.exists():
            link.symlink_to(state.path / "terraform" / name / "data")


def release_file_of(state: StateFolder) -> Path:
    """Return the laptop's release file; environments have theirs beside their root module."""
    return state.path / release_file.FILE_NAME


def forget_terraform_state(state: StateFolder) -> None:
    """Remove what an earlier run's Terraform remembers: the emulator that it describes is gone. Plugins stay."""
    for file in (release_file_of(state), state.path / HISTORY_FILE):
        file.unlink(missing_ok=True)
    for name in ROOT_MODULES:
        for file in (state.path / "terraform" / name).glob("terraform.tfstate*"):
            file.unlink()
