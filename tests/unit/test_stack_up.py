"""`scripts.up` where it does not get far: what it says, and that it leaves nothing behind."""

from pathlib import Path

import pytest

from local_aws.stack import control
from local_aws.stack.processes import port_is_open
from local_aws.stack.state import StateFolder
from scripts import down, up
from scripts.up import StackFailed, running_stack


def test_a_failed_phase_stops_what_was_started_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    state = StateFolder(path=tmp_path)
    seen: list[int] = []

    def progress(_line: str) -> None:
        status = state.read_status()
        seen.extend(part.port for part in (status.parts.values() if status else ()))

    with pytest.raises(StackFailed, match=r"terraform >= 1\.11 is needed"), running_stack(tmp_path, progress):
        pytest.fail("it started without terraform")
    assert len(seen) == 2, "emulator and model had been started"
    assert not any(port_is_open(port) for port in seen)
    assert not (tmp_path / "secret").exists()
    assert control.describe(state)[0] == "failed"

    assert down.main(["--state", str(tmp_path)]) == 0
    assert "nothing was running; the last run failed" in capsys.readouterr().out
    assert control.describe(state)[0] == "stopped"


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    with (
        StateFolder(path=tmp_path).locked(),
        pytest.raises(StackFailed, match="already running"),
        running_stack(tmp_path, print),
    ):
        pytest.fail("it started a second time")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock"]


def test_an_exception_in_the_block_stops_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def provision(state: StateFolder, *_: object, **__: object) -> dict[str, str]:
        state.write(state.stack_file, {"a": "b"})
        return {"a": "b"}

    monkeypatch.setattr(up, "provision", provision)  # the real one takes half a minute; tests/e2e has it

    def interrupted() -> None:
        with running_stack(tmp_path, print) as stack:
            assert stack == {"a": "b"}
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert control.describe(StateFolder(path=tmp_path))[0] == "stopped"
    assert not (tmp_path / "stack.json").exists()
