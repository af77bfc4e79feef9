"""Offline plans of the environments, with all that `make plan` does: copy, recording provider, summary, exit code."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import plan as program
from scripts.plan import OfflineWorkspace, PlanResult, offline_workspace, plan, refusal, report_of
from scripts.plans.report import text
from scripts.plans.summary import summarise
from scripts.terraform.cli import TerraformError
from scripts.terraform.environments import (
    SOURCES,
    EnvironmentProblem,
    copy_sources,
    environment_named,
    environments,
    settings,
)

from .support import ENTERPRISE

pytestmark = pytest.mark.timeout(600)  # a plan of a whole environment, on a machine that may have other things to do

NAMES = ("dev", "prod", "staging")
STRAY = {
    "AWS_ACCESS_KEY_ID": "AKIAXXXXXXXXXXXXXXXX",
    "AWS_SECRET_ACCESS_KEY": "not-for-terraform-0123456789",
    "AWS_PROFILE": "not-there",
    "AWS_REGION": "mars-1",
    "TF_VAR_name_prefix": "stray",
    "TF_CLI_ARGS_plan": "-no-such-flag",
    "TF_WORKSPACE": "stray",
    "TF_DATA_DIR": "/nonexistent",
}


@pytest.fixture(scope="module")
def workspace() -> Iterator[OfflineWorkspace]:
    with offline_workspace(base={**os.environ, **STRAY}) as made:
        yield made


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("states")


@pytest.fixture(scope="module")
def planned(workspace: OfflineWorkspace, states: Path) -> dict[str, PlanResult]:
    """A first plan of each environment, recorded."""
    return {name: workspace.plan(name, save_state=states / f"{name}.tfstate") for name in NAMES}


@pytest.fixture(scope="module")
def applied(planned: dict[str, PlanResult], states: Path) -> Path:
    """State of prod after its plan was recorded."""
    assert "prod" in planned
    return states / "prod.tfstate"


def addresses(made: PlanResult, kind: str) -> set[str]:
    return {entry["address"] for entry in made.document["resource_changes"] if entry["type"] == kind}


def test_every_environment_plans_and_says_that_nobody_was_asked(planned: dict[str, PlanResult]) -> None:
    assert environments() == sorted(NAMES)
    for name, made in planned.items():
        report = report_of(made)
        assert report.offline
        assert report.summary.first
        assert set(report.summary.counts) == {"create"}
        assert report.summary.production is (name == "prod")
        assert report.summary.losses == ()
        assert refusal(report, allowed=[]) is None
        said = "\n".join(text(report))
        assert "Nothing was asked of AWS" in said
        assert made.sample_release is not environment_named(name).release.is_file()


def test_a_plan_shows_the_whole_environment(planned: dict[str, PlanResult]) -> None:
    kinds = {entry["type"] for entry in planned["dev"].document["resource_changes"]}
    assert kinds >= {
        *(f"aws_bedrockagentcore_{kind}" for kind in ("agent_runtime", "gateway", "memory", "policy", "policy_engine")),
        *("aws_bedrock_guardrail", "aws_cognito_user_pool", "aws_dynamodb_table", "aws_iam_role", "aws_kms_key"),
        *("aws_lambda_function", "aws_s3_bucket"),
    }


def test_a_recorded_apply_fills_in_every_policy_of_a_first_plan(planned: dict[str, PlanResult]) -> None:
    bare = summarise(planned["dev"].document)
    assert any(policy.unread == "known only after the apply" for policy in bare.policies)
    full = report_of(planned["dev"]).summary
    assert [p.address for p in full.policies if p.unread == "known only after the apply"] == []
    cedar = [p for p in full.policies if p.what == "Cedar policy"]
    assert cedar
    assert all(p.invented and p.statements == 1 for p in cedar)


def test_nothing_of_the_callers_shell_reaches_an_offline_plan(
    workspace: OfflineWorkspace, planned: dict[str, PlanResult]
) -> None:
    assert not [name for name in workspace.env if name.startswith(("AWS_", "TF_VAR_", "TF_CLI_ARGS"))]
    values = planned["dev"].document["variables"]
    assert values["name_prefix"]["value"] != "stray"
    assert values["region"]["value"] != "mars-1"
    assert STRAY["AWS_SECRET_ACCESS_KEY"] not in json.dumps(planned["dev"].document)


def test_what_was_recorded_is_planned_again_as_no_change(workspace: OfflineWorkspace, applied: Path) -> None:
    made = workspace.plan("prod", state=applied)
    assert applied.stat().st_mode & 0o777 == 0o600
    summary = report_of(made).summary
    assert summary.empty, (summary.counts, summary.outputs)
    assert not summary.first
    assert "Compared with a recorded state." in "\n".join(text(report_of(made)))


def test_another_name_prefix_in_prod_is_refused_and_says_what_would_be_lost(
    applied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = tmp_path / "terraform"
    copy_sources(SOURCES, sources)
    tfvars = sources / "envs" / "prod" / "terraform.tfvars"
    old = settings(environment_named("prod", sources=sources), env=os.environ)["name_prefix"]
    new = f"other-{old.partition('-')[2]}"
    tfvars.write_text(tfvars.read_text().replace(f'"{old}"', f'"{new}"'))
    monkeypatch.setattr(program, "plan", lambda name, **options: plan(name, **options, sources=sources))
    out = tmp_path / "plan.json"
    assert program.main(["--env", "prod", "--state", str(applied), "--out", str(out), "--json"]) == program.REFUSED == 3
    said = capsys.readouterr()
    assert out.stat().st_mode & 0o777 == 0o600
    changes = json.loads(out.read_text())["resource_changes"]
    losses = {loss["address"]: loss for loss in json.loads(said.out)["losses"]}
    for kind in ("bedrockagentcore_memory", "cognito_user_pool", "dynamodb_table", "s3_bucket"):
        found = [change["address"] for change in changes if change["type"] == f"aws_{kind}"]
        assert found, kind
        for address in found:
            assert losses[address]["action"] == "replace"
            # Names of memories have no hyphens; every name starts with the prefix.
            assert any(new in why or new.replace("-", "_") in why for why in losses[address]["forced_by"])
            assert address in said.err
    assert "plan: refused: prod is a production environment" in said.err
    assert "Undo the change that forces it" in said.err


def test_production_that_says_that_it_is_none_keeps_its_data_until_that_is_applied(tmp_path: Path) -> None:
    sources = tmp_path / "terraform"
    copy_sources(SOURCES, sources)
    live = sources / "envs" / "live"  # a production folder that is not called prod
    shutil.copytree(sources / "envs" / "prod", live)
    values = (live / "terraform.tfvars").read_text()
    (live / "terraform.tfvars").write_text(values.replace('"prod"', '"live"').replace("-prod-", "-live-"))
    with offline_workspace(sources=sources) as workspace:
        _ends_production(workspace, tmp_path)


def _ends_production(workspace: OfflineWorkspace, tmp_path: Path) -> None:
    state = workspace.apply("live", into=tmp_path)
    ended = {"name_prefix": "other-live-use1", "production": False}
    report = report_of(workspace.plan("live", state=state, variables=ended))
    assert report.summary.production_ends == "its output production was true"
    assert "aws_bedrockagentcore_memory" in (refusal(report, allowed=[]) or "")
    # As an apply that failed half-way leaves it: without outputs.
    state.write_text(json.dumps({**json.loads(state.read_text()), "outputs": {}}))
    report = report_of(workspace.plan("live", state=state, variables=ended))
    assert report.summary.production_ends.endswith("has the tag Production = true")
    assert "aws_bedrockagentcore_memory" in (refusal(report, allowed=[]) or "")
    # Without a loss it may be none from now on, and that is said.
    quiet = report_of(workspace.plan("live", state=state, variables={"production": False}))
    assert refusal(quiet, allowed=[]) is None
    assert "UNTIL THIS PLAN IS APPLIED" in "\n".join(text(quiet))


def test_a_changed_trust_policy_is_shown_as_a_diff(applied: Path, tmp_path: Path) -> None:
    sources = tmp_path / "terraform"
    copy_sources(SOURCES, sources)
    changed = sources / "modules" / "tenant_access" / "tenant_role.tf"
    old = changed.read_text()
    new = old.replace('"aws:TagKeys"', '"aws:PrincipalTag/Other"')
    assert new != old
    changed.write_text(new)
    made = plan("prod", state=applied, sources=sources, record=True)
    trust = [p for p in report_of(made).summary.policies if p.what == "trust policy"]
    assert [p.address.rpartition(".aws_iam_role.")[2] for p in trust] == ["tenant"]
    assert trust[0].wider
    said = "\n".join(text(report_of(made)))
    assert "- condition ForAllValues:StringEquals aws:TagKeys" in said
    assert "+ condition ForAllValues:StringEquals aws:PrincipalTag/Other" in said


def test_new_code_of_the_functions_is_an_update_that_can_be_recorded(
    workspace: OfflineWorkspace, applied: Path, tmp_path: Path
) -> None:
    release = json.loads(environment_named("prod").sample_release.read_text())
    release["release"]["artifacts"]["lambda"]["sha256"] = "f" * 64
    made = workspace.plan("prod", state=applied, release=release)
    assert set(report_of(made).summary.counts) == {"update"}
    workspace.apply("prod", into=tmp_path, state=applied, release=release)
    assert report_of(workspace.plan("prod", state=tmp_path / "prod.tfstate", release=release)).summary.empty


def test_one_more_tier_is_new_memory_and_guardrail_and_no_loss(
    workspace: OfflineWorkspace, applied: Path, tmp_path: Path
) -> None:
    catalog = tmp_path / "catalog"
    copy_sources(SOURCES / "catalog", catalog)
    (catalog / "tiers.yaml").write_text((catalog / "tiers.yaml").read_text() + ENTERPRISE)
    made = workspace.plan("prod", state=applied, variables={"catalog_dir": str(catalog)}, record=True)
    summary = report_of(made).summary
    assert [loss for loss in summary.losses if loss.holds_data] == []
    created = {
        r["address"].rpartition(".")[2]
        for r in made.document["resource_changes"]
        if r["change"]["actions"] == ["create"]
    }
    assert 'tier["enterprise"]' in created
    # The runtime's authorizer lets one more tier in.
    said = "\n".join(text(report_of(made)))
    assert "+ authorizer: claim tiers CONTAINS_ANY enterprise  <- wider" in said


def test_an_unknown_environment_lists_the_known_ones() -> None:
    with pytest.raises(EnvironmentProblem, match="ENV: must be one of dev, prod, staging; got 'production'"):
        plan("production")
    with pytest.raises(EnvironmentProblem, match="ENV: local is the laptop"):
        plan("local")
    with pytest.raises(EnvironmentProblem, match="got nothing"):
        plan("")
    with pytest.raises(EnvironmentProblem, match="must be one of"):
        plan("../modules")


def test_missing_variables_get_terraforms_message_and_what_to_do(tmp_path: Path) -> None:
    sources = tmp_path / "terraform"
    copy_sources(SOURCES, sources)
    tfvars = sources / "envs" / "dev" / "terraform.tfvars"
    lines = tfvars.read_text().splitlines(keepends=True)
    tfvars.write_text("".join(line for line in lines if not line.startswith(("account_id", "region"))))
    with pytest.raises(TerraformError) as refused:
        plan("dev", sources=sources)
    said = " ".join(str(refused.value).split())
    assert "No value for required variable" in said
    assert "What to do: set account_id and region in terraform/envs/dev/terraform.tfvars." in said


def test_what_an_environment_may_not_be_is_refused_in_terraforms_words(workspace: OfflineWorkspace) -> None:
    with pytest.raises(TerraformError, match="policy_mode"):
        workspace.plan("prod", variables={"policy_mode": "LOG_ONLY"})


def test_a_release_has_to_be_the_content_of_a_release_file(workspace: OfflineWorkspace) -> None:
    with pytest.raises(ValueError, match="release: must be"):
        workspace.plan("dev", release={"agent_version": "1.0.0"})


def test_settings_are_what_terraform_makes_of_them() -> None:
    values = settings(environment_named("dev"), env=os.environ)
    assert values["environment"] == "dev"
    assert values["production"] is False
    assert values["partition"] == "aws"  # a default
    assert set(values) <= set(environment_named("dev").variables())


def test_sources_are_left_as_they_were(planned: dict[str, PlanResult]) -> None:
    assert planned
    left = [path for path in SOURCES.rglob("*") if path.name in ("backend_override.tf", ".terraform.lock.hcl")]
    assert [path for path in left if path.parent.parent.name == "envs"] == []
