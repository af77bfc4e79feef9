"""Starts one agent process as the runtime does: base interpreter, the published bundle and nothing else."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import psutil

START_SECONDS: Final = 60.0
_RUN: Final = "import sys, runpy; sys.path.insert(0, sys.argv[1]); runpy.run_path(sys.argv[2], run_name='__main__')"


@dataclass(frozen=True, kw_only=True)
class AgentProcess:
    """A running agent."""

    url: str
    pid: int
    started: float  # time.perf_counter() when the process was started

    def resident_mb(self) -> float:
        """Return its resident set in MB (10^6 bytes)."""
        return psutil.Process(self.pid).memory_info().rss / 1e6


@contextmanager
def agent_process(bundle: Path, main: Path, environment: Mapping[str, str]) -> Iterator[AgentProcess]:
    """Run an app until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    python = getattr(sys, "_base_executable", None) or sys.executable
    given = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PORT": str(port), **environment}
    started = time.perf_counter()
    process = subprocess.Popen(
        [python, "-I", "-S", "-c", _RUN, str(bundle), str(main)],
        env=given,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                httpx.get(f"{url}/ping", timeout=1)
                break
            except httpx.HTTPError:
                if process.poll() is not None or time.perf_counter() - started > START_SECONDS:
                    raise RuntimeError(f"{main} did not start") from None
                time.sleep(0.01)
        yield AgentProcess(url=f"{url}/invocations", pid=process.pid, started=started)
    finally:
        process.terminate()
        process.wait(10)
