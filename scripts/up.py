"""Start the laptop AWS with the platform on it, and keep it running: `python -m scripts.up`.

A supervisor in the background holds the parts; `python -m scripts.down` stops it, `python -m local_aws status` and
`logs` look at it. In Python: `with running_stack(folder, print) as stack: ...`.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.agentcore.errors import StandInError
from local_aws.stack import control
from local_aws.stack.state import AlreadyRunningError, StackError, StateFolder, Status
from local_aws.stack.supervisor import Supervisor
from scripts.bundle import BundleError
from scripts.laptop.laptop import ROOT, Laptop, terraform_root
from scripts.laptop.phases import provision
from scripts.laptop.platform import CatalogError, Progress, ReloadError
from scripts.publish import PublishError
from scripts.releases.release_file import ReleaseError
from scripts.tenants.data import DataError
from scripts.tenants.store import OnboardError
from scripts.terraform.setup import TerraformError

DEFAULT_STATE: Final = ROOT / ".local"
_START_SECONDS: Final = 600.0
_EXPECTED: Final = (
    *(StackError, StandInError, TerraformError, BundleError, PublishError, CatalogError, ReloadError),
    *(DataError, OnboardError, ReleaseError),
    *(BotoCoreError, ClientError, OSError),
)


class StackFailed(Exception):
    """The stack did not start, or a part of it ended by itself. The message says which and why."""


@contextmanager
def running_stack(
    state_dir: Path, progress: Progress, *, model_url: str | None = None, warm_spares: int = 0
) -> Iterator[dict[str, Any]]:
    """Run the platform inside the block, and leave nothing running after it, however it ends.

    Args:
        state_dir: Folder for its state and logs, made if missing. Another folder is another, independent stack.
        progress: Gets a line for each phase, from whatever thread.
        model_url: OpenAI-compatible server to use instead of the offline model, without `/v1`.
        warm_spares: Agent processes to start ahead, so that a new session need not wait for one.

    Yields:
        The content of stack.json.

    Raises:
        StackFailed: If it does not start, or a part of it ended by itself before the block did.
    """
    with _supervised(state_dir, progress, model_url=model_url, warm_spares=warm_spares) as (stack, _):
        yield stack


@contextmanager
def _supervised(
    state_dir: Path, progress: Progress, *, model_url: str | None, warm_spares: int
) -> Iterator[tuple[dict[str, Any], Supervisor]]:
    state = StateFolder(path=state_dir.absolute())
    try:
        with state.locked():
            if left := control.clear_up(state, state.read_status()):  # of a run whose supervisor was killed
                raise StackFailed(f"an earlier run left {', '.join(left)}")
            state.set_logs_aside()
            supervisor = Supervisor(state)
            problem: str | None = None
            try:
                yield provision(state, supervisor, progress, model_url=model_url, warm_spares=warm_spares), supervisor
                supervisor.check()
            except _EXPECTED as error:
                # A part that is gone explains whatever else fails.
                problem = str(supervisor.failure or error)
                raise StackFailed(problem) from error
            finally:
                supervisor.stop()
                last = state.read_status()
                state.clear()
                if problem is not None and last is not None:  # for `status`
                    detail = last.detail or problem.partition("\n")[0]
                    state.write_status(replace(last, state="failed", detail=detail, parts={}))
    except AlreadyRunningError as error:
        raise StackFailed(f"{error}; stop it with `make down`, or use another folder") from error


def plan_is_empty(state_dir: Path, root: str) -> bool:
    """Tell whether applying a root module once more to a running stack would change nothing.

    Args:
        state_dir: The stack's folder.
        root: `bootstrap`, `foundation` or `agentcore`.
    """
    state = StateFolder(path=state_dir.absolute())
    endpoint = json.loads(state.stack_file.read_text(encoding="utf-8"))["aws_endpoint_url"]
    laptop = Laptop(state=state, aws_endpoint_url=endpoint)
    return terraform_root(laptop, root, os.environ).plan_is_empty()


def _end_on_sigterm() -> None:
    def end(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not interrupt the stopping
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _run(options: argparse.Namespace, tell: Callable[[str, str], None]) -> int:
    """Run the stack until it is stopped or fails; `tell` gets a kind (progress, ready, failed) and a text."""
    _end_on_sigterm()
    try:
        with _supervised(
            options.state,
            lambda line: tell("progress", line),
            model_url=options.model_url,
            warm_spares=options.warm_spares,
        ) as (stack, supervisor):
            tell("ready", _summary(stack))
            supervisor.wait()
    except StackFailed as error:
        tell("failed", str(error))
        return 1
    return 0


def _supervise(options: argparse.Namespace) -> int:
    """Be the supervisor in the background; what it has to tell goes through a pipe, as JSON lines."""
    state = StateFolder(path=options.state)
    pipe = os.fdopen(options.supervise, "w", encoding="utf-8")

    def tell(kind: str, text: str) -> None:
        state.note(text if kind != "ready" else "ready")
        if not pipe.closed:
            try:
                pipe.write(json.dumps([kind, text]) + "\n")
                pipe.flush()
                if kind != "progress":
                    pipe.close()
            except BrokenPipeError:  # whoever started us has gone; that is no reason to stop
                pass

    return _run(options, tell)


def _start_in_background(options: argparse.Namespace, state: StateFolder) -> int:
    reading, writing = os.pipe()
    state.logs.mkdir(parents=True, exist_ok=True)
    command = [*(sys.executable, "-m", "scripts.up", "--state", str(state.path), "--supervise", str(writing))]
    command += ["--warm-spares", str(options.warm_spares)]
    command += ["--model-url", options.model_url] if options.model_url else []
    with state.log("stack").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(writing,),
            start_new_session=True,
        )
    os.close(writing)
    try:
        with os.fdopen(reading, encoding="utf-8") as pipe:
            for line in pipe:
                kind, text = json.loads(line)
                _say(kind, text)
                if kind == "ready":
                    return 0
    except KeyboardInterrupt:
        print("interrupted, stopping what was started")
        process.terminate()
        process.wait()
        return 130
    if process.wait() == 0:  # `down` while it started
        print("stopped before it was ready")
    return 1


def _say(kind: str, text: str) -> None:
    if kind == "failed":
        print(f"up: {text}", file=sys.stderr)
    else:
        print(f"  {text}" if kind == "progress" else text, flush=True)


def _summary(stack: dict[str, Any]) -> str:
    users = ", ".join(sorted({user["tier"] for user in stack["users"]}))
    return (
        f"AWS     {stack['aws_endpoint_url']} (region {stack['region']}, account {stack['account_id']})\n"
        f"agent   {stack['runtime_url']}\n"
        f"{len(stack['tenants'])} clinics, {len(stack['users'])} users of tiers {users}; passwords are in stack.json\n"
        "Talk to it with `make chat`, stop it with `make down`."
    )


def _already_running(state: StateFolder) -> int:
    word, status = control.describe(state)
    if word == "starting":
        print("another `up` is starting it; waiting")
        word = control.wait_started(state, seconds=_START_SECONDS)
    pid = f" (supervisor {status.supervisor.pid})" if isinstance(status, Status) else ""
    if word == "ready":
        print(f"already running{pid}; see `make status`")
        return 0
    print(f"up: the stack is {word}{pid}; see `make status`", file=sys.stderr)
    return 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.up", description=__doc__.partition("\n")[0])
    parser.add_argument("--state", type=Path, default=DEFAULT_STATE, metavar="FOLDER", help="default: .local")
    parser.add_argument(
        "--model-url", default=os.environ.get("MODEL_URL") or None, help="OpenAI-compatible server; or MODEL_URL"
    )
    parser.add_argument("--warm-spares", type=int, default=1, help="agent processes to start ahead (default: 1)")
    parser.add_argument("--foreground", action="store_true", help="stay attached; Ctrl-C stops it")
    parser.add_argument("--supervise", type=int, default=None, metavar="FD", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.state = options.state.absolute()
    if options.supervise is not None:
        return _supervise(options)
    state = StateFolder(path=options.state)
    if state.is_locked():
        return _already_running(state)
    if not options.foreground:
        return _start_in_background(options, state)
    try:
        return _run(options, _say)
    except KeyboardInterrupt:
        print("stopped")
        return 0


if __name__ == "__main__":
    sys.exit(main())
