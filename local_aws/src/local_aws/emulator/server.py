"""Serving the emulator, and stopping it with everything it started."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from local_aws.emulator.patching import EmulatorError

if TYPE_CHECKING:
    from local_aws.emulator.extensions import Application

HOST: Final = "127.0.0.1"
_GRACE_SECONDS: Final = 1.0  # for requests in flight; stopping as a whole has to take less than 3 s
_KEEP_ALIVE_SECONDS: Final = 75

logger = logging.getLogger("local_aws.emulator")


class PortTakenError(EmulatorError):
    """Something else listens on the port."""

    def __init__(self, *, port: int) -> None:
        super().__init__(f"127.0.0.1:{port} is in use")


def _stop_functions() -> None:
    from ministack.core import lambda_runtime

    with lambda_runtime._lock:
        workers = [worker for pool in lambda_runtime._workers.values() for worker in pool]
        lambda_runtime._workers.clear()
    lambda_runtime.kill_workers(workers)


def _log_to(log_file: Path | None, log_level: str) -> None:
    if log_file is None:
        return
    log_file.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(log_file)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s [%(name)s] %(message)s"))
    logging.getLogger().handlers[:] = [handler]
    logging.getLogger().setLevel(log_level)


async def _serve(application: Application, *, port: int, log_level: str) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    config = Config()
    config.bind = [f"{HOST}:{port}"]
    config.keep_alive_timeout = _KEEP_ALIVE_SECONDS
    config.graceful_timeout = _GRACE_SECONDS
    config.shutdown_timeout = _GRACE_SECONDS
    config.loglevel = log_level
    config.errorlog = logging.getLogger("hypercorn.error")
    serving: Any = application
    await serve(serving, config, shutdown_trigger=stop.wait)


def run(
    application: Application, *, port: int, log_level: str, log_file: Path | None, notes: Sequence[str] = ()
) -> None:
    """Serve until SIGTERM or SIGINT, then end the function processes too.

    Args:
        application: What to serve.
        port: The port on 127.0.0.1.
        log_level: A level name of `logging`.
        log_file: Where to log; standard error if None.
        notes: What to log first: where the laptop only stands in for what AWS does.

    Raises:
        PortTakenError: If the port is in use.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as failure:
            raise PortTakenError(port=port) from failure
    _log_to(log_file, log_level)
    for note in notes:
        logger.warning("%s", note)
    try:
        asyncio.run(_serve(application, port=port, log_level=log_level))
    finally:
        _stop_functions()
