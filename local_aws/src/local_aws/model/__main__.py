"""Command line of the offline model: `python -m local_aws.model --port 4570`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from local_aws.model.server import Control, create_application


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve on 127.0.0.1 until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m local_aws.model", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--log-level", default="warning", choices=["debug", "info", "warning", "error"])
    parser.add_argument("--log-file", type=Path, default=None, help="default: standard error")
    options = parser.parse_args(arguments)
    if options.log_file is not None:
        options.log_file.parent.mkdir(parents=True, exist_ok=True)
        with options.log_file.open("a") as log:
            os.dup2(log.fileno(), sys.stderr.fileno())
    application = create_application(control=Control(), secret=os.environ.get("LOCAL_AWS_SECRET"))
    # No access log: prompts do not appear in it, but neither does anything of use.
    uvicorn.run(
        application,
        host="127.0.0.1",
        port=options.port,
        log_level=options.log_level,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
