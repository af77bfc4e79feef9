"""What the AgentCore root renders, in the laptop's order, and what a change of the catalog changes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from clinic_agent import keys
from local_aws.recorded_state import RecordedState
from scripts.terraform.cli import TerraformFailed, TerraformRoot, run

from .agentcore_support import FOUNDATION, VARIABLES, WITHOUT_FOUNDATION, Change, catalog_copy, planned_changes
from .support import ENTERPRISE, SOURCES, Workspace

pytestmark = pytest.mark.timeout(300)  # the fixture applies twice, on a machine that may have other things to do

CATALOG = SOURCES / "catalog"
TIERS: dict[str, Any] = yaml.safe_load((CATALOG / "tiers.yaml").read_text())
TOOLS: dict[str, Any] = {p.stem: json.loads(p.read_text()) for p in sorted((CATALOG / "tools").glob("*.json"))}
GATEWAY = "module.agentcore.module.gateway.aws_bedrockagentcore_gateway.this"
RUNTIME = "module.agentcore.module.runtime.aws_bedrockagentcore_agent_runtime.this"
POLICY = 'module.agentcore.module.policy.aws_bedrockagentcore_policy.tier["{}"]'
MEMORY = 'module.agentcore.module.memory.aws_bedrockagentcore_memory.tier["{}"]'
STRATEGY = 'module.agentcore.module.memory.aws_bedrockagentcore_memory_strategy.tier["{}"]'


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The root after the laptop's order of applies."""

    root: TerraformRoot
    refused: str  # what a whole apply says before there is a foundation
    memories: RecordedState  # after the first apply
    state: RecordedState
    stable: bool  # whether a plan after the last apply is empty

    def by_address(self) -> dict[str, Mapping[str, Any]]:
        return {r.address: r.values for r in self.state.resources}


