"""Looks at a stack of the laptop AWS: `python -m local_aws logs [-f] [PART]` and `python -m local_aws status`."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from local_aws.stack.control import describe
from local_aws.stack.logs import follow, tail
from local_aws.stack.state import StateFolder


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local_aws", description=__doc__)
    parser.add_argument("--state", type=Path, default=Path(".local"), metavar="FOLDER", help="default: .local")
    commands = parser.add_subparsers(dest="command", required=True)
    logs = commands.add_parser("logs", help="show the last lines of the logs")
    logs.add_argument("part", nargs="?", help="such as emulator, model, runtime or stack; default: all")
    logs.add_argument("-f", "--follow", action="store_true", help="go on with what is appended")
    logs.add_argument("-n", "--lines", type=int, default=20, help="lines of each log; default: 20")
    status = commands.add_parser("status", help="say what is running; exit status 3 if it starts, stops or has failed")
    for command in (logs, status):  # before and after the command; the latter must not overwrite the former's value
        command.add_argument("--state", type=Path, default=argparse.SUPPRESS, metavar="FOLDER", help="default: .local")
    return parser.parse_args(arguments)


def _logs(state: StateFolder, *, part: str | None, lines: int, following: bool) -> int:
    found = {
        file.stem: file
        for file in sorted(state.logs.glob("*.log"))
        if (not file.name.endswith(".previous.log") and part is None) or file.stem == part
    }
    if not found:
        known = ", ".join(sorted(file.stem for file in state.logs.glob("*.log"))) or "none"
        sys.stderr.write(f"no log {'of ' + part if part else ''} in {state.logs}; there are: {known}\n")
        return 1
    for name, file in found.items():
        if len(found) > 1:
            sys.stdout.write(f"==> {name} <==\n")
        sys.stdout.writelines(f"{line}\n" for line in tail(file, lines))
    if following:
        sys.stdout.flush()
        for line in follow(found):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    return 0


def _status(state: StateFolder) -> int:
    word, status = describe(state)
    if word == "stopped":  # nothing is wrong
        sys.stdout.write("stopped; start with `make up`\n")
        return 0
    sys.stdout.write(f"{word}{': ' + status.detail if status and status.detail else ''}\n")
    if status is not None and word in ("starting", "ready", "stopping"):
        sys.stdout.write(f"  {'supervisor':<10} pid {status.supervisor.pid}\n")
        for name, part in status.parts.items():
            alive = "" if part.process.is_alive() else "  not running"
            sys.stdout.write(f"  {name:<10} pid {part.process.pid:<7} port {part.port}{alive}\n")
    if word == "ready":
        with contextlib.suppress(OSError, ValueError, KeyError):
            stack = json.loads(state.stack_file.read_text(encoding="utf-8"))
            sys.stdout.write(f"  AWS        {stack['aws_endpoint_url']}\n  agent      {stack['runtime_url']}\n")
    if word in ("failed", "crashed"):
        sys.stdout.write(f"  see {state.log('stack')}; `make up` starts anew\n")
    return 0 if word == "ready" else 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parse(arguments)
    state = StateFolder(path=options.state)
    try:
        if options.command == "status":
            return _status(state)
        return _logs(state, part=options.part, lines=options.lines, following=options.follow)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `| head`
        sys.stderr.close()
        return 0


if __name__ == "__main__":
    sys.exit(main())
