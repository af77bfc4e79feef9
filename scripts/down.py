"""Stop the laptop AWS that `python -m scripts.up` started, and make sure that nothing of it is left."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from local_aws.stack import control
from local_aws.stack.state import StateFolder
from scripts.up import DEFAULT_STATE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line: 0 if nothing runs any more, 1 if something is left."""
    parser = argparse.ArgumentParser(prog="python -m scripts.down", description=__doc__)
    parser.add_argument("--state", type=Path, default=DEFAULT_STATE, metavar="FOLDER", help="default: .local")
    state = StateFolder(path=parser.parse_args(arguments).state.absolute())
    began = time.monotonic()
    word, _ = control.describe(state)
    left = control.stop(state, lambda line: print(f"  {line}", flush=True))
    if left:
        print(f"down: still there: {'; '.join(left)}", file=sys.stderr)
        return 1
    if word in ("stopped", "failed", "crashed"):
        print("nothing was running" if word == "stopped" else f"nothing was running; the last run {word}")
    else:
        print(f"stopped in {time.monotonic() - began:.1f} s; no process and no port is left")
    return 0


if __name__ == "__main__":
    sys.exit(main())