@pytest.fixture(scope="module")
def applied(recording: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Applied:
    folder = recording.folder / "envs" / "local" / "agentcore"
    root = TerraformRoot(folder=folder, work=tmp_path_factory.mktemp("agentcore"), env=recording.env)
    root.apply(WITHOUT_FOUNDATION, targets=["module.agentcore.module.memory"])
    memories = RecordedState.parse(root.show())
    with pytest.raises(TerraformFailed) as refused:
        root.apply(WITHOUT_FOUNDATION)
    root.apply(VARIABLES)
    return Applied(
        root=root,
        refused=" ".join(str(refused.value).split()),
        memories=memories,
        state=RecordedState.parse(root.show()),
        stable=root.plan_is_empty(),
    )


def _wire_name(tool: str) -> str:
    return f"{TOOLS[tool]['target']}___{TOOLS[tool].get('connector', {}).get('tool', tool)}"


def test_memories_are_applied_alone_and_then_everything_once(applied: Applied) -> None:
    assert {r.address.split(".aws_")[0] for r in applied.memories.resources} == {"module.agentcore.module.memory"}
    assert applied.memories.outputs["memories"] == applied.state.outputs["memories"]
    assert (
        "foundation: must be the foundation's outputs, but for -target=module.agentcore.module.memory; got null."
        in applied.refused
    )
    assert "null value" not in applied.refused  # one message, not one for each use of the variable
    assert applied.stable


def _dependencies(root: TerraformRoot) -> dict[str, set[str]]:
    """What each resource waits for, directly or not, as `terraform graph` has it."""
    env = {**root.env, "TF_DATA_DIR": str(root.work / "data")}
    graph = run(["graph"], chdir=root.folder, env=env).stdout
    waits: dict[str, set[str]] = {}
    for one, other in re.findall(r'^\s*"([^"]+)" -> "([^"]+)"', graph, re.MULTILINE):
        waits.setdefault(one, set()).add(other)

    def all_of(name: str) -> set[str]:
        direct = waits.get(name, set())
        return direct.union(*(all_of(other) for other in direct))

    names = set(re.findall(r'^\s*"(module[^"]+)" \[', graph, re.MULTILINE))
    return {name: all_of(name) for name in names}


def test_resources_wait_for_what_the_service_needs_first_and_no_longer(applied: Applied) -> None:
    waits = _dependencies(applied.root)
    engine, policy = (
        "module.agentcore.module.policy.aws_bedrockagentcore_policy_engine.this",
        POLICY.removesuffix('["{}"]'),
    )
    targets = {
        f"module.agentcore.module.gateway.aws_bedrockagentcore_gateway_target.{kind}"
        for kind in ("function", "connector")
    }
    endpoint = "module.agentcore.module.runtime.aws_bedrockagentcore_agent_runtime_endpoint.this"
    memory, strategy = MEMORY.removesuffix('["{}"]'), STRATEGY.removesuffix('["{}"]')
    assert waits == {
        memory: set(),  # nor for the foundation: the first apply has none
        strategy: {memory},
        engine: set(),
        GATEWAY: {engine},
        **{target: {GATEWAY, engine} for target in targets},
        policy: {*targets, GATEWAY, engine},
        RUNTIME: {*targets, GATEWAY, engine},
        endpoint: {RUNTIME, *targets, GATEWAY, engine},
    }


def _permit(tier: str, gateway_arn: str) -> str:
    """The policy that the catalog asks for, written out once more and independently of the template."""
    actions = ", ".join(sorted(f'AgentCore::Action::"{_wire_name(tool)}"' for tool in TIERS[tier]["tools"]))
    conditions = ['principal.hasTag("tier")', f'principal.getTag("tier") == "{tier}"']
    if hours := TIERS[tier].get("access_hours_utc"):
        now = "context.system.now.toTime()"
        conditions += [f'{now} >= duration("{hours["from"]}h")', f'{now} < duration("{hours["to"]}h")']
    resource = f'resource == AgentCore::Gateway::"{gateway_arn}"'
    return (
        f"permit ( principal is AgentCore::OAuthUser, action in [ {actions} ], {resource} ) "
        f"when {{ {' && '.join(conditions)} }};"
    )


def test_each_tier_has_one_policy_with_its_claim_tools_gateway_and_hours(applied: Applied) -> None:
    gateway = applied.state.one("aws_bedrockagentcore_gateway")["gateway_arn"]
    engine = applied.state.one("aws_bedrockagentcore_policy_engine")
    policies = applied.state.of_type("aws_bedrockagentcore_policy")
    assert {p["name"]: " ".join(p["definition"][0]["cedar"][0]["statement"].split()) for p in policies} == {
        f"clinic_test_{tier}_tools": _permit(tier, gateway) for tier in TIERS
    }
    assert {p["validation_mode"] for p in policies} == {"FAIL_ON_ANY_FINDINGS"}
    assert {p["policy_engine_id"] for p in policies} == {engine["policy_engine_id"]}
    shown = {p["name"].split("_")[2]: p["definition"][0]["cedar"][0]["statement"] for p in policies}
    assert applied.state.outputs["policies"] == shown
    # The catalog shows both kinds.
    assert [tier for tier, t in TIERS.items() if "access_hours_utc" in t] == ["basic"]


def _authorizer(values: Mapping[str, Any]) -> dict[str, Any]:
    (configuration,) = values["authorizer_configuration"]
    (jwt,) = configuration["custom_jwt_authorizer"]
    claims = {}
    for claim in jwt["custom_claim"]:
        (match,) = claim["authorizing_claim_match_value"]
        (value,) = match["claim_match_value"]
        wanted = value["match_value_string"] or value["match_value_string_list"]
        claims[claim["inbound_token_claim_name"]] = (
            claim["inbound_token_claim_value_type"],
            match["claim_match_operator"],
            wanted,
        )
    rest = {k: v for k, v in jwt.items() if v and k != "custom_claim"}
    return {**rest, "claims": claims}


def test_gateway_and_runtime_let_in_access_tokens_of_the_client_and_of_known_tiers(applied: Applied) -> None:
    expected = {
        "discovery_url": FOUNDATION["discovery_url"],
        "allowed_clients": [FOUNDATION["client_id"]],
        "claims": {
            "token_use": ("STRING", "EQUALS", "access"),
            "tiers": ("STRING_ARRAY", "CONTAINS_ANY", sorted(TIERS)),
        },
    }
    gateway = applied.state.one("aws_bedrockagentcore_gateway")
    assert gateway["authorizer_type"] == "CUSTOM_JWT"
    assert _authorizer(gateway) == expected
    assert _authorizer(applied.state.one("aws_bedrockagentcore_agent_runtime")) == expected


def test_every_call_passes_interceptor_and_engine_and_errors_tell_nothing(applied: Applied) -> None:
    gateway = applied.state.one("aws_bedrockagentcore_gateway")
    (interceptor,) = gateway["interceptor_configuration"]
    assert interceptor["interception_points"] == ["REQUEST"]
    assert interceptor["interceptor"][0]["lambda"][0]["arn"] == FOUNDATION["interceptor_function_arn"]
    assert interceptor["input_configuration"][0]["pass_request_headers"] is True
    engine = applied.state.one("aws_bedrockagentcore_policy_engine")
    assert gateway["policy_engine_configuration"] == [{"arn": engine["policy_engine_arn"], "mode": "ENFORCE"}]
    assert gateway["role_arn"] == FOUNDATION["gateway_role_arn"]
    assert gateway["exception_level"] is None
    assert gateway["protocol_configuration"][0]["mcp"][0]["search_type"] is None
    assert applied.state.outputs["gateway"]["url"] == gateway["gateway_url"]


def test_function_tools_are_those_of_the_catalog_with_their_schemas(applied: Applied) -> None:
    target = applied.by_address()[
        'module.agentcore.module.gateway.aws_bedrockagentcore_gateway_target.function["clinic-data"]'
    ]
    (function,) = target["target_configuration"][0]["mcp"][0]["lambda"]
    assert function["lambda_arn"] == FOUNDATION["tools_function_arn"]
    (schema,) = function["tool_schema"]
    rendered = {}
    for tool in schema["inline_payload"]:
        (arguments,) = tool["input_schema"]
        properties = {p["name"]: {"type": p["type"], "description": p["description"]} for p in arguments["property"]}
        required = sorted(p["name"] for p in arguments["property"] if p["required"])
        rendered[tool["name"]] = (tool["description"], arguments["type"], properties, required)
    files = {name: t for name, t in TOOLS.items() if "connector" not in t}
    assert {t["target"] for t in files.values()} == {"clinic-data"}
    assert rendered == {
        name: (
            t["description"],
            t["inputSchema"]["type"],
            t["inputSchema"]["properties"],
            sorted(t["inputSchema"].get("required", [])),
        )
        for name, t in files.items()
    }
    (metadata,) = target["metadata_configuration"]
    assert metadata["allowed_request_headers"] == ["X-Clinic-Access-Token", "X-Clinic-Request-Id"]
    assert not metadata["allowed_response_headers"]
    assert not metadata["allowed_query_parameters"]


def test_web_search_is_a_connector_that_offers_one_tool_and_sees_no_header(applied: Applied) -> None:
    target = applied.by_address()[
        'module.agentcore.module.gateway.aws_bedrockagentcore_gateway_target.connector["web-search"]'
    ]
    (connector,) = target["target_configuration"][0]["mcp"][0]["connector"]
    assert connector["source"][0]["connector_id"] == "web-search"
    assert connector["enabled"] == ["WebSearch"]
    (configuration,) = connector["configuration"]
    assert configuration["name"] == "WebSearch"
    assert configuration["description"] == TOOLS["web_search"]["description"]
    assert json.loads(configuration["parameter_values"]) == {}
    assert target["metadata_configuration"] == []
    # The connector's arguments are in no resource: the stand-in reads them here.
    output = applied.state.outputs["tools"]["web_search"]
    assert output["wire_name"] == "web-search___WebSearch"
    assert set(output["properties"]) == set(TOOLS["web_search"]["inputSchema"]["properties"])


def test_every_tool_has_the_wire_name_that_policies_use(applied: Applied) -> None:
    assert {name: t["wire_name"] for name, t in applied.state.outputs["tools"].items()} == {
        name: _wire_name(name) for name in TOOLS
    }


def test_the_runtime_starts_the_bundle_and_knows_neither_tenant_nor_data(applied: Applied) -> None:
    runtime = applied.state.one("aws_bedrockagentcore_agent_runtime")
    (code,) = runtime["agent_runtime_artifact"][0]["code_configuration"]
    assert runtime["agent_runtime_name"] == "clinic_test_agent"
    assert (code["runtime"], code["entry_point"]) == ("PYTHON_3_11", ["main.py"])
    assert code["code"][0]["s3"][0]["bucket"] == "clinic-test-artifacts"
    assert code["code"][0]["s3"][0]["prefix"] == "agents/clinic-agent/1.2.0/runtime-linux-arm64.zip"
    assert runtime["tags"] == {"AgentVersion": "1.2.0", "BundleSha256": "0123456789abcdef" * 4}
    assert runtime["environment_variables"] == {
        "TOKEN_ISSUER": FOUNDATION["issuer"],
        "TOKEN_JWKS_URL": FOUNDATION["jwks_url"],
        "TOKEN_CLIENT_ID": FOUNDATION["client_id"],
        "BROKER_FUNCTION": FOUNDATION["broker_function_arn"],
        "GATEWAY_URL": "http://127.0.0.1:8701/mcp",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "PLATFORM_CONTRACT": "1",
        "PLATFORM_NAME": "clinic-test",
    }
    assert runtime["request_header_configuration"] == [{"request_header_allowlist": ["Authorization"]}]
    assert runtime["lifecycle_configuration"] == [{"idle_runtime_session_timeout": 300, "max_lifetime": 3600}]


def test_endpoints_are_named_and_pinned(applied: Applied) -> None:
    endpoints = applied.state.of_type("aws_bedrockagentcore_agent_runtime_endpoint")
    assert {e["name"]: e["agent_runtime_version"] for e in endpoints} == {"live": "1", "candidate": "1"}
    assert set(applied.state.outputs["runtime"]["endpoints"]) == {"live", "candidate"}


def test_each_tier_has_its_memory_and_records_go_where_the_agent_looks(applied: Applied) -> None:
    memories = applied.state.of_type("aws_bedrockagentcore_memory")
    assert {m["name"]: m["event_expiry_duration"] for m in memories} == {
        f"clinic_test_{tier}": t["memory"]["retention_days"] for tier, t in TIERS.items()
    }
    by_id = {m["id"]: m["name"].removeprefix("clinic_test_") for m in memories}
    strategies = applied.state.of_type("aws_bedrockagentcore_memory_strategy")
    assert {(by_id[s["memory_id"]], s["name"]) for s in strategies} == {
        (tier, name) for tier, t in TIERS.items() for name in t["memory"]["strategies"]
    }
    clinic, user = "clinic-a", "00000000-0000-4000-8000-000000000001"
    actor = keys.actor_id(clinic, user)
    for strategy in strategies:
        (template,) = strategy["namespace_templates"]
        # The tenant role allows /actors/<clinic>/<user>/* and nothing else.
        assert template.replace("{actorId}", actor).startswith(keys.memory_path(clinic, user))
        assert template.endswith("/")
    (preferences,) = [s for s in strategies if s["name"] == "preferences"]
    assert preferences["type"] == "USER_PREFERENCE"
    rendered = preferences["namespace_templates"][0].replace("{actorId}", actor)
    assert rendered == keys.preferences_namespace(clinic, user)


Plan = Callable[[str], dict[str, Change]]


@pytest.fixture
def plan_with(applied: Applied, tmp_path: Path) -> Plan:
    """Plan the applied root with other tiers."""

    def plan(tiers: str) -> dict[str, Change]:
        catalog = catalog_copy(CATALOG, tmp_path / "catalog", tiers)
        return planned_changes(applied.root, {**VARIABLES, "catalog_dir": str(catalog)})

    return plan


def _statement(values: Mapping[str, Any] | None) -> str:
    assert values is not None
    return str(values["definition"][0]["cedar"][0]["statement"])


def test_taking_a_tool_from_a_tier_changes_that_tiers_policy_and_nothing_else(plan_with: Plan) -> None:
    tiers = json.loads(json.dumps(TIERS))
    tiers["basic"]["tools"].remove("list_patients")
    changes = plan_with(yaml.safe_dump(tiers))
    assert set(changes) == {POLICY.format("basic")}
    change = changes[POLICY.format("basic")]
    assert change.actions == ("update",)
    assert change.changed() == {"definition"}
    line = '    AgentCore::Action::"clinic-data___list_patients",\n'
    assert _statement(change.before).replace(line, "", 1) == _statement(change.after)
    assert line in _statement(change.before)


def test_other_hours_change_that_tiers_policy_and_nothing_else(plan_with: Plan) -> None:
    tiers = json.loads(json.dumps(TIERS))
    tiers["basic"]["access_hours_utc"] = {"from": 7, "to": 24}
    changes = plan_with(yaml.safe_dump(tiers))
    assert set(changes) == {POLICY.format("basic")}
    after = _statement(changes[POLICY.format("basic")].after)
    assert 'context.system.now.toTime() >= duration("7h")' in after
    assert "toTime() <" not in after


def test_retention_changes_the_memory_in_place(plan_with: Plan) -> None:
    tiers = json.loads(json.dumps(TIERS))
    tiers["premium"]["memory"]["retention_days"] = 200
    changes = plan_with(yaml.safe_dump(tiers))
    assert {address: c.actions for address, c in changes.items()} == {MEMORY.format("premium"): ("update",)}
    assert changes[MEMORY.format("premium")].changed() == {"event_expiry_duration"}


def test_a_new_tier_gets_memory_and_policy_and_is_let_in_and_that_is_all(plan_with: Plan) -> None:
    changes = plan_with((CATALOG / "tiers.yaml").read_text() + ENTERPRISE)
    created = {address for address, c in changes.items() if c.actions == ("create",)}
    updated = {address for address, c in changes.items() if c.actions == ("update",)}
    assert created == {
        MEMORY.format("enterprise"),
        STRATEGY.format("enterprise/facts"),
        STRATEGY.format("enterprise/preferences"),
        POLICY.format("enterprise"),
    }
    assert updated == {GATEWAY, RUNTIME}
    assert set(changes) == created | updated
    assert changes[GATEWAY].changed() == {"authorizer_configuration"}
    assert changes[RUNTIME].changed() == {"authorizer_configuration", "agent_runtime_version"}
    for address in updated:
        before, after = changes[address].before, changes[address].after
        assert before is not None
        assert after is not None
        old, new = _authorizer(before), _authorizer(after)
        assert new["claims"]["tiers"] == ("STRING_ARRAY", "CONTAINS_ANY", sorted([*TIERS, "enterprise"]))
        new["claims"]["tiers"] = old["claims"]["tiers"]
        assert new == old


def test_a_new_bundle_makes_a_version_and_moves_no_endpoint(applied: Applied) -> None:
    artifacts = json.loads(json.dumps(VARIABLES["artifacts"]).replace("1.2.0", "1.3.0"))
    changes = planned_changes(applied.root, {**VARIABLES, "agent_version": "1.3.0", "artifacts": artifacts})
    assert {address: c.actions for address, c in changes.items()} == {RUNTIME: ("update",)}
    assert changes[RUNTIME].changed() == {
        "agent_runtime_artifact", "agent_runtime_version", "description", "tags", "tags_all"
    }  # fmt: skip


def _refusal(applied: Applied, **variables: Any) -> str:
    with pytest.raises(TerraformFailed) as refused:
        planned_changes(applied.root, {**VARIABLES, **variables})
    return " ".join(str(refused.value).split())


def test_an_endpoint_on_a_version_to_come_is_refused(applied: Applied) -> None:
    said = _refusal(applied, endpoints={"live": "2", "candidate": "1"})
    assert 'endpoints.live: must be a version that exists, the newest is 1; got "2".' in said


def test_the_root_refuses_what_does_not_fit_together_and_says_why(applied: Applied) -> None:
    said = _refusal(
        applied, catalog_dir="/nowhere", gateway_base_url="http://gateway.example", account_id="111122223333"
    )
    assert 'catalog_dir: must hold tiers.yaml; got "/nowhere".' in said
    assert "gateway_base_url: must be a scheme and host without a path, https or on the loopback; got " in said
    assert "foundation: ARNs must be of partition aws and account 111122223333; got " in said
