"""The supervisor and its state folder: parts start, are watched, and none of them stays behind."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_aws.__main__ import main
from local_aws.stack import control
from local_aws.stack.logs import follow
from local_aws.stack.processes import ProcessIdentity, free_port, guarded, port_is_open
from local_aws.stack.state import AlreadyRunningError, StateFolder
from local_aws.stack.supervisor import Part, PartFailedError, Supervisor

SERVER = """
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
print("environment", sorted(os.environ), flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


def part(name: str, code: str = SERVER, *, ready_seconds: float = 10, **environment: str) -> Part:
    port = free_port()
    return Part(
        name=name,
        command=[sys.executable, "-I", "-c", code, str(port)],
        port=port,
        health_path="/health",
        environment=environment,
        ready_seconds=ready_seconds,
        grace_seconds=1,
    )


def until(condition: Callable[[], object], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    folder = StateFolder(path=tmp_path / "state")
    folder.path.mkdir()
    return folder


@pytest.fixture
def supervisor(state: StateFolder) -> Iterator[Supervisor]:
    started = Supervisor(state)
    yield started
    started.stop()


def status_of(state: StateFolder) -> str:
    found = state.read_status()
    return "" if found is None else f"{found.state}: {found.detail}"


def test_parts_start_get_little_of_the_host_and_stop(
    state: StateFolder, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the developer's")
    parts = [part("one", LOCAL_AWS_SECRET="s"), part("two")]
    for each in parts:
        supervisor.start(each)
    for each in parts:
        supervisor.wait_ready(each)
    supervisor.publish({"a": 1})

    found = state.read_status()
    assert found is not None
    assert found.state == "ready"
    assert {name: started.port for name, started in found.parts.items()} == {each.name: each.port for each in parts}
    assert json.loads(state.stack_file.read_text()) == {"a": 1}
    assert {file.stat().st_mode & 0o077 for file in state.path.glob("*.json")} == {0}
    assert "'LOCAL_AWS_SECRET'" in state.log("one").read_text()
    assert "AWS_SECRET_ACCESS_KEY" not in state.log("one").read_text()

    supervisor.stop()
    supervisor.wait()
    assert not any(started.process.is_alive() for started in found.parts.values())
    assert not any(port_is_open(each.port) for each in parts)
    assert not state.stack_file.exists()


def test_a_part_that_ends_stops_the_others_and_is_named_with_its_last_lines(
    state: StateFolder, supervisor: Supervisor
) -> None:
    steady = part("steady")
    supervisor.start(steady)
    supervisor.wait_ready(steady)
    supervisor.publish({})
    dying = "import sys, time; print('first'); print('the reason', flush=True); time.sleep(0.2); sys.exit(7)"
    supervisor.start(part("dying", dying))

    with pytest.raises(PartFailedError) as failure:
        supervisor.wait()
    assert "dying ended by itself (exit status 7)" in str(failure.value)
    assert str(failure.value).endswith("the reason")
    assert status_of(state) == "failed: dying ended by itself (exit status 7)"
    assert "the reason" in state.log("stack").read_text()
    assert not state.stack_file.exists()
    assert not port_is_open(steady.port)
    with pytest.raises(PartFailedError):
        supervisor.start(part("late"))
    with pytest.raises(PartFailedError):
        supervisor.publish({})


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_part_that_is_killed_is_noticed_and_takes_its_children_along(
    state: StateFolder, supervisor: Supervisor, number: signal.Signals
) -> None:
    child = "import subprocess\nprint(subprocess.Popen(['/bin/sleep', '600']).pid, flush=True)\n"
    victim = part("victim", child + SERVER)
    supervisor.start(victim)
    supervisor.wait_ready(victim)
    found = state.read_status()
    assert found is not None
    os.kill(found.parts["victim"].process.pid, number)

    with pytest.raises(PartFailedError, match="victim ended by itself"):
        supervisor.wait()
    until(lambda: ProcessIdentity.of(int(state.log("victim").read_text().split()[0])) is None)
    until(lambda: not port_is_open(victim.port))


def test_a_part_that_never_answers_is_named(state: StateFolder, supervisor: Supervisor) -> None:
    silent = part("silent", "import time; print('still thinking', flush=True); time.sleep(600)", ready_seconds=0.3)
    supervisor.start(silent)
    with pytest.raises(PartFailedError, match=r"silent does not answer /health within 0 s.*\n  still thinking"):
        supervisor.wait_ready(silent)


def test_a_process_is_told_apart_from_a_later_one_with_its_id() -> None:
    mine = ProcessIdentity.of(os.getpid())
    assert mine is not None
    assert mine.is_alive()
    recycled = ProcessIdentity(pid=mine.pid, started="another time")
    assert not recycled.is_alive()
    assert not recycled.signal(signal.SIGKILL), "this very test process would be gone"


def test_the_guard_passes_the_exit_status_on() -> None:
    command = guarded([sys.executable, "-I", "-S", "-c", "raise SystemExit(5)"])
    process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    assert process.wait(5) == 5
    assert process.stdin is not None
    process.stdin.close()


# A supervisor as `up` runs it: in a process of its own, with the folder's lock.
OUTSIDE = """
import signal, sys
from pathlib import Path
from local_aws.stack.state import StateFolder
from local_aws.stack.supervisor import Supervisor
sys.path.insert(0, {tests!r})
from tests.unit.test_stack_supervisor import part

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
state = StateFolder(path=Path(sys.argv[1]))
with state.locked():
    supervisor = Supervisor(state)
    try:
        server = part("server")
        supervisor.start(server)
        supervisor.wait_ready(server)
        supervisor.publish({{"aws_endpoint_url": "x", "runtime_url": "y"}})
        supervisor.wait()
    finally:
        supervisor.stop()
        state.clear()
"""


@pytest.fixture
def outside(state: StateFolder) -> Iterator["subprocess.Popen[bytes]"]:
    code = textwrap.dedent(OUTSIDE).format(tests=str(Path(__file__).parents[2]))
    process = subprocess.Popen([sys.executable, "-c", code, str(state.path)], start_new_session=True)
    until(lambda: process.poll() is not None or control.describe(state)[0] == "ready", seconds=15)
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()


def reap(process: "subprocess.Popen[bytes]") -> None:
    """Wait for it in the background: its parent is this test, and a zombie would hold nothing up but the test."""
    threading.Thread(target=process.wait).start()


def test_a_stack_is_stopped_from_outside(
    state: StateFolder, outside: "subprocess.Popen[bytes]", capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--state", str(state.path), "status"]) == 0
    assert capsys.readouterr().out.startswith("ready\n")
    with pytest.raises(AlreadyRunningError), state.locked():
        pass
    found = state.read_status()
    assert found is not None

    reap(outside)
    assert control.stop(state) == []
    assert not port_is_open(found.parts["server"].port)
    assert not list(state.path.glob("*.json"))
    assert main(["--state", str(state.path), "status"]) == 0
    assert capsys.readouterr().out == "stopped; start with `make up`\n"
    assert control.stop(state) == []


def test_a_supervisor_that_was_killed_leaves_no_process_and_its_traces_are_cleared(
    state: StateFolder, outside: "subprocess.Popen[bytes]", capsys: pytest.CaptureFixture[str]
) -> None:
    found = state.read_status()
    assert found is not None
    outside.kill()
    outside.wait()
    until(lambda: not found.parts["server"].process.is_alive())
    until(lambda: not port_is_open(found.parts["server"].port))

    assert main(["--state", str(state.path), "status"]) == 3
    assert capsys.readouterr().out.startswith("crashed\n")
    assert control.stop(state) == []
    assert control.describe(state)[0] == "stopped"


def test_logs_are_set_aside_shown_and_followed(state: StateFolder, capsys: pytest.CaptureFixture[str]) -> None:
    state.logs.mkdir()
    state.log("model").write_text("old\n")
    state.set_logs_aside()
    assert state.log("model.previous").read_text() == "old\n"

    state.log("model").write_text("a\nb\n")
    state.log("emulator").write_text("c\n")
    assert main(["--state", str(state.path), "logs", "-n", "1"]) == 0
    assert capsys.readouterr().out == "==> emulator <==\nc\n==> model <==\nb\n"
    assert main(["--state", str(state.path), "logs", "nothing"]) == 1
    assert "there are: emulator, model, model.previous" in capsys.readouterr().err

    def append() -> None:
        with state.log("model").open("a") as file:
            file.write("d\n")

    assert next(follow({"model": state.log("model")}, pause=append)) == "d"
