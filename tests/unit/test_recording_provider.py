"""Terraform applies the fixture with the recording provider, as it would with the real one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local_aws.terraform_provider import data
from local_aws.terraform_provider.server import MAGIC_COOKIE
from scripts.terraform.cli import TerraformFailed, TerraformRoot, recording_environment, run
from scripts.terraform.sessions import recording_session

from .recording_provider_support import recorded, root

AGENTCORE = "arn:aws:bedrock-agentcore:eu-west-1:111122223333"
SCHEMA = data.load()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment without AWS, and with a home that has a CLI configuration of its own."""
    home = tmp_path_factory.mktemp("home")
    (home / ".terraformrc").write_text("disable_checkpoint = true\n")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_"))}
    return kept | {"HOME": str(home), "TF_CLI_CONFIG_FILE": str(home / "missing.tfrc")}


@pytest.fixture(scope="module")
def mirrored(base: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return recording_environment(base, workdir=tmp_path_factory.mktemp("mirror"))


@pytest.fixture(scope="module")
def session(base: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with recording_session(base, workdir=tmp_path_factory.mktemp("session")) as env:
        yield env


@pytest.fixture(scope="module")
def applied(session: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> TerraformRoot:
    """The fixture as it is; tests only read it."""
    made = root(tmp_path_factory.mktemp("applied"), session)
    made.apply({})
    return made


@pytest.fixture(scope="module")
def values(applied: TerraformRoot) -> dict[str, dict[str, Any]]:
    return recorded(applied)


def test_the_installed_provider_applies_and_then_sees_nothing_to_change(
    mirrored: dict[str, str], values: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    said: list[str] = []
    made = root(tmp_path, mirrored)
    TerraformRoot(folder=made.folder, work=made.work, env=mirrored, progress=said.append).apply({})
    assert made.plan_is_empty()
    assert recorded(made) == values  # another process in another folder: the same ids
    assert any("Recording provider: nothing is created" in line for line in said)
    made.destroy()
    assert recorded(made) == {}
    assert json.loads(made.state.read_text())["resources"] == []


def test_ids_and_arns_have_the_form_of_the_service(values: dict[str, dict[str, Any]]) -> None:
    checked = 0
    for address, recorded_values in values.items():
        resource = SCHEMA.resources[address.partition(".")[0]]
        for name, attribute in resource.block.attributes.items():
            rule = resource.rules.get(name, {})
            if attribute.computed and isinstance(recorded_values[name], str) and "pattern" in rule:
                assert re.fullmatch(rule["pattern"], recorded_values[name]), f"{address}.{name}"
                assert rule.get("min", 0) <= len(recorded_values[name]) <= rule.get("max", 2048), f"{address}.{name}"
                checked += 1
    assert checked >= 15
    gateway = values["aws_bedrockagentcore_gateway.this"]
    assert re.fullmatch(r"clinic-gateway-[a-z0-9]{10}", gateway["gateway_id"])
    assert gateway["gateway_arn"] == f"{AGENTCORE}:gateway/{gateway['gateway_id']}"
    host = f"{gateway['gateway_id']}.gateway.bedrock-agentcore.eu-west-1.amazonaws.com"
    assert gateway["gateway_url"] == f"https://{host}/mcp"


def test_what_refers_to_another_resource_holds_its_id(values: dict[str, dict[str, Any]]) -> None:
    gateway = values["aws_bedrockagentcore_gateway.this"]
    engine = values["aws_bedrockagentcore_policy_engine.this"]
    policy = values["aws_bedrockagentcore_policy.basic"]
    assert gateway["policy_engine_configuration"] == [{"arn": engine["policy_engine_arn"], "mode": "ENFORCE"}]
    assert f'"{gateway["gateway_arn"]}"' in policy["definition"][0]["cedar"][0]["statement"]
    assert policy["policy_arn"] == f"{engine['policy_engine_arn']}/policy/{policy['policy_id']}"
    runtime = values["aws_bedrockagentcore_agent_runtime.this"]
    assert runtime["environment_variables"]["GATEWAY_URL"] == gateway["gateway_url"]
    assert runtime["environment_variables"]["MEMORY_ID"] == values["aws_bedrockagentcore_memory.this"]["id"]
    endpoint = values["aws_bedrockagentcore_agent_runtime_endpoint.live"]
    assert endpoint["agent_runtime_endpoint_arn"] == f"{runtime['agent_runtime_arn']}/runtime-endpoint/live"
    assert values["aws_bedrock_guardrail_version.this"]["version"] == "1"


def test_what_the_service_would_fill_in_is_filled_in(values: dict[str, dict[str, Any]]) -> None:
    runtime = values["aws_bedrockagentcore_agent_runtime.this"]
    assert runtime["lifecycle_configuration"] == [{"idle_runtime_session_timeout": 900, "max_lifetime": 28800}]
    assert runtime["region"] == "eu-west-1"
    engine = values["aws_bedrockagentcore_policy_engine.this"]
    assert (engine["tags"], engine["tags_all"]) == ({"Tier": "all"}, {"Product": "clinic", "Tier": "all"})
    strategy = values["aws_bedrockagentcore_memory_strategy.preferences"]
    assert strategy["namespaces"] == strategy["namespace_templates"] == ["/actors/{actorId}/preferences/"]
    target = values["aws_bedrockagentcore_gateway_target.tools"]
    tool = target["target_configuration"][0]["mcp"][0]["lambda"][0]["tool_schema"][0]["inline_payload"][0]
    found = {p["name"]: p["required"] for p in tool["input_schema"][0]["property"]}
    assert found == {"limit": False, "cursor": True}


def test_data_sources_that_need_no_account_are_answered(applied: TerraformRoot) -> None:
    statement = {
        "Sid": "Read",
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::clinic-documents/*",
        "Condition": {"StringEquals": {"aws:PrincipalTag/Tier": "basic"}},
    }
    expected = {"Version": "2012-10-17", "Statement": [statement]}
    assert applied.output() == {"account_id": "111122223333", "policy": expected}


def test_an_update_keeps_ids_counts_the_runtime_up_and_leaves_a_pinned_endpoint(
    session: dict[str, str], tmp_path: Path
) -> None:
    made = root(tmp_path, session)
    made.apply({})
    before = recorded(made)
    for version in ("2", "3"):
        made.apply({"description": f"Version {version}."})
        after = recorded(made)
        assert after["aws_bedrockagentcore_agent_runtime.this"]["agent_runtime_version"] == version
        assert after["aws_bedrockagentcore_agent_runtime_endpoint.live"]["agent_runtime_version"] == "1"
    assert made.plan_is_empty()
    for address, values in before.items():
        changed = {name for name, value in values.items() if after[address][name] != value}
        assert changed <= {"description", "agent_runtime_version"}, address
        assert ("description" in changed) == bool(values.get("description")), address


def test_another_name_makes_new_resources_and_removes_the_old_ones(session: dict[str, str], tmp_path: Path) -> None:
    made = root(tmp_path, session)
    made.apply({})
    before = recorded(made)["aws_bedrockagentcore_memory.this"]
    journal = tmp_path / "journal"
    with recording_session({**session, "RECORDING_PROVIDER_LOG": str(journal)}, workdir=tmp_path / "w") as logged:
        TerraformRoot(folder=made.folder, work=made.work, env=logged).apply({"name": "hospital"})
    after = recorded(made)
    assert after["aws_bedrockagentcore_memory.this"]["id"].startswith("hospital_basic-")
    assert after["aws_bedrockagentcore_memory_strategy.preferences"]["memory_id"] != before["id"]
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    memory = [line["action"] for line in lines if line["type"] == "aws_bedrockagentcore_memory"]
    assert memory == ["delete", "create"]
    assert "not-for-the-journal" not in journal.read_text()
    assert journal.stat().st_mode & 0o777 == 0o600


def test_a_value_that_only_the_apply_knows_is_checked_then(session: dict[str, str], tmp_path: Path) -> None:
    made = root(tmp_path, session)
    text = (made.folder / "main.tf").read_text()
    short = "substr(aws_bedrockagentcore_gateway.this.gateway_arn, 0, 20)"
    (made.folder / "main.tf").write_text(re.sub(r"statement = .*", f"statement = {short}", text))
    with pytest.raises(TerraformFailed, match=r"statement must be 35 to 10000 characters, has 20"):
        made.apply({})
    assert "aws_bedrockagentcore_policy.basic" not in recorded(made)
    assert "aws_bedrockagentcore_gateway.this" in recorded(made)


def test_a_state_of_an_older_schema_is_read(session: dict[str, str], tmp_path: Path) -> None:
    made = root(tmp_path, session)
    made.apply({})
    state = json.loads(made.state.read_text())
    for resource in state["resources"]:
        if resource["type"] == "aws_bedrockagentcore_gateway":
            attributes = resource["instances"][0]["attributes"]
            del attributes["exception_level"], attributes["protocol_configuration"]
    made.state.write_text(json.dumps(state))
    assert made.plan_is_empty()


def test_import_is_refused_with_a_reason(session: dict[str, str], tmp_path: Path) -> None:
    made = root(tmp_path, session)
    made.init()
    env = {**session, "TF_DATA_DIR": str(made.work / "data")}
    with pytest.raises(TerraformFailed, match=r"(?s)Cannot import aws_bedrockagentcore_memory.*nothing to import"):
        run(["import", "-no-color", "aws_bedrockagentcore_memory.this", "x"], chdir=made.folder, env=env)


def test_processes_at_the_same_time_do_not_share_settings(
    mirrored: dict[str, str], session: dict[str, str], tmp_path: Path
) -> None:
    regions = {"eu-west-1": "111122223333", "us-east-1": "444455556666", "us-gov-west-1": "777788889999"}

    def apply(env: dict[str, str], region: str) -> str:
        made = root(tmp_path / region / str(env is session), env)
        made.apply({"region": region, "account_id": regions[region]}, targets=["aws_bedrockagentcore_memory.this"])
        return str(recorded(made)["aws_bedrockagentcore_memory.this"]["arn"])

    jobs = [(env, region) for env in (mirrored, session) for region in regions if env is session or region > "us"]
    with ThreadPoolExecutor(len(jobs)) as pool:
        arns = list(pool.map(lambda job: apply(*job), jobs))
    for (_, region), arn in zip(jobs, arns, strict=True):
        partition = "aws-us-gov" if region.startswith("us-gov") else "aws"
        assert arn.startswith(f"arn:{partition}:bedrock-agentcore:{region}:{regions[region]}:memory/clinic_basic-")


def test_terraform_is_told_the_schema_that_the_data_file_has(mirrored: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('provider "aws" {}\n')
    # As terraform starts it outside of our environment: with an encrypted connection.
    env = {k: v for k, v in mirrored.items() if k != "TF_DISABLE_PLUGIN_TLS"}
    run(["init", "-input=false"], chdir=tmp_path, env=env)
    schemas = json.loads(run(["providers", "schema", "-json"], chdir=tmp_path, env=env).stdout)["provider_schemas"]
    told = schemas[SCHEMA.address]

    def same(block: data.Block, shown: dict[str, Any]) -> None:
        assert block.attributes.keys() == shown.get("attributes", {}).keys()
        for name, attribute in block.attributes.items():
            flags = {k: True for k in ("required", "optional", "computed", "sensitive") if getattr(attribute, k)}
            found = {k: v for k, v in shown["attributes"][name].items() if k in (*flags, "type", "write_only")}
            written = {"write_only": True} if attribute.write_only else {}
            assert found == {"type": attribute.type, **flags, **written}, name
        assert block.blocks.keys() == shown.get("block_types", {}).keys()
        for name, nested in block.blocks.items():
            inner = shown["block_types"][name]
            assert (nested.nesting, nested.min_items, nested.max_items) == (
                inner["nesting_mode"],
                inner.get("min_items", 0),
                inner.get("max_items", 0),
            )
            same(nested.block, inner["block"])

    same(SCHEMA.configuration, told["provider"]["block"])
    for kind, types in (("resource_schemas", SCHEMA.resources), ("data_source_schemas", SCHEMA.data_sources)):
        assert types.keys() == told[kind].keys()
        for name, resource in types.items():
            same(resource.block, told[kind][name]["block"])


def test_installing_again_changes_nothing_and_the_lock_fits_any_machine(base: dict[str, str], tmp_path: Path) -> None:
    locks = []
    for name in ("one", "two"):
        env = recording_environment(base, workdir=tmp_path / name)
        files = {path: path.stat().st_mtime_ns for path in (tmp_path / name).rglob("*") if path.is_file()}
        assert len(files) == 3
        assert recording_environment(base, workdir=tmp_path / name) == env
        assert {path: path.stat().st_mtime_ns for path in (tmp_path / name).rglob("*") if path.is_file()} == files
        made = root(tmp_path / f"of-{name}", env)
        made.init()
        locks.append((made.folder / ".terraform.lock.hcl").read_text())
        launcher = next((tmp_path / name).rglob("terraform-provider-*")).read_text()
        assert str(tmp_path) not in launcher
        assert sys.prefix not in launcher
    assert locks[0] == locks[1]


def test_neither_a_mirror_nor_the_users_settings_can_bring_in_the_real_provider(
    base: dict[str, str], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    for name in ("aws/6.69.1", "random/3.7.0"):
        folder = other / "registry.terraform.io/hashicorp" / name / "linux_amd64"
        folder.mkdir(parents=True)
        (folder / f"terraform-provider-{name.replace('/', '_v')}").touch()
    own = Path(base["HOME"]) / ".terraformrc"
    before = own.read_bytes()
    env = recording_environment({**base, "TF_PLUGIN_MIRROR": str(other)}, workdir=tmp_path / "w")
    config = Path(env["TF_CLI_CONFIG_FILE"]).read_text()
    assert config == (
        "# Written by scripts/terraform/setup.py at each run.\n"
        "provider_installation {\n"
        "  filesystem_mirror {\n"
        f'    path    = "{tmp_path}/w/mirror"\n'
        '    include = ["registry.terraform.io/hashicorp/aws"]\n'
        "  }\n"
        "  filesystem_mirror {\n"
        f'    path    = "{other}"\n'
        '    include = ["registry.terraform.io/hashicorp/random"]\n'
        "  }\n"
        "  direct {\n"
        '    exclude = ["registry.terraform.io/hashicorp/aws", "registry.terraform.io/hashicorp/random"]\n'
        "  }\n"
        "}\n"
    )
    assert own.read_bytes() == before
    assert "TF_PLUGIN_CACHE_DIR" not in recording_environment({**base, "TF_PLUGIN_CACHE_DIR": "/x"}, workdir=tmp_path)


def test_a_provider_started_by_hand_says_what_it_is() -> None:
    done = subprocess.run([sys.executable, "-m", "local_aws.terraform_provider"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "This is a Terraform provider: terraform starts it.\n")


def test_a_provider_whose_terraform_is_gone_ends_and_leaves_nothing() -> None:
    with tempfile.TemporaryDirectory(prefix="rp-") as short:  # pytest's folders are too long for a socket
        folder = Path(short)
        env = {**os.environ, MAGIC_COOKIE[0]: MAGIC_COOKIE[1], "TMPDIR": short}
        # A shell in terraform's place: it starts the provider, and is gone.
        script = f"{sys.executable} -I -m local_aws.terraform_provider & echo $!; exec sleep 30"
        with subprocess.Popen(["sh", "-c", script], env=env, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline())
            try:
                assert parent.stdout.readline().startswith(f"1|5|unix|{short}/tfprovider-")
                os.kill(pid, signal.SIGINT)  # Ctrl-C, which terraform gets too: it still needs its provider then
                time.sleep(0.2)
                os.kill(pid, 0)
            finally:
                parent.kill()
            until = time.monotonic() + 10
            while list(folder.iterdir()) and time.monotonic() < until:
                time.sleep(0.05)
        assert list(folder.iterdir()) == []
