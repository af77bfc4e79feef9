"""The environments' roots: equal code, whole plans, names that never meet, and what production refuses."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scripts.plan import OfflineWorkspace, PlanResult, offline_workspace
from scripts.tenants.settings import read_settings
from scripts.terraform.cli import run
from scripts.terraform.setup import find_terraform

from .agentcore_support import catalog_copy
from .support import ENTERPRISE, SOURCES

pytestmark = pytest.mark.timeout(600)  # plans of whole environments, on a machine that may have other things to do

ENVS: Final = SOURCES / "envs"
NAMES: Final = ("dev", "prod", "staging")
SAMPLE: Final = json.loads((ENVS / "release.sample.tfvars.json").read_text())["release"]
IRELAND: Final = {
    "region": "eu-west-1",
    "name_prefix": "clinic-prod-euw1",
    "artifacts_bucket": "clinic-artifacts-444455556666-eu-west-1",
    "artifacts_kms_key_arn": "arn:aws:kms:eu-west-1:444455556666:key/00000000-0000-4000-8000-000000000000",
    "alarms": {"topic_arns": ["arn:aws:sns:eu-west-1:444455556666:clinic-alarms"]},
}

# How far a name reaches, and in which argument it stands. What is in neither belongs to another resource.
GLOBAL: Final = {"aws_iam_role": "name", "aws_iam_policy": "name", "aws_s3_bucket": "bucket"}
REGIONAL: Final = {
    "aws_bedrock_guardrail": "name",
    "aws_bedrockagentcore_agent_runtime": "agent_runtime_name",
    "aws_bedrockagentcore_gateway": "name",
    "aws_bedrockagentcore_memory": "name",
    "aws_bedrockagentcore_policy_engine": "name",
    "aws_cloudwatch_composite_alarm": "alarm_name",
    "aws_cloudwatch_dashboard": "dashboard_name",
    "aws_cloudwatch_log_delivery_destination": "name",
    "aws_cloudwatch_log_delivery_source": "name",
    "aws_cloudwatch_log_group": "name",
    "aws_cloudwatch_log_resource_policy": "policy_name",
    "aws_cloudwatch_metric_alarm": "alarm_name",
    "aws_cognito_user_pool": "name",
    "aws_cognito_user_pool_domain": "domain",
    "aws_dynamodb_table": "name",
    "aws_kms_alias": "name",
    "aws_lambda_function": "function_name",
    "aws_xray_resource_policy": "policy_name",
}
NAMELESS: Final = frozenset(
    {
        *("aws_bedrock_guardrail_version", "aws_bedrockagentcore_agent_runtime_endpoint"),
        *("aws_bedrockagentcore_gateway_target", "aws_bedrockagentcore_memory_strategy", "aws_bedrockagentcore_policy"),
        *("aws_cloudwatch_log_delivery", "aws_cloudwatch_log_metric_filter", "aws_cognito_user_pool_client"),
        *("aws_iam_role_policy", "aws_iam_role_policy_attachment", "aws_kms_key", "aws_lambda_permission"),
        *("aws_s3_bucket_ownership_controls", "aws_s3_bucket_policy", "aws_s3_bucket_public_access_block"),
        *("aws_s3_bucket_server_side_encryption_configuration", "aws_s3_bucket_versioning"),
    }
)


@pytest.fixture(scope="module")
def workspace() -> Iterator[OfflineWorkspace]:
    with offline_workspace() as made:
        yield made


@pytest.fixture(scope="module")
def plans(workspace: OfflineWorkspace) -> dict[str, PlanResult]:
    """First plans with the policies that they make: every environment, and prod in a second Region."""
    made = {name: workspace.plan(name, record=True) for name in NAMES}
    return {**made, "ireland": workspace.plan("prod", variables=IRELAND, record=True)}


@pytest.fixture(scope="module")
def applied(workspace: OfflineWorkspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State of dev after a recorded apply."""
    return workspace.apply("dev", into=tmp_path_factory.mktemp("applied"))


def resources(made: PlanResult) -> list[dict[str, Any]]:
    return [entry for entry in made.document["resource_changes"] if entry["mode"] == "managed"]


