"""What programs say when there is nothing to do, or something to do first: plain words and the next command."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from scripts import onboard, plan, publish, release, scan
from scripts.deployment import release_environment
from scripts.deployment.release_environment import Changed
from scripts.plans.changes import read_changes
from scripts.plans.report import Report, failure_to_markdown, text, to_markdown
from scripts.plans.summary import summarise
from scripts.release import Served, status_lines
from scripts.releases import release_file
from scripts.releases.release_file import LIVE, ReleaseError
from scripts.terraform.cli import TerraformError

from . import release_support as support
from .plan_support import change, plan_document, policy

GONE = "delete_because_each_key"
MEMORY = 'module.agentcore.module.memory.aws_bedrockagentcore_memory.tier["premium"]'
ROLE = "module.foundation.module.tenant_access.aws_iam_role.tenant"
TRUST = {"Sid": "Broker", "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::1:role/b"}}

Captured = pytest.CaptureFixture[str]


def test_an_environment_that_is_not_named_is_asked_for(capsys: Captured) -> None:
    assert plan.main([]) == 1
    assert capsys.readouterr().err == "plan: ENV is missing: make plan ENV=dev (dev, prod, staging)\n"
    assert scan.main(["--env", "foo"]) == 2
    assert capsys.readouterr().err == "scan: ENV must be one of dev, prod, staging; got 'foo'\n"
    assert onboard.main(["--env", "dev", "--tier", "basic"]) == 2
    assert capsys.readouterr().err == (
        "onboard: --clinic-id, --name are missing: make onboard ENV=dev"
        " ARGS='--clinic-id clinic-f --name \"Fern Lane Clinic\" --tier basic'\n"
    )


@pytest.mark.parametrize("markdown", [True, False])
def test_why_there_is_no_plan_goes_into_the_pull_request(
    markdown: bool, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise TerraformError("1 setting is refused:\n  mfa: must be ON; got ```")

    monkeypatch.setattr(plan, "plan", fail)
    assert plan.main(["--env", "prod", *(["--markdown"] if markdown else [])]) == 1
    out, err = capsys.readouterr()
    assert "mfa: must be ON" in err
    # No text of a failure may end the fence.
    assert out.count("```") == (2 if markdown else 0)
    assert ("### Plan of prod: failed" in out and "  mfa: must be ON; got '''" in out) == markdown
    assert failure_to_markdown(None, "x").startswith("### Plan of no environment: failed")


def report(*changes: dict[str, object], production: bool = True) -> Report:
    summary = summarise(plan_document(*changes, production=production))
    return Report(
        environment="dev",
        summary=summary,
        provider="6",
        offline=False,
        sample_release=False,
        from_state=True,
        seconds={"plan": 1.0},
    )


def test_what_is_lost_or_wider_comes_first_then_counts_by_top_module() -> None:
    wider = {"assume_role_policy": policy(TRUST)}
    made = report(
        change('module.a.module.b.aws_iam_user.one["x"]', ["create"], after={}),
        change("module.a.aws_sqs_queue.two", ["create"], after={}),
        change(MEMORY, ["delete"], before={"name": "a"}, action_reason=GONE, index="premium"),
        change(ROLE, ["update"], before={"assume_role_policy": policy()}, after=wider),
    )
    lines = text(made)
    starts = (
        "  production: yes",
        "DATA WOULD BE LOST",
        "    because tier `premium` is gone",
        "1 resource wider",
        "2 to c",
    )
    places = [next(i for i, line in enumerate(lines) if line.startswith(start)) for start in starts]
    assert places == sorted(places)
    assert any("<- wider" in line for line in lines[places[3] + 1 : places[4]])
    assert not any("<- wider" in line for line in lines[places[4] :])
    table = [line.split() for line in lines[places[4] + 1 : places[4] + 6]]
    assert table[:4] == [["module", "create", "update", "delete"], ["a", "2"], ["agentcore", "1"], ["foundation", "1"]]
    assert "(by type: --full)" in lines[places[4] + 5]
    assert any("sqs_queue" in line for line in text(made, full=True))
    assert not any(" s (plan" in line for line in lines)
    assert "  production: no" in text(report(production=False))
    assert "must not" in to_markdown(made, refused="must not")


def test_what_is_gone_is_explained_without_terraforms_words() -> None:
    def why(index: str) -> str:
        gone = change("aws_iam_policy.a", ["delete"], before={}, action_reason=GONE, index=index)
        tier = change(MEMORY, ["delete"], before={}, action_reason=GONE, index="premium")
        return read_changes(plan_document(gone, tier))[0].reason

    assert why("premium/preferences") == "tier `premium` is gone from the catalog"
    assert why("live") == "settings and catalog no longer have `live`"


def test_without_an_account_nothing_is_built(monkeypatch: pytest.MonkeyPatch, capsys: Captured, tmp_path: Path) -> None:
    monkeypatch.setattr(publish, "build_for", lambda *_, **__: pytest.fail("built"))
    assert publish.main(["--env", "dev"]) == 1
    assert capsys.readouterr().err == (
        "publish: dev is not connected to an account (no backend.hcl): docs/guide.md, step 5\n"
    )
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    assert publish.main(["--env", "dev", "--bucket", "b"]) == 1
    assert capsys.readouterr().err == "publish: no AWS credentials: set AWS_PROFILE (docs/guide.md, step 1)\n"


def test_before_anything_is_published_the_status_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, tmp_path: Path
) -> None:
    monkeypatch.setattr(release, "environment_status", lambda _: release_file.load(tmp_path / "none"))
    assert release.main(["status", "--env", "dev"]) == 0
    assert capsys.readouterr().out == "dev: nothing published yet. Next: `make publish-agent ENV=dev`\n"


def test_what_is_published_for_another_platform_does_not_fit() -> None:
    newer = release_file.with_published(support.release(), support.manifest("0.3.0", contract=2))
    lines, _ = status_lines("dev", newer, Served(numbers={}, source=""), contract=1)
    assert lines[-1] == "  it does not fit this platform (contract 1): make publish-agent ENV=dev from this commit"


def test_advice_names_the_environment(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ReleaseError("run `make apply` first, then make promote VERSION=1.0.0, not `make plan ENV=prod`")

    monkeypatch.setattr(release_environment, "promote", refuse)
    assert release.main(["promote", "--env", "dev", "--version", "1.0.0"]) == 1
    assert capsys.readouterr().err == (
        "promote: run `make apply ENV=dev` first, then make promote ENV=dev VERSION=1.0.0, not `make plan ENV=prod`\n"
    )


@pytest.mark.parametrize("committed", [True, False])
def test_a_release_file_that_is_not_committed_is_mentioned(tmp_path: Path, committed: bool) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    file = tmp_path / release_file.FILE_NAME
    git("init")
    file.write_text("{}")
    git("add", ".")
    git("commit", "-m", "m")
    if not committed:
        file.write_text('{"release": 1}')
    told = [f"{file.name} is not committed, so Git is behind what runs: commit it"]
    assert release._uncommitted(file) == ([] if committed else told)
    file.unlink()
    assert release._uncommitted(Path("/") / file.name) == []


@pytest.mark.parametrize(("share", "trial"), [(0, True), (20, False)])
def test_a_candidate_that_nobody_uses_and_a_trial_are_told(
    share: int, trial: bool, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    before = support.release()
    after = before.promoted("0.2.0", "candidate", share_percent=share)
    changed = Changed(before=before, after=after, path=Path("file"), offline=trial)
    monkeypatch.setattr(release_environment, "promote", lambda *_, **__: changed)
    assert release.main(["promote", "--env", "dev", "--version", "0.2.0"]) == 0
    out = capsys.readouterr().out
    assert ("0 % of new sessions: nobody uses it yet. Add SHARE=20" in out.splitlines()) == (share == 0)
    assert ("Only tried: dev is not connected to an account (no backend.hcl)" in out) == trial
    assert ("Next: make apply" in out) != trial


def test_without_another_version_there_is_nothing_to_go_back_to() -> None:
    first = support.release(
        runtime_versions={"1": "0.1.0"}, runtime_contracts={}, endpoints={"live": "1", "candidate": "1"}
    )
    with pytest.raises(ReleaseError, match=r"live never served another version\. Nothing to go back to\."):
        first.rolled_back(LIVE)
