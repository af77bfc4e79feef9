"""Serves an ASGI application on a port of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import uvicorn

from local_aws.agentcore.errors import StandInError

HOST: Final = "127.0.0.1"


class PortTakenError(StandInError):
    """Something else listens on the port."""

    def __init__(self, *, port: int) -> None:
        super().__init__(f"{HOST}:{port} is in use")


class _Server(uvicorn.Server):
    """uvicorn, but signals are left to us: it would raise them again before what belongs to us is stopped."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(port: int) -> socket.socket:
    """Take a port of this machine; 0 takes a free one.

    Raises:
        PortTakenError: If something else has it.
    """
    # IPPROTO_TCP has to be said: asyncio switches Nagle's algorithm off only where it is, and an answer in two pieces
    # would wait 40 ms for the client's acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as failure:
        listener.close()
        raise PortTakenError(port=port) from failure
    return listener


@contextlib.asynccontextmanager
async def serving(app: Any, listener: socket.socket) -> AsyncIterator[None]:
    """Serve an application inside the block."""
    config = uvicorn.Config(
        app, lifespan="off", access_log=False, log_config=None, timeout_graceful_shutdown=1, server_header=False
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        yield
    finally:
        server.should_exit = True
        await task
        listener.close()