def names(made: PlanResult, kinds: Mapping[str, str]) -> set[tuple[str, str]]:
    """Types and names, those included that an apply makes of ids."""
    assert made.recorded is not None
    return {
        (entry["type"], made.recorded[entry["address"]][kinds[entry["type"]]])
        for entry in resources(made)
        if entry["type"] in kinds
    }


def changes(made: PlanResult) -> dict[str, tuple[str, ...]]:
    actions = {entry["address"]: tuple(entry["change"]["actions"]) for entry in resources(made)}
    return {address: what for address, what in actions.items() if what != ("no-op",)}


def refused(workspace: OfflineWorkspace, name: str, **variables: Any) -> str:
    """All that a plan says which is refused, white space as single spaces."""
    values = workspace.work / "refused.tfvars.json"
    values.write_text(json.dumps({"release": SAMPLE, **variables}))
    done = run(
        ["plan", "-input=false", "-json", f"-var-file={values}"],
        chdir=workspace.folder / "envs" / name,
        env={**workspace.env, "TF_DATA_DIR": str(workspace.work / "data" / name)},  # of the plans before
        accept=frozenset({1}),
    )
    diagnostics = [json.loads(line).get("diagnostic", {}) for line in done.stdout.splitlines()]
    said = [f"{d['summary']}: {d['detail']}" for d in diagnostics if d.get("severity") == "error"]
    return " ".join(" ".join(said).split())


@pytest.fixture(scope="module")
def ready(workspace: OfflineWorkspace, plans: dict[str, PlanResult]) -> OfflineWorkspace:
    """The workspace after each environment was planned once."""
    assert set(NAMES) <= set(plans)
    return workspace


def release(**changed: Any) -> dict[str, Any]:
    return {"release": {**SAMPLE, **changed}}


def test_code_is_equal_and_only_values_differ() -> None:
    for name in NAMES:
        here, dev = ENVS / name, ENVS / "dev"
        assert {p.name for p in here.glob("*.tf")} == {p.name for p in dev.glob("*.tf")}
        for path in [*dev.glob("*.tf"), dev / "tests" / "own.tftest.hcl"]:
            assert (here / path.relative_to(dev)).read_bytes() == path.read_bytes(), f"{name}/{path.name} differs"
        assert (here / "terraform.tfvars").is_file()
        example = (here / "backend.hcl.example").read_text()
        settings = dict(re.findall(r"^(\w+)\s*= (.+)$", example, re.MULTILINE))
        assert set(settings) == {"bucket", "key", "region", "encrypt", "kms_key_id", "use_lockfile"}
        assert settings["key"] == f'"environments/{name}/terraform.tfstate"'
        assert settings["use_lockfile"] == settings["encrypt"] == "true"


def test_a_plan_holds_the_whole_environment(plans: dict[str, PlanResult]) -> None:
    without_resources = {"agentcore", "catalog", "contract", "foundation", "function", "network"}
    modules = {p.parent.name for p in SOURCES.glob("modules/*/versions.tf")} - without_resources
    for name, made in plans.items():
        planned = {re.sub(r"\[[^]]*]", "", entry["module_address"]).split(".")[-1] for entry in resources(made)}
        assert modules <= planned, f"{name} lacks {modules - planned}"
        assert {entry["type"] for entry in resources(made)} <= {*GLOBAL, *REGIONAL, *NAMELESS}


def test_everything_is_tagged_with_environment_cost_centre_and_module(plans: dict[str, PlanResult]) -> None:
    for made in plans.values():
        prefix, expected = made.environment.name, set()
        for entry in resources(made):
            after = entry["change"]["after"]
            if "tags_all" not in after:
                continue
            tags = after["tags"]
            expected.add(entry["type"])
            assert tags, f"{entry['address']} has no tags"
            modules = re.sub(r"\[[^]]*]", "", entry["module_address"]).split(".module.")
            assert tags["Module"] in modules[-2:] or tags["Module"] == modules[0].removeprefix("module.")
            assert tags["Platform"].startswith("clinic-"), prefix
        assert {"aws_dynamodb_table", "aws_kms_key", "aws_bedrockagentcore_memory", "aws_lambda_function"} <= expected
        default = made.document["configuration"]["provider_config"]["aws"]["expressions"]["default_tags"][0]["tags"]
        references = set(default["references"])
        assert {"var.environment", "var.cost_centre", "var.production"} <= references


