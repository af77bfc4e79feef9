"""Command line of the AgentCore Gateway stand-in: `python -m local_aws.gateway --config FILE --port N`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from local_aws.agentcore.errors import StandInError
from local_aws.gateway.server import serve
from local_aws.gateway.settings import load_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stand-in until it is told to stop; the exit status is 2 if it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m local_aws.gateway", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON file that names the recorded state")
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s [%(name)s] %(message)s", stream=sys.stderr)
    logging.getLogger("local_aws").setLevel(logging.INFO)
    # By environment, since a command line shows in the list of processes. Taken out of it: nothing started here
    # may inherit it.
    secret = os.environ.pop("LOCAL_AWS_SECRET", "")
    try:
        asyncio.run(serve(load_settings(options.config), port=options.port, secret=secret))
    except StandInError as failure:
        sys.stderr.write(f"gateway stand-in: {failure}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
