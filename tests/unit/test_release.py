"""Promotion, rollback and status, and what people are told."""

import argparse
import json
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from local_aws.stack.state import StateFolder
from scripts import apply, release
from scripts.clients.runtime import NoStack
from scripts.deployment import release_environment
from scripts.laptop import lock, release_laptop
from scripts.laptop.lock import BusyError
from scripts.laptop.platform import PlatformInputs, Reloaded, ReloadError, check_contract, inputs_file
from scripts.release import Served, status_lines
from scripts.releases import release_checks, release_file
from scripts.releases.release_checks import (
    Change,
)
from scripts.releases.release_file import ReleaseError
from scripts.terraform import environments
from scripts.terraform.ending import ends_on_sigterm, undisturbed
from scripts.terraform.setup import TerraformError
from scripts.tours.raised_sources import next_minor, published_versions
from tests.unit import release_support as support

ENDPOINT = "module.agentcore.module.runtime.aws_bedrockagentcore_agent_runtime_endpoint.this"


# --- environments -----------------------------------------------------------------------------------------------------


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "terraform" / "envs" / "staging"
    folder.mkdir(parents=True)
    (folder / "terraform.tfvars").write_text("")
    release_file.save(support.release(), folder / "release.auto.tfvars.json")
    return tmp_path / "terraform"


def plans(monkeypatch: pytest.MonkeyPatch, found: list[Change]) -> None:
    monkeypatch.setattr(release_environment, "_offline", lambda *_, **__: found)


def move(endpoint: str) -> Change:
    address = f'{ENDPOINT}["{endpoint}"]'
    return Change(address=address, action="update", attributes=("agent_runtime_version",))


def promote(sources: Path, **more: Any) -> release_environment.Changed:
    wanted = {"version": "0.2.0", "endpoint": "candidate", "share_percent": 20, **more}
    return release_environment.promote("staging", sources=sources, **wanted)