def test_two_environments_in_one_account_share_no_name(plans: dict[str, PlanResult]) -> None:
    reach = {**GLOBAL, **REGIONAL}
    assert names(plans["dev"], reach) & names(plans["staging"], reach) == set()
    assert len(names(plans["dev"], reach)) >= 40


def test_two_regions_in_one_account_share_no_name_of_the_account(plans: dict[str, PlanResult]) -> None:
    assert names(plans["prod"], GLOBAL) & names(plans["ireland"], GLOBAL) == set()
    assert len(names(plans["prod"], GLOBAL)) >= 9


def _wildcards(made: PlanResult) -> set[str]:
    """Names with a wildcard in the policies of a plan: the last part of an ARN, if it has the environment's name."""
    assert made.recorded is not None
    text = json.dumps(made.recorded)
    found = set(re.findall(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:([^\"\\\s]*[*][^\"\\\s]*)", text))
    return {name for name in found if re.search(r"clinic[-_]", name)}


def test_no_pattern_of_an_environment_covers_anything_of_another(plans: dict[str, PlanResult]) -> None:
    for name, made in plans.items():
        patterns = _wildcards(made)
        assert any(pattern.startswith("gateway/") for pattern in patterns)
        assert any(pattern.startswith("log-group:/aws/bedrock-agentcore/runtimes/") for pattern in patterns)
        for other in {*plans} - {name}:
            others = {value for _, value in names(plans[other], {**GLOBAL, **REGIONAL})}
            reached = {
                f"{kind}{value}{end}" for value in others for kind in _KINDS for end in ("", "-abcdefghij", ":x")
            }
            assert not [r for pattern in patterns for r in reached if fnmatch.fnmatchcase(r, pattern)]


_KINDS: Final = (
    *("gateway/", "policy-engine/", "runtime/", "memory/", "policy-engines/", "role/", "function:", "table/", ""),
    *("log-group:", "log-group:/aws/bedrock-agentcore/runtimes/"),
)
_WORD = st.from_regex(r"[a-z][a-z0-9]{0,3}", fullmatch=True)


@given(one=st.tuples(_WORD, _WORD, _WORD), other=st.tuples(_WORD, _WORD, _WORD))
def test_a_prefix_of_three_words_is_never_the_start_of_another(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    ours, theirs = "-".join(one), "-".join(other)
    assert ours == theirs or not f"{theirs}-x".startswith(f"{ours}-")


def test_every_region_has_a_short_code_of_its_own() -> None:
    source = (ENVS / "dev" / "variables.tf").read_text()
    (first, second) = re.findall(
        r'join\("", \[for word in split\("-", var[.]region\) : lookup\(.*?\)]\)', source, re.DOTALL
    )
    assert first == second
    partitions = ("aws", "aws-cn", "aws-us-gov")
    regions = sorted(r for p in partitions for r in boto3.session.Session().get_available_regions("lambda", p))
    assert len(regions) > 30
    code = " ".join(first.replace("var.region", "region").split())
    asked = f"jsonencode({{ for region in {json.dumps(regions)} : region => {code} }})"
    done = subprocess.run(
        [find_terraform({}).path, "console"], input=asked, capture_output=True, text=True, timeout=60, check=True
    )
    codes = json.loads(json.loads(done.stdout))
    assert codes["us-east-1"] == "use1"
    assert codes["ap-southeast-2"] == "apse2"
    assert len(set(codes.values())) == len(regions)
    assert max(map(len, codes.values())) <= 6


# Each with the value that is refused, and what the plan says.
PRODUCTION: Final[dict[str, tuple[Any, str]]] = {
    "policy_mode": ("LOG_ONLY", "policy_mode: must be ENFORCE in production"),
    "password_sign_in": (True, "password_sign_in: must be false in production"),
    "mfa": ("OPTIONAL", "mfa: must be ON in production"),
    "customer_managed_key": (False, "customer_managed_key: must be true in production"),
    "alarms": ({}, "alarms.topic_arns: must name an SNS topic in production"),
    "protect_data": (False, "protect_data: must be true in production"),
    "payload_logs": (["runtime"], "payload_logs: must be empty in production"),
    "log_retention_days": (1, "log_retention_days: must be at least 365 in production"),
    "kms_deletion_window_days": (7, "kms_deletion_window_days: must be 30 in production"),
}


def test_production_refuses_what_weakens_it_and_says_all_of_it_at_once(ready: OfflineWorkspace) -> None:
    said = refused(ready, "prod", **{name: value for name, (value, _) in PRODUCTION.items()})
    for _, message in PRODUCTION.values():
        assert message in said


def test_production_refuses_thresholds_that_switch_alarms_off(ready: OfflineWorkspace) -> None:
    topics = {"topic_arns": ["arn:aws:sns:us-east-1:444455556666:clinic-alarms"]}
    never = dict.fromkeys(("latency_p95_ms", "latency_p99_ms", "throttles", "cross_tenant_attempts"), 1e9)
    for thresholds in ({"error_percent": 100}, never):
        said = refused(ready, "prod", alarms={**topics, "thresholds": {"basic": thresholds}})
        assert "alarms.thresholds: must in production be at most error_percent 20" in said
    said = refused(ready, "dev", alarms={**topics, "thresholds": {"basic": never}})
    assert "thresholds: throttles must be 1-1000 and cross_tenant_attempts 1-10, or the alarm never rings" in said


def test_bad_values_are_refused_with_what_to_do(ready: OfflineWorkspace) -> None:
    bad = {
        "name_prefix": "clinic-dev2",
        "alarms": {"topic_arns": [], "thresholds": {"gold": {"error_percent": 1}}},
        "account_id": "1234",
        "cost_centre": "",
    }
    said = refused(ready, "dev", **bad, **release(endpoints={"live": "7", "candidate": "1"}))
    assert "name_prefix: must be <product>-dev-use1 with a product of lower-case letters and digits" in said
    assert 'alarms.thresholds: must be of tiers of the catalog (basic, premium); got ["gold"].' in said
    assert 'account_id: must be 12 digits; got "1234".' in said
    assert "cost_centre: must be 1-64 letters" in said
    assert "release.endpoints: must serve runtime versions that were applied here (1, the first)" in said
    said = refused(ready, "dev", environment="staging", name_prefix="clinic-staging-use1")
    assert 'environment: must be the name of this folder, dev; got "staging".' in said


def test_an_agent_of_another_contract_is_refused_at_plan_time(ready: OfflineWorkspace) -> None:
    said = refused(ready, "dev", **release(contract_version=2))
    assert "release.contract_version: must be 1, which this platform offers; publish an agent of that contract" in said


def test_a_contract_that_changes_takes_every_endpoint_with_it(ready: OfflineWorkspace) -> None:
    """What runs is of contract 9 here, so that the platform's own, 1, is another."""
    changed = {"runtime_versions": {"1": "0.1.0"}, "runtime_contracts": {"1": 9}}
    said = refused(ready, "dev", **release(**changed, endpoints={"live": "1", "candidate": "1"}))
    assert "release.endpoints: must serve agents of contract 1, which this apply brings to the functions" in said
    assert "make promote ENV=dev VERSION=0.2.0 ENDPOINT=live ARGS=--with-apply" in said


def test_the_runtime_makes_no_log_groups_since_terraform_does(plans: dict[str, PlanResult]) -> None:
    for made in plans.values():
        assert made.recorded is not None
        role = made.recorded["module.foundation.module.tenant_access.aws_iam_role_policy.execution"]
        assert "logs:PutLogEvents" in role["policy"]
        assert "CreateLogGroup" not in role["policy"]
        groups = {entry["address"] for entry in resources(made) if entry["type"] == "aws_cloudwatch_log_group"}
        for endpoint in ("live", "candidate", "DEFAULT"):
            assert f'module.observability.aws_cloudwatch_log_group.runtime["{endpoint}"]' in groups


def test_a_missing_value_is_named(ready: OfflineWorkspace) -> None:
    tfvars = ready.folder / "envs" / "staging" / "terraform.tfvars"
    before = tfvars.read_text()
    tfvars.write_text(re.sub(r"^cost_centre.*\n", "", before, flags=re.MULTILINE))
    try:
        assert 'The root module input variable "cost_centre" is not set' in refused(ready, "staging")
    finally:
        tfvars.write_text(before)


def test_a_bad_catalog_is_refused_for_a_whole_environment(ready: OfflineWorkspace, tmp_path: Path) -> None:
    tiers = (SOURCES / "catalog" / "tiers.yaml").read_text()
    bad = catalog_copy(SOURCES / "catalog", tmp_path / "bad", tiers + ENTERPRISE.replace("enterprise:", "Enter_prise:"))
    tool = json.loads((bad / "tools" / "get_patient.json").read_text())
    del tool["target"]
    (bad / "tools" / "get_patient.json").write_text(json.dumps(tool))
    said = refused(ready, "dev", catalog_dir=str(bad))
    assert "tiers.Enter_prise: the name must match" in said
    assert "tools.get_patient.target: is required" in said


def _tiers(count: int) -> str:
    tiers = yaml.safe_load((SOURCES / "catalog" / "tiers.yaml").read_text())
    more = yaml.safe_load(ENTERPRISE)["enterprise"]
    # The longest names there may be: policies and environments have to hold them.
    longest = [f"enterprise{n:06d}" for n in range(count - len(tiers))]
    return yaml.safe_dump({**tiers, **{name: {**more, "display_name": f"Enterprise {name[-6:]}"} for name in longest}})


def test_the_tenth_tier_plans(workspace: OfflineWorkspace, tmp_path: Path) -> None:
    catalog = catalog_copy(SOURCES / "catalog", tmp_path / "ten", _tiers(10))
    made = workspace.plan("dev", variables={"catalog_dir": str(catalog)}, record=True)
    assert len([r for r in resources(made) if r["type"] == "aws_bedrockagentcore_memory"]) == 10
    assert len([r for r in resources(made) if r["type"] == "aws_iam_role_policy_attachment"]) == 10


def test_a_promotion_changes_one_endpoint_and_nothing_else(workspace: OfflineWorkspace, applied: Path) -> None:
    assert changes(workspace.plan("dev", state=applied)) == {}
    newer = release(
        agent_version="0.3.0",
        artifacts=json.loads(json.dumps(SAMPLE["artifacts"]).replace("0.2.0", "0.3.0")),
        runtime_versions={"1": "0.2.0"},
    )
    into = applied.parent / "newer"
    state = workspace.apply("dev", into=into, state=applied, release=newer)
    numbered = {**newer["release"], "runtime_versions": {"1": "0.2.0", "2": "0.3.0"}}
    assert changes(workspace.plan("dev", state=state, release={"release": numbered})) == {}
    promoted = {**numbered, "endpoints": {"live": "1", "candidate": "2"}, "candidate_share_percent": 20}
    assert changes(workspace.plan("dev", state=state, release={"release": promoted})) == {
        'module.agentcore.module.runtime.aws_bedrockagentcore_agent_runtime_endpoint.this["candidate"]': ("update",)
    }


def test_programs_find_what_they_need_in_the_outputs(applied: Path, tmp_path: Path) -> None:
    outputs = json.loads(applied.read_text())["outputs"]
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps({name: {"sensitive": False, **entry} for name, entry in outputs.items()}))
    settings = read_settings(file)
    assert settings.region == "us-east-1"
    assert settings.registry_table == "clinic-dev-use1-registry"
    assert settings.patients_table == "clinic-dev-use1-patients"
    assert settings.documents_bucket == "clinic-dev-use1-documents-111122223333-us-east-1"
    assert settings.tiers == frozenset({"basic", "premium"})
    values = {name: entry["value"] for name, entry in outputs.items()}
    arn = values["runtime"]["arn"].replace(":", "%3A").replace("/", "%2F")
    base = f"https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/{arn}/invocations"
    assert values["runtime_url"] == f"{base}?qualifier=live"
    assert values["runtime_urls"] == {name: f"{base}?qualifier={name}" for name in ("candidate", "live")}
    assert values["gateway_url"] == values["gateway"]["url"]
    assert values["candidate_share_percent"] == 0
    assert set(values["roles"]) == {"broker", "claims", "execution", "gateway", "interceptor", "tenant", "tools"}
    assert values["buckets"]["artifacts"] == "clinic-artifacts-111122223333-us-east-1"


def test_no_resource_is_a_tenants(plans: dict[str, PlanResult]) -> None:
    """Rows, users and objects are data; Terraform manages what holds them. An e2e test adds 10,000 and plans again."""
    for made in plans.values():
        kinds = {entry["type"] for entry in resources(made)}
        assert not {kind for kind in kinds if re.search(r"table_item|cognito_user$|cognito_user_group|s3_object", kind)}
