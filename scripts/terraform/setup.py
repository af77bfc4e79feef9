"""Find terraform and, if there is one, a folder that already holds its providers, so that nothing is downloaded.

There are two environments to run it in: `environment` with the real AWS provider, and `recording_environment` with the
one in `local_aws` that records instead.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local_aws.terraform_provider import data, installation

MINIMUM: Final = (1, 11, 0)
"""Same floor as `required_version` in the modules: native S3 state locking is stable from there on."""

AWS_PROVIDER: Final = "registry.terraform.io/hashicorp/aws"
AWS_VERSIONS: Final = ((5, 100, 0), (7, 0, 0))
"""At least the first, below the second: what the modules ask for in their versions.tf."""


class TerraformError(Exception):
    """Base of what this module raises."""


class TerraformMissing(TerraformError):
    """There is no usable terraform, or no usable mirror where the caller says that one is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """A folder in the layout of Terraform's `filesystem_mirror`."""

    path: Path
    providers: tuple[str, ...]  # source addresses it has for this platform, such as registry.terraform.io/hashicorp/aws


@dataclass(frozen=True, slots=True, kw_only=True)
class Terraform:
    """The terraform on this machine."""

    path: str
    version: tuple[int, ...]
    platform: str  # such as linux_amd64; of the program, which may differ from the machine's


