"""Run terraform: find it and its providers, keep its files out of the sources, say plainly what went wrong.

`python -m scripts.terraform.cli -- <terraform arguments>` runs terraform with the same settings as the other programs.
"""

import argparse
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from scripts.terraform.diagnostics import Diagnostic, headline, read_errors
from scripts.terraform.setup import (
    TerraformError,
    TerraformMissing,
    environment,
    find_terraform,
    recording_environment,
)

__all__ = [
    "TerraformError",
    "TerraformFailed",
    "TerraformMissing",
    "TerraformRoot",
    "environment",
    "recording_environment",
    "run",
    "without_stray",
]

Progress = Callable[[str], None]

ROOT: Final = Path(__file__).resolve().parents[2]
_GRACE_SECONDS: Final = 30.0  # after an interrupt, terraform finishes the calls under way and saves the state
_TAIL_LINES: Final = 25  # of a command that printed no error
_STRAY: Final = re.compile(r"TF_(VAR_.*|CLI_ARGS.*|WORKSPACE|DATA_DIR|LOG.*)")


class TerraformFailed(TerraformError):
    """A terraform command failed; the message has every error that it printed, or its last lines if it printed none."""

    def __init__(
        self, *, command: str, reason: str, out: Sequence[str] = (), err: Sequence[str] = (), env: Mapping[str, str]
    ) -> None:
        """Say what went wrong.

        Args:
            command: Of terraform.
            reason: What became of it.
            out: Lines of its standard output.
            err: Lines of its standard error, where errors are.
            env: What it ran in, whose credentials are hidden.
        """
        errors = read_errors(err) or read_errors(out)
        self.errors: tuple[Diagnostic, ...] = tuple(errors)
        if errors:  # never shortened: the one that is left out is the next round
            first = headline(errors, otherwise=f"terraform {command} {reason}")
            said = [line for error in errors for line in error.lines()]
        else:
            first = f"terraform {command} {reason}:" if out or err else f"terraform {command} {reason}"
            said = [line.rstrip() for line in (*out, *err) if line.strip()][-_TAIL_LINES:]
        super().__init__(_scrub("\n  ".join([first, *said]), env=env))


def without_stray(env: Mapping[str, str]) -> dict[str, str]:
    """Leave out what the caller's shell says about another root: its workspace, arguments, variables and logs."""
    return {name: value for name, value in env.items() if not _STRAY.fullmatch(name)}


