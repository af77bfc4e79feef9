"""Command line of the emulator: `python -m local_aws.emulator --port 4566 --model-url http://127.0.0.1:4570`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from local_aws.emulator.environment import prepare_environment
from local_aws.emulator.patching import EmulatorError, require_supported_version


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local_aws.emulator", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--model-url", default=None, help="OpenAI-compatible server, without /v1; none: no models")
    parser.add_argument("--model-name", default=None, help="what that server calls its model; none: Bedrock's id")
    parser.add_argument("--model-timeout", type=float, default=120.0, help="seconds without a byte from the model")
    parser.add_argument("--log-level", default="WARNING", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    parser.add_argument("--log-file", type=Path, default=None, help="default: standard error")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the emulator until it is told to stop; the exit status is 2 if it cannot start."""
    options = _parse(arguments)
    try:
        require_supported_version()
        secret = prepare_environment(port=options.port, log_level=options.log_level)
        # Only now: the emulator reads its environment when it is imported.
        from local_aws.emulator.extensions import NOTES, ModelServer, install_all
        from local_aws.emulator.server import run

        model = (
            ModelServer(url=options.model_url, name=options.model_name, timeout_seconds=options.model_timeout)
            if options.model_url
            else None
        )
        application = install_all(model=model, secret=secret)
        run(application, port=options.port, log_level=options.log_level, log_file=options.log_file, notes=NOTES)
    except EmulatorError as failure:
        sys.stderr.write(f"{failure}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