def find_terraform(base: Mapping[str, str]) -> Terraform:
    """Find terraform on the PATH.

    Args:
        base: Environment; `PATH` is read.

    Raises:
        TerraformMissing: If there is none, it does not run, or it is too old.
    """
    wanted = f"terraform >= {'.'.join(map(str, MINIMUM[:2]))} is needed"
    how = "Get it from https://developer.hashicorp.com/terraform/install and put it on the PATH."
    path = shutil.which("terraform", path=base.get("PATH"))
    if path is None:
        raise TerraformMissing(f"{wanted}, and there is none on the PATH. {how}")
    env = {k: v for k, v in base.items() if not k.startswith("TF_")} | {"CHECKPOINT_DISABLE": "1"}
    try:
        done = subprocess.run(
            [path, "version", "-json"], env=env, cwd="/", capture_output=True, text=True, timeout=60, check=True
        )
        facts = json.loads(done.stdout)
        version = tuple(int(part) for part in facts["terraform_version"].partition("-")[0].split("."))
        platform = str(facts["platform"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        raise TerraformMissing(f"{wanted}, and {path} does not run ({type(error).__name__}). {how}") from error
    if version < MINIMUM:
        raise TerraformMissing(f"{wanted}, and {path} is {facts['terraform_version']}. {how}")
    return Terraform(path=path, version=version, platform=platform)


def environment(base: Mapping[str, str], *, workdir: Path) -> dict[str, str]:
    """Return an environment in which terraform finds its providers.

    In this order: `TF_PLUGIN_MIRROR`; the user's own CLI configuration, which is left alone; a mirror in one of the
    usual places; the registry, with a plugin cache. A `TF_CLI_CONFIG_FILE` that names no file counts as not set.

    Args:
        base: Environment to start from; it is not changed.
        workdir: Folder for `cli.tfrc` and the plugin cache.

    Raises:
        TerraformMissing: If there is no usable terraform, or `TF_PLUGIN_MIRROR` is no usable mirror.
    """
    terraform = find_terraform(base)
    env = dict(base) | {"CHECKPOINT_DISABLE": "1"}
    mirror: Mirror | None = None
    if named := base.get("TF_PLUGIN_MIRROR"):
        mirror = read_mirror(Path(named).expanduser(), platform=terraform.platform)
        if mirror is None:
            raise TerraformMissing(
                f"TF_PLUGIN_MIRROR: {named!r} holds no {AWS_PROVIDER} (>= 5.100, < 7.0) for {terraform.platform}"
            )
    elif own := _users_config(base):
        return env | {"TF_CLI_CONFIG_FILE": str(own)}
    mirror = mirror or find_mirror(base, platform=terraform.platform)
    env["TF_CLI_CONFIG_FILE"] = str(_write_config(workdir, _cli_config([mirror] if mirror else [])))
    if mirror is None:
        # In the environment, since terraform would expand a $ in the file. The lock file is not under version control
        # here, and without an entry in it terraform ignores its cache.
        cache = Path(base.get("TF_PLUGIN_CACHE_DIR") or workdir / "plugins").absolute()
        cache.mkdir(parents=True, exist_ok=True)
        env |= {"TF_PLUGIN_CACHE_DIR": str(cache), "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "true"}
    else:  # no cache: it would hold links to the mirror, and one that leads nowhere breaks init
        env.pop("TF_PLUGIN_CACHE_DIR", None)
    return env


def recording_environment(base: Mapping[str, str], *, workdir: Path) -> dict[str, str]:
    """Return an environment in which `hashicorp/aws` is the recording provider, and nothing else.

    It comes from a mirror below the work folder, and direct installation is off for it, so that the real one cannot
    take its place where a registry can be reached. Other providers come from where `environment` would find a mirror,
    else from the registry. The user's own CLI configuration is neither used nor changed: it might say otherwise.

    Args:
        base: Environment to start from; it is not changed.
        workdir: Folder for `cli.tfrc` and the mirror; not that of `environment`, whose settings differ.

    Raises:
        TerraformMissing: If there is no usable terraform, or the provider's data file is missing.
    """
    terraform = find_terraform(base)
    try:
        provider = data.load()
    except data.SchemaDataError as error:
        raise TerraformMissing(f"the recording provider cannot be laid out: {error}") from error
    recording = workdir.absolute() / "mirror"
    installation.lay_out(recording, data=provider, platform=terraform.platform, interpreter=sys.executable)
    named = base.get("TF_PLUGIN_MIRROR")
    others = (
        read_mirror(Path(named).expanduser(), platform=terraform.platform)
        if named
        else find_mirror(base, platform=terraform.platform)
    )
    mirrors = [Mirror(path=recording, providers=(provider.address,))]
    if others and (rest := tuple(name for name in others.providers if name != provider.address)):
        mirrors.append(Mirror(path=others.path, providers=rest))
    env = dict(base) | {
        "CHECKPOINT_DISABLE": "1",
        "TF_CLI_CONFIG_FILE": str(_write_config(workdir, _cli_config(mirrors))),
        # Encryption between terraform and its plugin costs 0.2 s a start, on a socket that only this user can reach.
        "TF_DISABLE_PLUGIN_TLS": "1",
    }
    env.pop("TF_PLUGIN_CACHE_DIR", None)  # it might hold the real provider of the same version
    return env


def usual_places(*, home: Path, root: Path = Path("/")) -> Iterator[Path]:
    """Yield where providers tend to be: Terraform's implied mirrors first, then folders below `/opt`.

    Args:
        home: The user's home directory.
        root: Stands for `/` in tests.
    """
    yield home / ".terraform.d" / "plugins"
    yield home / ".local" / "share" / "terraform" / "plugins"
    yield home / "Library" / "Application Support" / "io.terraform" / "plugins"
    yield root / "usr" / "local" / "share" / "terraform" / "plugins"
    yield root / "usr" / "share" / "terraform" / "plugins"
    yield from sorted(path.parent for path in root.glob("opt/*/registry.terraform.io"))


def read_mirror(path: Path, *, platform: str) -> Mirror | None:
    """Look what a folder has for this platform.

    Args:
        path: The folder that holds `registry.terraform.io/`.
        platform: As Terraform writes it, such as `linux_amd64`.

    Returns:
        The mirror, or None unless it can serve the AWS provider: direct installation is switched off for what a mirror
        has, so one with a version that no module accepts would be worse than none.
    """
    found = {
        p.relative_to(path).as_posix(): _versions(p, platform=platform) for p in path.glob("*.*/*/*") if p.is_dir()
    }
    low, high = AWS_VERSIONS
    if not any(low <= version < high for version in found.get(AWS_PROVIDER, ())):
        return None
    return Mirror(path=path.absolute(), providers=tuple(sorted(name for name, versions in found.items() if versions)))


def find_mirror(base: Mapping[str, str], *, platform: str, root: Path = Path("/")) -> Mirror | None:
    """Return the first usual place that can serve the AWS provider, or None.

    Args:
        base: Environment; `HOME` is read.
        platform: As Terraform writes it.
        root: Stands for `/` in tests.
    """
    home = Path(base["HOME"]) if base.get("HOME") else Path.home()
    mirrors = (read_mirror(path, platform=platform) for path in usual_places(home=home, root=root))
    return next((mirror for mirror in mirrors if mirror is not None), None)


def _versions(provider: Path, *, platform: str) -> set[tuple[int, ...]]:
    """Versions for the platform, unpacked (`<version>/<platform>/`) or packed (`*_<version>_<platform>.zip`)."""
    names = {path.parent.parent.name for path in provider.glob(f"*/{platform}/terraform-provider-*")}
    for packed in provider.glob(f"terraform-provider-*_{platform}.zip"):
        names.add(packed.name.removesuffix(f"_{platform}.zip").rpartition("_")[2])
    # Pre-releases are left out: version constraints do not match them either.
    return {tuple(int(part) for part in name.split(".")) for name in names if re.fullmatch(r"\d+\.\d+\.\d+", name)}


def _users_config(base: Mapping[str, str]) -> Path | None:
    home = Path(base["HOME"]) if base.get("HOME") else Path.home()
    named = [Path(base["TF_CLI_CONFIG_FILE"])] if base.get("TF_CLI_CONFIG_FILE") else []
    return next((path for path in [*named, home / ".terraformrc"] if path.is_file()), None)


def _cli_config(mirrors: Sequence[Mirror]) -> str:
    # The file is HCL 1, whose strings are JSON's; terraform would expand no ${...} in them.
    lines = ["# Written by scripts/terraform/setup.py at each run."]
    if mirrors:
        lines += ["provider_installation {"]
        for mirror in mirrors:
            lines += [
                "  filesystem_mirror {",
                f"    path    = {json.dumps(str(mirror.path), ensure_ascii=False)}",
                f"    include = [{_quoted(mirror.providers)}]",
                "  }",
            ]
        everything = [name for mirror in mirrors for name in mirror.providers]
        lines += ["  direct {", f"    exclude = [{_quoted(everything)}]", "  }", "}"]
    return "\n".join([*lines, ""])


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(json.dumps, names))


def _write_config(workdir: Path, text: str) -> Path:
    workdir.mkdir(parents=True, exist_ok=True)
    config = workdir.absolute() / "cli.tfrc"
    if not config.is_file() or config.read_text() != text:
        draft = config.with_suffix(f".{os.getpid()}")
        draft.write_text(text)
        draft.replace(config)  # at once: another terraform may be reading it
    return config