def run(
    args: Sequence[str],
    *,
    chdir: Path,
    env: Mapping[str, str],
    timeout: float = 600,
    accept: frozenset[int] = frozenset({0}),
    progress: Progress = lambda _: None,
) -> subprocess.CompletedProcess[str]:
    """Run a terraform command without a terminal.

    Args:
        args: Arguments of terraform, the command first.
        chdir: The root module.
        env: From `environment`.
        timeout: Seconds, after which terraform is asked to stop and, 30 s later, killed.
        accept: Exit codes that are no failure.
        progress: Gets each line of the standard output, from another thread.

    Returns:
        What terraform printed, both streams apart.

    Raises:
        TerraformMissing: If terraform is not on the PATH.
        TerraformFailed: If it exits with another code, or takes too long.
    """
    path = shutil.which("terraform", path=env.get("PATH"))
    if path is None:
        raise TerraformMissing("terraform is not on the PATH")
    out: list[str] = []
    err: list[str] = []

    def read(stream: IO[str], into: list[str], tell: Progress) -> None:
        for line in stream:
            into.append(line)
            with contextlib.suppress(OSError):  # nobody reads our output any more; terraform must not wait for that
                tell(line.rstrip())

    # Its own session: a Ctrl-C would reach terraform twice, from the terminal and from here, and the second one makes
    # it quit without saving the state.
    with subprocess.Popen(
        [path, *args],
        cwd=chdir,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        if process.stdout is None or process.stderr is None:
            raise AssertionError("both streams are pipes")
        readers = [
            threading.Thread(target=read, args=(process.stdout, out, progress), daemon=True),
            threading.Thread(target=read, args=(process.stderr, err, lambda _: None), daemon=True),
        ]
        for reader in readers:
            reader.start()
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            _stop(process)
            for reader in readers:
                reader.join()
            reason = f"took longer than {timeout:g} s and was stopped"
            raise TerraformFailed(command=args[0], reason=reason, out=out, err=err, env=env) from None
        except BaseException:  # Ctrl-C above all: leave no terraform behind that goes on making things
            _stop(process)
            raise
        for reader in readers:
            reader.join()
    if code not in accept:
        raise TerraformFailed(command=args[0], reason=f"failed (exit code {code})", out=out, err=err, env=env)
    return subprocess.CompletedProcess([path, *args], code, "".join(out), "".join(err))


@dataclass(frozen=True, slots=True, kw_only=True)
class TerraformRoot:
    """One root module whose state, variables and plugins live in a folder of ours.

    The root must say `backend "local" {}`: its path is set from here.
    """

    folder: Path
    work: Path  # made if missing; readable by its owner alone, since state holds what the resources hold
    env: Mapping[str, str] = field(repr=False)  # from `environment`, with the credentials to use
    timeout: float = 600  # seconds, for each command
    progress: Progress = lambda _: None

    def init(self) -> None:
        """Install providers and modules; does nothing if nothing has changed, which saves terraform hashing 700 MB.

        Raises:
            TerraformFailed: If terraform fails, or the root has no local backend.
        """
        self.work.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not any(re.search(r'backend\s+"local"', path.read_text()) for path in self.folder.glob("*.tf")):
            reason = f'needs `backend "local" {{}}` in {self.folder}: without it, state would land in the sources'
            raise TerraformFailed(command="init", reason=reason, env=self.env)
        stamp = self._data / "initialised"
        if stamp.is_file() and stamp.read_text() == self._fingerprint():
            return
        args = ["init", "-input=false", "-no-color", "-reconfigure", f"-backend-config=path={self.state}"]
        try:
            self._run(args)
        except TerraformFailed:
            lock = self.folder / ".terraform.lock.hcl"
            if not lock.is_file():
                raise
            # The lock may name a version that the mirror no longer has, or the checksum of another provider of the same
            # version. It is not under version control, so it may go.
            self.progress("the provider lock may be out of date, selecting again")
            lock.unlink(missing_ok=True)
            self._run(args)
        stamp.write_text(self._fingerprint())

    def apply(self, variables: Mapping[str, object], targets: Sequence[str] = ()) -> None:
        """Make what the root describes.

        Args:
            variables: Values of its input variables, by name. Kept for the other commands, replaced by the next call.
            targets: Addresses, such as `module.memory`: only these, and what they depend on. Empty for everything.

        Raises:
            TerraformFailed: If terraform fails. What it made until then is in the state.
        """
        self.init()
        self.keep(variables)
        self._run(["apply", "-auto-approve", *self._common, *(f"-target={target}" for target in targets)])

    def plan(self, variables: Mapping[str, object], *, out: Path, targets: Sequence[str] = ()) -> dict[str, Any]:
        """Plan into a file, for `apply_plan`.

        Args:
            variables: As for `apply`; they are not kept.
            out: The file; its folder should be readable by its owner alone, since plans hold every value.
            targets: As for `apply`.

        Returns:
            The plan, as `terraform show -json` has it.

        Raises:
            TerraformFailed: If terraform fails.
        """
        self.init()
        given = out.with_name(f"{out.name}.tfvars.json")
        _write_private(given, variables)
        common = ["-input=false", "-no-color", "-lock-timeout=60s", f"-var-file={given}"]
        self._run(["plan", *common, f"-out={out}", *(f"-target={target}" for target in targets)])
        document: dict[str, Any] = json.loads(self._run(["show", "-json", "-no-color", str(out)]).stdout)
        return document

    def apply_plan(self, plan_file: Path) -> None:
        """Make what a plan says, and nothing else.

        Raises:
            TerraformFailed: If terraform fails. What it made until then is in the state.
        """
        self._run(["apply", "-input=false", "-no-color", "-lock-timeout=60s", str(plan_file)])

    def keep(self, variables: Mapping[str, object]) -> None:
        """Keep variables for the other commands."""
        draft = self._variables.with_suffix(".draft")
        _write_private(draft, variables)
        draft.replace(self._variables)

    def plan_is_empty(self) -> bool:
        """Tell whether another apply with the same variables would change nothing.

        Raises:
            TerraformFailed: If terraform fails.
        """
        self.init()
        done = self._run(["plan", "-detailed-exitcode", *self._common], accept=frozenset({0, 2}))
        return done.returncode == 0

    def output(self) -> dict[str, Any]:
        """Return the root's outputs by name, sensitive ones included; empty before the first apply.

        Raises:
            TerraformFailed: If terraform fails.
        """
        self.init()
        outputs = json.loads(self._run(["output", "-json", "-no-color"]).stdout)
        return {name: output["value"] for name, output in outputs.items()}

    def show(self) -> dict[str, Any]:
        """Return what is recorded, as `terraform show -json` has it; without `values` before the first apply.

        Raises:
            TerraformFailed: If terraform fails.
        """
        self.init()
        document: dict[str, Any] = json.loads(self._run(["show", "-json", "-no-color"]).stdout)
        return document

    def destroy(self) -> None:
        """Remove all that the state holds.

        Raises:
            TerraformFailed: If terraform fails. What is left is in the state.
        """
        self.init()
        self._run(["destroy", "-auto-approve", *self._common])

    @property
    def state(self) -> Path:
        """The state file."""
        return self.work.absolute() / "terraform.tfstate"

    @property
    def _data(self) -> Path:
        return self.work.absolute() / "data"

    @property
    def _variables(self) -> Path:
        return self.work.absolute() / "variables.tfvars.json"

    @property
    def _common(self) -> list[str]:
        variables = [f"-var-file={self._variables}"] if self._variables.is_file() else []
        return ["-input=false", "-no-color", "-lock-timeout=60s", *variables]

    def _run(self, args: Sequence[str], *, accept: frozenset[int] = frozenset({0})) -> subprocess.CompletedProcess[str]:
        env = without_stray(self.env) | {"TF_DATA_DIR": str(self._data), "TF_IN_AUTOMATION": "1"}
        tell = (lambda _: None) if "-json" in args else self.progress
        return run(args, chdir=self.folder, env=env, timeout=self.timeout, accept=accept, progress=tell)

    def _fingerprint(self) -> str:
        """Digest of what init depends on: sources of the root and its modules, the lock, the CLI configuration."""
        folders = [self.folder]
        listed = self._data / "modules" / "modules.json"
        if listed.is_file():
            folders += [self.folder / module["Dir"] for module in json.loads(listed.read_text())["Modules"]]
        paths = {p.resolve() for folder in folders for p in folder.glob("*.tf")} | {self.folder / ".terraform.lock.hcl"}
        if config := self.env.get("TF_CLI_CONFIG_FILE"):
            paths.add(Path(config))
        digest = hashlib.sha256(str(self.state).encode())
        for path in sorted(paths):
            digest.update(f"{path}={path.read_text() if path.is_file() else None}\n".encode())
        # Plugins are links to a mirror or a cache; one that leads nowhere is not the same as before.
        for plugin in sorted(self._data.glob("providers/*/*/*/*/*")):
            digest.update(f"{plugin.name}={plugin.exists()}\n".encode())
        return digest.hexdigest()


def _stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)
    # Terraform, if it did not listen, and whatever it left behind: a plugin would hold our end of the pipes open.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _write_private(file: Path, variables: Mapping[str, object]) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        json.dump(variables, stream, indent=2)


def _scrub(text: str, *, env: Mapping[str, str]) -> str:
    """Hide credentials of the environment. Short values stay: they are words, and the emulator's are public."""
    for name, value in env.items():
        if len(value) >= 16 and re.search(r"SECRET|TOKEN|PASSWORD|ACCESS_KEY", name):
            text = text.replace(value, f"<{name}>")
    return text


def main(argv: Sequence[str] | None = None) -> int:
    """Run terraform in place of this program."""
    parser = argparse.ArgumentParser(prog="python -m scripts.terraform.cli", description=__doc__.splitlines()[0])
    parser.add_argument("--recording", action="store_true", help="with the recording provider in place of the real one")
    parser.add_argument("args", nargs="*", help="after --: arguments of terraform")
    options = parser.parse_args(argv)
    workdir = ROOT / ".local" / "terraform"
    try:
        if options.recording:
            env = recording_environment(os.environ, workdir=workdir / "recording")
        else:
            env = environment(os.environ, workdir=workdir)
        path = find_terraform(env).path
        # In place of this process, so that terminal and signals are terraform's own.
        os.execve(path, [path, *options.args], env)  # noqa: S606
    except TerraformError as error:
        print(f"terraform: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
