"""The emulator as a process: what it refuses to start with, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .support import Caller, free_port, serving
from .test_functions import create_function

NAP = "import os, time\ndef handler(event, context):\n    time.sleep(event['seconds'])\n    return os.getpid()\n"


def start(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local_aws.emulator", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def test_it_stops_with_its_functions(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with serving("local_aws.emulator", health="/_ministack/health", log=log, environment=os.environ) as (url, process):
        root = Caller(endpoint=url)
        create_function(root, "nap", NAP, Timeout=60)
        functions = root.client("lambda")
        worker = json.load(functions.invoke(FunctionName="nap", Payload='{"seconds": 0}')["Payload"])
        functions.invoke(FunctionName="nap", Payload='{"seconds": 60}', InvocationType="Event")
        time.sleep(0.3)  # it sleeps now, and does not see that its input ends
        os.kill(worker, 0)
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert time.monotonic() - started < 3
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


def test_it_listens_on_loopback_only(endpoint: str) -> None:
    port = int(endpoint.rpartition(":")[2])
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = [fields[1] for fields in listening if fields[3] == "0A" and int(fields[1].split(":")[1], 16) == port]
    assert addresses == [f"0100007F:{port:04X}"]


def test_a_port_in_use_is_a_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        finished = start("--port", str(port))
    assert (finished.returncode, finished.stderr) == (2, f"127.0.0.1:{port} is in use\n")


def test_another_version_of_the_emulator_is_refused(tmp_path: Path) -> None:
    metadata = tmp_path / "ministack-9.9.9.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: ministack\nVersion: 9.9.9\n")
    command = [sys.executable, "-m", "local_aws.emulator", "--port", str(free_port())]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    finished = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, env=environment)
    assert finished.returncode == 2
    assert finished.stderr == "ministack 1.5.33 is needed, 9.9.9 is installed: run `make install`\n"


def test_the_log_holds_no_secrets_and_no_errors(endpoint: str, emulator_log: Path) -> None:
    assert Caller(endpoint=endpoint).client("sts").get_caller_identity()
    text = emulator_log.read_text()
    assert "Traceback" not in text
    assert "contract-test-secret" not in text