def test_a_promotion_changes_the_release_file_and_says_what_was_not_asked(
    sources: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plans(monkeypatch, [move("candidate")])
    told: list[str] = []
    changed = promote(sources, progress=told.append)
    assert (
        release_file.load(changed.path)
        == changed.after
        == support.release().promoted("0.2.0", "candidate", share_percent=20)
    )
    assert changed.offline
    assert told == ["not asked of the artifacts bucket: staging is not connected to an account (no backend.hcl)"]
    printed = capsys.readouterr().out
    assert f'~ {ENDPOINT}["candidate"] (update of agent_runtime_version)' in printed
    assert "offline: nothing was asked of AWS" in printed
    assert "It does not show what differs from what runs." in printed


def refuses(*_: Any) -> None:
    raise ReleaseError("VERSION: was never published")


@pytest.mark.parametrize(
    ("found", "more", "message"),
    [
        ([move("candidate"), Change(address="x", action="update")], {}, "the plan would change more than endpoint"),
        ([], {}, "the plan does not move candidate"),
        ([move("candidate")], {"bucket": refuses}, "VERSION: was never published"),
        ([move("candidate")], {"version": "0.9.0"}, "was never published to this environment"),
    ],
)
def test_a_refused_promotion_leaves_the_release_file(
    sources: Path, monkeypatch: pytest.MonkeyPatch, found: list[Change], more: dict[str, Any], message: str
) -> None:
    plans(monkeypatch, found)
    before = (sources / "envs/staging/release.auto.tfvars.json").read_bytes()
    with pytest.raises(ReleaseError, match=message):
        promote(sources, **more)
    assert (sources / "envs/staging/release.auto.tfvars.json").read_bytes() == before


def test_a_release_file_that_somebody_else_changed_meanwhile_is_not_overwritten(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sources / "envs/staging/release.auto.tfvars.json"
    theirs = support.release().promoted("0.2.0", "live")

    def meanwhile(*_: Any, **__: Any) -> list[Change]:
        release_file.save(theirs, path)
        return [move("candidate")]

    monkeypatch.setattr(release_environment, "_offline", meanwhile)
    with pytest.raises(ReleaseError, match="was changed meanwhile"):
        promote(sources)
    assert release_file.load(path) == theirs


def test_a_rollback_goes_back_and_asks_no_bucket(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sources / "envs/staging/release.auto.tfvars.json"
    release_file.save(support.release().promoted("0.2.0", "live"), path)
    plans(monkeypatch, [move("live")])
    release_environment.roll_back("staging", endpoint="live", sources=sources)
    assert release_file.load(path) == support.release()


def test_a_release_of_another_contract_must_move_every_endpoint_and_make_a_version() -> None:
    runtime = Change(address="module.agentcore.module.runtime.aws_bedrockagentcore_agent_runtime.this", action="update")
    function = Change(address="module.broker.aws_lambda_function.this", action="update")
    both = [move("live"), move("candidate")]
    release_checks.check_moves_with_apply([function, runtime, *both], endpoints=["live", "candidate"])
    with pytest.raises(ReleaseError, match="the plan does not move candidate"):
        release_checks.check_moves_with_apply([function, runtime, move("live")], endpoints=["live", "candidate"])
    with pytest.raises(ReleaseError, match="makes no new version of the runtime"):
        release_checks.check_moves_with_apply([function, *both], endpoints=["live", "candidate"])


def test_another_share_moves_no_endpoint(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sources / "envs/staging/release.auto.tfvars.json"
    release_file.save(support.release().promoted("0.2.0", "candidate", share_percent=5), path)
    plans(monkeypatch, [])
    assert promote(sources, share_percent=50).after.candidate_share_percent == 50


# --- the laptop -------------------------------------------------------------------------------------------------------


class Laptop:
    """A laptop whose applies are noted, and fail as told."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.file = folder, folder / "release.auto.tfvars.json"
        self.applied: list[dict[str, str]] = []
        self.everything = 0
        self.failures: list[BaseException | None] = []
        self.unsure: list[bool] = []
        release_file.save(support.release(), self.file)
        fake = argparse.Namespace(state=StateFolder(path=folder), client=lambda _: None)
        monkeypatch.setattr(release_laptop, "running_laptop", lambda _: ({"buckets": {"artifacts": "artifacts"}}, fake))
        monkeypatch.setattr(release_laptop, "apply_release", self.apply)
        monkeypatch.setattr(release_laptop, "apply_held", self.apply_everything)
        monkeypatch.setattr(release_laptop, "check_published", lambda *_, **__: None)

    def apply(self, *_: Any, unsure: bool = False) -> release_file.Release:
        self.unsure.append(unsure)
        current = release_file.load(self.file)
        self.applied.append(dict(current.endpoints))
        if failure := self.failures.pop(0) if self.failures else None:
            raise failure
        return current

    def apply_everything(self, *_: Any) -> Any:
        current = self.apply()
        self.everything += 1
        return argparse.Namespace(release=current)

    def promote_with_apply(self) -> release_file.Release:
        release_file.save(
            release_file.with_published(support.release(), support.manifest("0.3.0", contract=2)), self.file
        )
        return release_laptop.promote(
            self.folder, version="0.3.0", endpoint="live", share_percent=None, with_apply=True, progress=lambda _: None
        )

    def promote(self) -> release_file.Release:
        return release_laptop.promote(
            self.folder, version="0.2.0", endpoint="live", share_percent=None, progress=lambda _: None
        )


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Laptop:
    return Laptop(tmp_path, monkeypatch)


def test_a_promotion_acts_at_once(laptop: Laptop) -> None:
    assert laptop.promote().endpoints["live"] == "2"
    assert release_laptop.roll_back(laptop.folder, endpoint="live", progress=lambda _: None) == support.release()
    assert [one["live"] for one in laptop.applied] == ["2", "1"]


@pytest.mark.parametrize("failure", [ReloadError("a bundle is broken"), TerraformError("no"), KeyboardInterrupt()])
def test_a_failure_leaves_the_endpoints_where_they_were(laptop: Laptop, failure: Any) -> None:
    laptop.failures = [failure]
    with pytest.raises(type(failure)):
        laptop.promote()
    assert [one["live"] for one in laptop.applied] == ["2", "1"], "what was applied is taken back"
    assert laptop.unsure == [False, True], "Terraform may have moved the endpoint before it stopped"
    assert release_file.load(laptop.file) == support.release()


def test_two_changes_at_once_come_one_after_the_other_or_are_refused(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, told = StateFolder(path=laptop.folder), list[str]()
    began, go_on = threading.Event(), threading.Event()

    def apply(*_: Any, **__: Any) -> release_file.Release:
        began.set()
        assert go_on.wait(10)
        return release_file.load(laptop.file)

    monkeypatch.setattr(release_laptop, "apply_release", apply)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(laptop.promote)
        assert began.wait(10)
        busy = "another apply, promote, rollback or publish of this stack is under way"
        with pytest.raises(BusyError, match=busy), lock.changing(state, told.append, seconds=0.05):
            pytest.fail("two at once")
        assert told == ["waiting for another change of this stack"]
        second = pool.submit(
            release_laptop.promote,
            laptop.folder,
            version="0.2.0",
            endpoint="candidate",
            share_percent=20,
            progress=lambda _: None,
        )
        time.sleep(0.1)
        go_on.set()
        assert (first.result().endpoints["candidate"], second.result().endpoints["live"]) == ("1", "2")
    last = release_file.load(laptop.file)
    assert (dict(last.endpoints), last.candidate_share_percent) == ({"live": "2", "candidate": "2"}, 20)


def history(folder: Path, **second: Any) -> None:
    first = {"authorizer_configuration": [{"clients": ["a"]}], "environment_variables": {"A": "1"}}
    content = {"arn": "a", "versions": {"1": first, "2": {**first, **second}}}
    (folder / "runtime-versions.json").write_text(json.dumps(content))


def test_a_rollback_to_another_authorizer_has_to_be_meant(laptop: Laptop) -> None:
    laptop.promote()
    history(laptop.folder, authorizer_configuration=[{"clients": ["b"]}])
    told: list[str] = []
    with pytest.raises(ReleaseError, match=r"version 1 has another authorizer than version 2, which live serves"):
        release_laptop.roll_back(laptop.folder, endpoint="live", progress=told.append)
    assert release_file.load(laptop.file).endpoints["live"] == "2"
    back = release_laptop.roll_back(laptop.folder, endpoint="live", progress=told.append, other_authorizer=True)
    assert back.endpoints["live"] == "1"
    assert told == ["runtime version 1 comes back with its own authorizer, other than those of 2"]


def test_a_rollback_says_what_else_comes_back(laptop: Laptop) -> None:
    laptop.promote()
    history(laptop.folder, environment_variables={"A": "secret-looking"})
    told: list[str] = []
    release_laptop.roll_back(laptop.folder, endpoint="live", progress=told.append)
    assert told == ["runtime version 1 comes back with its own environment, other than those of 2"]


class Stack:
    """A stack whose runtime serves what was moved there last, but for what a killed promotion left."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *, served: dict[str, str]) -> None:
        self.served, self.moves = served, 0
        self.state = StateFolder(path=folder)
        release_file.save(support.release(), folder / "release.auto.tfvars.json")
        inputs = PlatformInputs(manifest={}, artifacts_bucket="a", gateway_base_url="u")
        self.state.write(inputs_file(self.state), asdict(inputs))
        fake = argparse.Namespace(state=self.state)
        monkeypatch.setattr(apply, "running_laptop", lambda _: ({"runtime_url": "http://r/live?qualifier=live"}, fake))
        monkeypatch.setattr(apply, "move_endpoints", self.move)
        monkeypatch.setattr(apply, "reload_runtime", self.reload)

    def move(self, _: Any, inputs: PlatformInputs, __: Any) -> release_file.Release:
        self.moves += 1
        self.served = dict(inputs.endpoints)
        return release_file.load(self.state.path / "release.auto.tfvars.json")

    def reload(self, *_: Any) -> Reloaded:
        return Reloaded(endpoints={**self.served, "DEFAULT": "2"}, failed={})


def test_what_a_killed_promotion_left_is_noticed_though_the_files_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(tmp_path, monkeypatch, served={"live": "2", "candidate": "1"})
    apply.apply_release(tmp_path, lambda _: None)
    assert (stack.moves, stack.served) == (1, {"live": "1", "candidate": "1"})
    apply.apply_release(tmp_path, lambda _: None)
    assert stack.moves == 1, "another share moves nothing"
    apply.apply_release(tmp_path, lambda _: None, unsure=True)
    assert stack.moves == 2


def test_a_runtime_that_does_not_serve_what_was_applied_is_an_error_and_clients_are_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(tmp_path, monkeypatch, served={"live": "2", "candidate": "1"})
    monkeypatch.setattr(stack, "move", lambda *_: support.release())
    monkeypatch.setattr(apply, "move_endpoints", stack.move)
    with pytest.raises(ReloadError, match="the runtime does not serve"):
        apply.apply_release(tmp_path, lambda _: None)
    assert not stack.state.stack_file.exists()


def test_an_apply_says_what_of_it_serves_nobody_yet() -> None:
    assert "no endpoint serves runtime version 2 (agent 0.2.0), and with it its authorizer" in apply.said(
        support.release()
    )
    candidate = support.release().promoted("0.2.0", "candidate")
    assert "the candidate alone serves runtime version 2" in apply.said(candidate)
    assert "make promote VERSION=0.2.0" in apply.said(candidate)
    assert apply.said(candidate.promoted("0.2.0", "live")) == "applied; the running stack uses it"


def test_a_failure_that_cannot_be_taken_back_is_said_too(laptop: Laptop) -> None:
    laptop.failures = [ReloadError("first"), TerraformError("second")]
    with pytest.raises(ReloadError) as failed:
        laptop.promote()
    assert str(failed.value) == "first"
    assert failed.value.__notes__ == [
        "The endpoints could not be moved back either (second); start anew with `make down up`."
    ]


def test_a_release_of_another_contract_is_applied_as_a_whole(laptop: Laptop) -> None:
    assert laptop.promote_with_apply().endpoints == {"live": "3", "candidate": "3"}
    assert laptop.everything == 1


def test_one_that_cannot_be_applied_leaves_the_endpoints_and_says_what_may_differ(laptop: Laptop) -> None:
    laptop.failures = [TerraformError("no")]
    with pytest.raises(TerraformError) as failed:
        laptop.promote_with_apply()
    assert release_file.load(laptop.file).endpoints == support.release().endpoints
    assert "Functions may be of the new contract already" in failed.value.__notes__[0]


def test_an_agent_of_another_contract_is_refused() -> None:
    check_contract(1)
    with pytest.raises(ReleaseError, match=r"release\.contract_version: must be 1, .*; got 2"):
        check_contract(2)


# --- status -----------------------------------------------------------------------------------------------------------


def test_status_shows_versions_shares_and_the_way_back() -> None:
    current = support.release().promoted("0.2.0", "candidate", share_percent=20)
    lines, drifted = status_lines("staging", current, Served(numbers={}, source="from the file", notes=["a note"]))
    assert not drifted
    assert "\n".join(lines) == (
        "Release of staging (from the file)\n"
        "\n"
        "  endpoint   runtime version  agent version  new sessions  before\n"
        "  live       1                0.1.0          80 %          -\n"
        "  candidate  2                0.2.0          20 %          1 (0.1.0)\n"
        "\n"
        "  newest published: 0.2.0 (contract 1), runtime version 2\n"
        "  a note"
    )


def test_what_is_published_and_not_applied_is_said() -> None:
    newer = release_file.with_published(support.release(), support.manifest("0.3.0"))
    assert (
        "0.3.0 (contract 1), not applied yet: make apply ENV=dev"
        in status_lines("dev", newer, Served(numbers={}, source=""))[0][-1]
    )


def test_a_release_that_changes_the_contract_says_how_it_goes_on() -> None:
    newer = release_file.with_published(support.release(), support.manifest("0.3.0", contract=2))
    lines, _ = status_lines("dev", newer, Served(numbers={}, source=""), contract=2)
    assert lines[-1] == (
        "  it changes the contract: make promote ENV=dev VERSION=0.3.0 ENDPOINT=live ARGS=--with-apply"
    )


@pytest.mark.parametrize(
    ("numbers", "mark"),
    [
        ({"live": "2", "candidate": "1"}, "DRIFT: serves version 2 (agent 0.2.0)"),
        ({"live": "7", "candidate": "1"}, "DRIFT: serves version 7 (agent unknown)"),
        ({"candidate": "1"}, "DRIFT: serves nothing"),
        ({"live": "1", "candidate": "1", "beta": "1", "DEFAULT": "2"}, "DRIFT: not in the release file"),
    ],
)
def test_drift_is_marked(numbers: dict[str, str], mark: str) -> None:
    lines, drifted = status_lines("dev", support.release(), Served(numbers=numbers, source="as AgentCore says"))
    assert drifted
    assert [line for line in lines if line.endswith(mark)]


def test_clients_that_go_by_another_share_are_drift() -> None:
    current = support.release().promoted("0.2.0", "candidate", share_percent=20)
    for read, drift in ((20, False), (None, False), (0, True)):
        lines, drifted = status_lines("dev", current, Served(numbers={}, source="x", share_percent=read))
        assert drifted == drift
        assert any("DRIFT: clients give the candidate 0 % of new sessions" in line for line in lines) == drift


class Control:
    """The calls of bedrock-agentcore-control, in pages of one."""

    def __init__(self, **endpoints: str) -> None:
        self.endpoints = list(endpoints.items())
        self.asked: list[str] = []

    def list_agent_runtime_endpoints(self, *, agentRuntimeId: str, nextToken: str = "0") -> dict[str, Any]:  # noqa: N803
        self.asked.append(agentRuntimeId)
        name, version = self.endpoints[int(nextToken)]
        more = {} if int(nextToken) + 1 == len(self.endpoints) else {"nextToken": str(int(nextToken) + 1)}
        return {"runtimeEndpoints": [{"name": name, "liveVersion": version, "targetVersion": "2"}], **more}

    def list_agent_runtime_versions(self, *, agentRuntimeId: str, nextToken: str = "") -> dict[str, Any]:  # noqa: N803
        self.asked.append(agentRuntimeId)
        if not nextToken:
            return {"agentRuntimes": [{"agentRuntimeVersion": "9"}], "nextToken": "more"}
        return {"agentRuntimes": [{"agentRuntimeVersion": "10"}]}


@pytest.fixture
def real(sources: Path, monkeypatch: pytest.MonkeyPatch) -> environments.Environment:
    """An environment with remote state and outputs, whose service answers as `Control`."""
    chosen = environments.Environment(name="staging", folder=sources / "envs/staging", local=sources.parent)
    chosen.backend.write_text("")
    chosen.outputs_file.write_text(
        json.dumps({"region": {"value": "eu-west-1"}, "runtime": {"value": {"id": "agent-0123456789"}}})
    )
    monkeypatch.setattr(environments, "environment_named", lambda *_, **__: chosen)
    return chosen


def test_an_environment_asks_the_service_and_says_what_the_file_does_not_know(
    real: environments.Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = Control(DEFAULT="10", live="2", candidate="1")
    monkeypatch.setattr("boto3.client", lambda *_, **__: control)
    current, served = release.environment_status("staging")
    assert served.numbers == {"DEFAULT": "10", "live": "2", "candidate": "1"}
    assert set(control.asked) == {"agent-0123456789"}
    assert "candidate is moving to version 2" in served.notes
    assert "runtime version 10 is not in the release file: `make apply ENV=staging` records it" in served.notes
    assert status_lines("staging", current, served)[1]


def raising(failure: BaseException) -> Callable[..., Any]:
    def client(*_: Any, **__: Any) -> Any:
        raise failure

    return client


def test_without_aws_the_file_alone_is_shown_and_that_is_said(
    real: environments.Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boto3.client", raising(NoCredentialsError()))
    _, served = release.environment_status("staging")
    assert (served.numbers, served.source) == ({}, "from the release file alone; nothing was asked of AWS")
    assert served.notes[0].startswith("AWS could not be asked (NoCredentialsError")
    real.outputs_file.unlink()
    assert "is not here: the last apply ran elsewhere" in release.environment_status("staging")[1].notes[0]
    real.backend.unlink()
    assert (
        "staging is not connected to an account (no backend.hcl)" in release.environment_status("staging")[1].notes[0]
    )


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [NoStack(Path("x")), ReleaseError("r"), TerraformError("t"), ReloadError("l")])
def test_a_refusal_is_one_message_and_exit_code_1(
    failure: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failure.add_note("and a note")
    monkeypatch.setattr(release_laptop, "promote", raising(failure))
    assert release.main(["promote", "--version", "0.2.0"]) == 1
    assert capsys.readouterr().err == f"promote: {failure}\nand a note\n"


def test_an_interruption_is_a_sentence_and_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for failing in (release_laptop, release_environment):
        monkeypatch.setattr(failing, "promote", raising(KeyboardInterrupt()))
    assert release.main(["promote", "--version", "0.2.0"]) == 130
    assert release.main(["promote", "--env", "dev", "--version", "0.2.0"]) == 130
    assert capsys.readouterr().err == "promote: interrupted, nothing was changed\n" * 2
    monkeypatch.setattr(apply, "apply_again", raising(KeyboardInterrupt()))
    assert apply.main([]) == 130
    assert capsys.readouterr().err.startswith("apply: interrupted")


def test_sigterm_ends_a_command_as_an_exception_so_that_it_is_taken_back(laptop: Laptop) -> None:
    def killed(*_: Any, **__: Any) -> Any:
        signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    laptop.failures = [SystemExit(143)]
    with pytest.raises(SystemExit), ends_on_sigterm():
        laptop.promote()
    assert release_file.load(laptop.file) == support.release()
    with pytest.raises(SystemExit) as ended, ends_on_sigterm():
        killed()
    assert ended.value.code == 143
    with undisturbed():
        signal.raise_signal(signal.SIGINT)
        killed()
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_aws_error_is_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answer: Any = {"Error": {"Code": "AccessDenied", "Message": "no"}}
    monkeypatch.setattr(release_environment, "promote", raising(ClientError(answer, "GetObject")))
    assert release.main(["promote", "--env", "dev", "--version", "0.2.0"]) == 1
    assert "AccessDenied" in capsys.readouterr().err


def test_a_promotion_asks_for_the_version(sources: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ReleaseError) as refusal:
        promote(sources, version="")
    assert str(refusal.value) == "VERSION: must be a semantic version such as 0.2.0; got ''"
    assert release.main(["promote", "--env", "mars", "--version", "0.2.0"]) == 1
    assert "ENV: must be one of dev, prod, staging; got 'mars'" in capsys.readouterr().err


def test_drift_has_an_exit_code_of_its_own(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    drifted = support.release(), Served(numbers={"live": "2", "candidate": "1"}, source="x")
    monkeypatch.setattr(release, "environment_status", lambda _: drifted)
    assert release.main(["status", "--env", "dev"]) == release.DRIFTED
    assert "dev serves something else than its release file says" in capsys.readouterr().err
    same = support.release(), Served(numbers={"live": "1", "candidate": "1"}, source="x")
    monkeypatch.setattr(release, "environment_status", lambda _: same)
    assert release.main(["status", "--env", "dev"]) == 0


# --- the tour ---------------------------------------------------------------------------------------------------------


def test_a_tour_takes_a_version_above_all_that_are_taken(tmp_path: Path) -> None:
    (tmp_path / "agent_pkg").mkdir()
    (tmp_path / "agent_pkg" / "pyproject.toml").write_text('[project]\nname = "agent"\nversion = "0.1.7"\n')
    assert next_minor([], source=tmp_path) == "0.2.0"
    assert next_minor(["0.2.0", "0.10.0", "0.9.0"], source=tmp_path) == "0.11.0"


def test_versions_are_listed_from_every_page_of_the_bucket() -> None:
    class S3:
        def get_paginator(self, name: str) -> Any:
            assert name == "list_objects_v2"
            return self

        def paginate(self, **asked: str) -> list[dict[str, Any]]:
            assert asked == {"Bucket": "b", "Prefix": "agents/a/", "Delimiter": "/"}
            return [
                {"CommonPrefixes": [{"Prefix": "agents/a/0.1.0/"}]},
                {"CommonPrefixes": [{"Prefix": "agents/a/0.2.0/"}]},
            ]

    found = published_versions(S3(), bucket="b", manifest_key="agents/a/0.1.0/manifest-linux-arm64.json")
    assert found == ["0.1.0", "0.2.0"]
