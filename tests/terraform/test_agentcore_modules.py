"""The AgentCore modules on the recording provider: tested, with examples that plan, and refusals that say why."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from .agentcore_support import Call, Expression, refusals
from .support import SOURCES, Workspace, needs_agentcore, planned_example, readme_examples

FOLDERS = sorted(str(p.parent.relative_to(SOURCES)) for p in SOURCES.rglob("versions.tf") if needs_agentcore(p.parent))
FIXTURE = Path(__file__).parent / "fixture_agentcore"
# The first calls the others and has no types; the second sends spans to X-Ray, which 5.100 cannot.
WITH_OTHER_TYPES: Final = {"modules/agentcore", "modules/observability"}


@pytest.mark.parametrize("folder", [f for f in FOLDERS if f.startswith("modules/") and f not in WITH_OTHER_TYPES])
def test_agentcore_modules_hold_nothing_but_agentcore(folder: str) -> None:
    text = "\n".join(p.read_text() for p in (SOURCES / folder).glob("*.tf"))
    types = re.findall(r'^(?:resource|data) "(\w+)"', text, re.MULTILINE)
    assert types
    assert all(t.startswith("aws_bedrockagentcore_") for t in types)
    assert re.search(r'version = ">= 6[.]66, < 7[.]0"', (SOURCES / folder / "versions.tf").read_text())
    assert not re.search(r"\b(file|fileset|templatefile)\([^)]", text), "roots read files, modules do not"


@pytest.fixture(scope="module")
def examples(recording: Workspace) -> dict[str, Any]:
    """The plan of the READMEs' examples."""
    folder = recording.folder / "envs" / "agentcore_examples"
    folder.mkdir()
    blocks = [text for text, _ in readme_examples(agentcore=True).values()]
    (folder / "main.tf").write_text("\n".join([(FIXTURE / "main.tf").read_text(), *blocks]))
    recording.init("envs/agentcore_examples")
    recording.terraform("plan", "-input=false", "-out=plan.bin", chdir="envs/agentcore_examples")
    content: dict[str, Any] = json.loads(
        recording.terraform("show", "-json", "plan.bin", chdir="envs/agentcore_examples")[1]
    )
    return content


@pytest.mark.parametrize("module", sorted(readme_examples(agentcore=True)))
def test_agentcore_readme_example_plans_what_it_says(examples: dict[str, Any], module: str) -> None:
    assert planned_example(examples, module) == readme_examples(agentcore=True)[module][1]


Case = tuple[Mapping[str, Any], str]  # (inputs that are other than in GOOD, what the plan must say)

AUTHORIZER: Final = {
    "discovery_url": "https://issuer.example/.well-known/openid-configuration",
    "allowed_clients": ["client"],
    "tiers": ["basic"],
}
FUNCTION: Final = "arn:aws:lambda:eu-west-1:111122223333:function:f"
TOOL: Final = {"description": "A."}
GOOD: Final[Mapping[str, Mapping[str, Any]]] = {
    "memory": {"name_prefix": "clinic-test", "tiers": {"basic": {"retention_days": 90}}},
    "policy": {
        "name_prefix": "clinic-test",
        "gateway_arn": "arn:aws:bedrock-agentcore:eu-west-1:111122223333:gateway/g-abcdefghij",
        "target_ids": {"clinic-data": "ABCDEFGHIJ"},
        "template": Expression(text='file("../../catalog/policies/tier.cedar.tftpl")'),
        "tiers": {"basic": {"wire_names": ["clinic-data___get_patient"]}},
    },
    "gateway": {
        "name_prefix": "clinic-test",
        "role_arn": "arn:aws:iam::111122223333:role/gateway",
        "authorizer": AUTHORIZER,
        "interceptor_function_arn": FUNCTION,
        "policy_engine_arn": "arn:aws:bedrock-agentcore:eu-west-1:111122223333:policy-engine/e-abcdefghij",
        "targets": {"t": {"lambda_function_arn": FUNCTION, "tools": {"a": TOOL}}},
    },
    "runtime": {
        "name": "clinic_test_agent",
        "role_arn": "arn:aws:iam::111122223333:role/runtime",
        "agent_version": "1.2.0",
        "bundle": {
            "bucket": "artifacts",
            "key": "agents/clinic-agent/1.2.0/runtime.zip",
            "sha256": "0123456789abcdef" * 4,
            "runtime": "PYTHON_3_11",
        },
        "authorizer": AUTHORIZER,
        "endpoints": {"live": "1"},
    },
}


def _target(**values: Any) -> dict[str, Any]:
    return {"targets": {"t": {"lambda_function_arn": FUNCTION, "tools": {"a": TOOL}} | values}}


def _connector(**values: Any) -> dict[str, Any]:
    return _target(lambda_function_arn=None, connector_id="web-search", **values)


def _tiers(**values: Any) -> dict[str, Any]:
    return {"tiers": {"basic": {"wire_names": ["clinic-data___get_patient"]} | values}}


def _authorizer(**values: Any) -> dict[str, Any]:
    return {"authorizer": AUTHORIZER | values}


def _bundle(**values: Any) -> dict[str, Any]:
    return {"bundle": {**GOOD["runtime"]["bundle"], **values}}


PREFIX: Final = "name_prefix: must be 3-20 lower-case letters, digits and inner hyphens, letter first; got "
URL: Final = (
    "authorizer.discovery_url: must be https (http on the loopback only) and a /.well-known/openid-configuration "
    "without query; got "
)
BAD_AUTHORIZERS: Final[list[Case]] = [
    (_authorizer(discovery_url=url), f'{URL}"{url}".')
    for url in (
        "http://issuer.example/.well-known/openid-configuration",
        "http://localhost.example/.well-known/openid-configuration",
        "http://127.0.0.1@issuer.example/.well-known/openid-configuration",
        "http://127.0.0.1:80:80/.well-known/openid-configuration",
        "https://user@issuer.example/.well-known/openid-configuration",
        "https://issuer.example/.well-known/openid-configuration?x=1",
        "https://issuer.example/jwks.json",
        "file:///.well-known/openid-configuration",
    )
] + [
    (_authorizer(allowed_clients=[]), "authorizer.allowed_clients: must be one client id or more; got []."),
    (_authorizer(allowed_clients=["a b"]), 'authorizer.allowed_clients: must be one client id or more; got ["a b"].'),
    (_authorizer(tiers=[]), "authorizer.tiers: must be one name or more that matches ^[a-z][a-z0-9]{1,15}$; got []."),
    (_authorizer(tiers=["*"]), "authorizer.tiers: must be one name or more that matches"),
]
HEADERS: Final = (
    "targets: request_headers must be names that a gateway may pass on, none of Authorization, Cookie, x-amz-* and the "
    "like (headers.tf); got "
)
BAD: Final[Mapping[str, list[Case]]] = {
    "memory": [
        ({"name_prefix": "Clinic"}, f'{PREFIX}"Clinic".'),
        ({"tiers": {}}, "tiers: must not be empty; got {}."),
        ({"tiers": {"b-c": {"retention_days": 90}}}, 'tiers: names must match ^[a-z][a-z0-9]{1,15}$; got ["b-c"].'),
        *(
            (
                {"tiers": {"basic": {"retention_days": days}}},
                f'tiers: retention_days must be whole days, 7-365; got {{"basic":{days}}}.',
            )
            for days in (6, 7.5, 366)
        ),
        (
            {"tiers": {"basic": {"retention_days": 90, "strategies": ["gossip"]}}},
            'tiers: strategies must be some of facts, preferences, summaries; got {"basic":["gossip"]}.',
        ),
        (
            {"strategies": {"facts": {"type": "SEMANTIC", "namespace_template": "/actors/{actorId}"}}},
            "strategies: namespace_template must start with /actors/{actorId}/, go on with at least one part and end "
            'with a slash; got {"facts":"/actors/{actorId}"}.',
        ),
        (
            {"strategies": {"facts": {"type": "SEMANTIC", "namespace_template": "/actors/{actorId}/"}}},
            'got {"facts":"/actors/{actorId}/"}.',
        ),
        (
            {"strategies": {"facts": {"type": "EPISODIC", "namespace_template": "/actors/{actorId}/facts/"}}},
            'strategies: type must be SEMANTIC, SUMMARIZATION or USER_PREFERENCE; got {"facts":"EPISODIC"}.',
        ),
        (
            {"strategies": {"long-term": {"type": "SEMANTIC", "namespace_template": "/actors/{actorId}/facts/"}}},
            'strategies: names must be 1-48 letters, digits and underscores, letter first; got ["long-term"].',
        ),
        (
            {"strategies": {n: {"type": "SEMANTIC", "namespace_template": "/actors/{actorId}/x/"} for n in ("a", "b")}},
            "strategies: type must differ, since a memory takes one strategy of each built-in type; got "
            '{"a":"SEMANTIC","b":"SEMANTIC"}.',
        ),
        ({"kms_key_arn": "alias/x"}, 'kms_key_arn: must be the ARN of a KMS key or null; got "alias/x".'),
        ({"tags": {"Tier": "all"}}, 'tags: must not hold Tier, which is the tier\'s own; got {"Tier":"all"}.'),
    ],
    "policy": [
        ({"name_prefix": "c"}, f'{PREFIX}"c".'),
        (
            {"gateway_arn": "arn:aws:bedrock-agentcore:eu-west-1:111122223333:gateway/*"},
            'gateway_arn: must be the exact ARN of an AgentCore gateway; got "arn:aws:bedrock-agentcore:eu-west-1:'
            '111122223333:gateway/*".',
        ),
        ({"target_ids": {}}, "target_ids: must not be empty; got {}."),
        ({"tiers": {}}, "tiers: must not be empty; got {}."),
        (
            {"tiers": {"b-c": {"wire_names": ["clinic-data___get_patient"]}}},
            'tiers: names must match ^[a-z][a-z0-9]{1,15}$; got ["b-c"].',
        ),
        (
            _tiers(wire_names=[]),
            'tiers: wire_names must not be empty, a tier without a policy can do nothing; got {"basic":[]}.',
        ),
        (
            _tiers(wire_names=["get_patient"]),
            "tiers: wire_names must be <target>___<tool>, such as clinic-data___get_patient; got "
            '{"basic":["get_patient"]}.',
        ),
        (_tiers(wire_names=['clinic-data___a"]']), "tiers: wire_names must be <target>___<tool>"),
        (
            _tiers(wire_names=["billing___refund"]),
            'tiers: wire_names must be of the targets clinic-data; got {"basic":["billing___refund"]}.',
        ),
        (
            _tiers(access_hours_utc={"from": 20, "to": 6}),
            "tiers: access_hours_utc must be whole hours with 0 <= from < to <= 24 (a night is two tiers or none); got "
            '{"basic":{"from":20,"to":6}}.',
        ),
        (_tiers(access_hours_utc={"from": 0, "to": 25}), 'got {"basic":{"from":0,"to":25}}.'),
        (_tiers(access_hours_utc={"from": 6.5, "to": 20}), 'got {"basic":{"from":6.5,"to":20}}.'),
        (
            {"template": "permit (principal, action, resource);"},
            "template: must use tier, wire_names, gateway_arn and hours; got 37 characters that start "
            '"permit (principal, action, resource);".',
        ),
        ({"kms_key_arn": "alias/x"}, 'kms_key_arn: must be the ARN of a KMS key or null; got "alias/x".'),
    ],
    "gateway": [
        ({"name_prefix": "Clinic"}, f'{PREFIX}"Clinic".'),
        (
            {"name_prefix": "clinic--test"},
            'name_prefix: must not hold two hyphens in a row, gateways cannot; got "clinic--test".',
        ),
        ({"role_arn": "gateway"}, 'role_arn: must be the ARN of a role; got "gateway".'),
        *BAD_AUTHORIZERS,
        (
            {"interceptor_function_arn": "f"},
            'interceptor_function_arn: must be the ARN of a Lambda function; got "f".',
        ),
        ({"policy_engine_arn": "e"}, 'policy_engine_arn: must be the ARN of an AgentCore policy engine; got "e".'),
        ({"policy_mode": "OFF"}, 'policy_mode: must be ENFORCE or LOG_ONLY; got "OFF".'),
        ({"policy_mode": "LOG_ONLY"}, 'policy_mode: must be ENFORCE in production; got "LOG_ONLY".'),
        ({"session_timeout_seconds": 600}, "session_timeout_seconds: must be a whole number 900-28800; got 600."),
        ({"targets": {}}, "targets: must be 1-100; got 0."),
        (
            {"targets": {"clinic_data": _target()["targets"]["t"]}},
            'targets: names must be up to 100 letters and digits with single hyphens; got ["clinic_data"].',
        ),
        (_target(description=""), 'targets: description must have 1-200 characters; got {"t":""}.'),
        (
            _target(lambda_function_arn=None),
            'targets: must have lambda_function_arn or connector_id, and not both; got {"t":[null,null]}.',
        ),
        (_target(connector_id="web-search"), "targets: must have lambda_function_arn or connector_id, and not both"),
        (
            _target(lambda_function_arn="f"),
            'targets: lambda_function_arn must be the ARN of a Lambda function; got {"t":"f"}.',
        ),
        (
            _connector(connector_version="latest"),
            'targets: connector_version must be a version such as 1.2.0, of a connector; got {"t":"latest"}.',
        ),
        (_target(tools={}), 'targets: tools must not be empty; got {"t":[]}.'),
        (
            _target(tools={"GetPatient": TOOL}),
            'targets: tools must have names in snake_case of up to 64 characters; got {"t":["GetPatient"]}.',
        ),
        (
            {"targets": {name: _target()["targets"]["t"] for name in ("one", "two")}},
            'targets: tools must differ in name, whatever the target; got {"one":["a"],"two":["a"]}.',
        ),
        (
            _target(tools={"a": TOOL | {"wire_tool": "b"}}),
            "targets: wire_tool must be up to 64 letters, digits and hyphens for a connector, and the tool's name for "
            'a function; got {"t":{"a":"b"}}.',
        ),
        (_connector(tools={"a": TOOL | {"wire_tool": "x___y"}}), "targets: wire_tool must be up to 64 letters"),
        (
            _target(tools={"a": {"description": ""}}),
            'targets: tools must have a description of 1-2000 characters; got {"t":{"a":0}}.',
        ),
        (
            _target(tools={"a": TOOL | {"properties": {"p": {"type": "object"}}}}),
            "targets: tools must have properties of type string, integer, number or boolean; got "
            '{"t":{"a":{"p":"object"}}}.',
        ),
        (
            _connector(request_headers=["X-Clinic-Access-Token"]),
            "targets: request_headers must be empty for a connector, the token is nothing for it; got "
            '{"t":["X-Clinic-Access-Token"]}.',
        ),
        (
            _target(request_headers=[f"X-H{i}" for i in range(11)]),
            'targets: request_headers must be at most 10; got {"t":["X-H0",',
        ),
        (
            _target(request_headers=["X-A", "x-a"]),
            'targets: request_headers must not repeat a name in another case; got {"t":["X-A","x-a"]}.',
        ),
        *(
            (_target(request_headers=[header]), f'{HEADERS}{{"t":["{header}"]}}.')
            for header in ("Authorization", "authorization", "Cookie", "X-Amz-Date", "X-Amzn-Trace-Id", "Host", "a b")
        ),
        ({"kms_key_arn": "alias/x"}, 'kms_key_arn: must be the ARN of a KMS key or null; got "alias/x".'),
    ],
    "runtime": [
        ({"name": "a-b"}, 'name: must be 1-48 letters, digits and underscores, letter first; got "a-b".'),
        ({"role_arn": "r"}, 'role_arn: must be the ARN of a role; got "r".'),
        ({"agent_version": "latest"}, 'agent_version: must be a version such as 1.4.0; got "latest".'),
        ({"coming_version": "9"}, 'coming_version: must be what an endpoint is to serve, or null; got "9".'),
        (_bundle(bucket="A"), 'bundle.bucket: must be the name of a bucket; got "A".'),
        (_bundle(key="agents/1.2.0/r.tar"), 'bundle.key: must be the key of a zip; got "agents/1.2.0/r.tar".'),
        (
            _bundle(key="agents/1.1.0/r.zip"),
            'bundle.key: must be of agent_version 1.2.0; got "agents/1.1.0/r.zip".',
        ),
        (_bundle(sha256="abc"), 'bundle.sha256: must be 64 lower-case hex digits; got "abc".'),
        (
            _bundle(runtime="NODE_22"),
            'bundle.runtime: must be a Python that AgentCore offers, PYTHON_3_10 to PYTHON_3_14; got "NODE_22".',
        ),
        (_bundle(entry_point=[]), "bundle.entry_point: must be 1-2 strings of 1-128 characters; got []."),
        *BAD_AUTHORIZERS,
        (
            {"request_headers": ["X-A"]},
            'request_headers: must hold Authorization and at most 19 more; got ["X-A"].',
        ),
        (
            {"request_headers": ["Authorization", "authorization"]},
            "request_headers: must not repeat a name in another case; got ",
        ),
        (
            {"request_headers": ["Authorization", "X-Amz-Date"]},
            "request_headers: must be names of up to 256 letters, digits, hyphens and underscores, without x-amz- and "
            "x-amzn- (but for X-Amzn-Bedrock-AgentCore-Runtime-Custom-*); got ",
        ),
        (
            {"environment": {"PLATFORM_CONTRACT": "1"}},
            'environment: PLATFORM_CONTRACT is set by this module; got "1".',
        ),
        (
            {"environment": {"A-B": "x"}},
            "environment: must be at most 49 (a runtime takes 50), with names of 1-100 letters, digits and "
            'underscores; got ["A-B"].',
        ),
        (
            {"environment": {f"V{i}": "" for i in range(50)}},
            "environment: must be at most 49 (a runtime takes 50), with names of 1-100",
        ),
        (
            {"environment": {"LONG": "x" * 1497}},
            "environment: names and values must have at most 1500 characters in all (a runtime takes 1536); got 1501.",
        ),
        ({"idle_timeout_seconds": 59}, "idle_timeout_seconds: must be a whole number 60-28800; got 59."),
        ({"max_lifetime_seconds": 28801}, "max_lifetime_seconds: must be a whole number 60-28800; got 28801."),
        (
            {"max_lifetime_seconds": 299},
            "max_lifetime_seconds: must be at least idle_timeout_seconds (300); got 299.",
        ),
        ({"network": {"mode": "PRIVATE"}}, 'network.mode: must be PUBLIC or VPC; got "PRIVATE".'),
        (
            {"network": {"mode": "VPC"}},
            "network: must have subnets and 1-16 security_groups with VPC, and neither with PUBLIC; got "
            '{"mode":"VPC","security_groups":[],"subnets":[]}.',
        ),
        ({"endpoints": {}}, "endpoints: must be 1-10; got 0."),
        ({"endpoints": {"a-b": "1"}}, "endpoints: names must be 1-48 letters, digits and underscores, letter first"),
        *(
            (
                {"endpoints": {name: "1"}},
                "endpoints: names must not be DEFAULT, which the service moves to every new version by itself; got "
                f'["{name}"].',
            )
            for name in ("DEFAULT", "default")
        ),
        *(
            (
                {"endpoints": {"live": version}},
                f'endpoints: versions must be whole numbers from 1 to 99999; got {{"live":"{version}"}}.',
            )
            for version in ("0", "01", "-1", "1.5", "latest", "", "100000")
        ),
        (
            {"tags": {"BundleSha256": "x"}},
            "tags: must not hold AgentVersion or BundleSha256, which tell what runs; got ",
        ),
    ],
}


@pytest.fixture(scope="module")
def said(recording: Workspace) -> dict[str, str]:
    """What terraform says of every bad call. The good ones show that nothing else is wrong with the rest."""
    good = {module: Call(module=module, inputs=inputs) for module, inputs in GOOD.items()}
    bad = {
        f"{module}_{i}": Call(module=module, inputs={**GOOD[module], **inputs})
        for module, cases in BAD.items()
        for i, (inputs, _) in enumerate(cases)
    }
    return refusals(recording, "agentcore_refused", {**good, **bad})


@pytest.mark.timeout(300)
@pytest.mark.parametrize("module", sorted(BAD))
def test_bad_input_is_refused_at_plan_time_and_the_message_says_what_is_wrong(
    said: dict[str, str], module: str
) -> None:
    assert said[module] == ""
    wanted = {f"{module}_{i}": message for i, (_, message) in enumerate(BAD[module])}
    assert {message: said[call] for call, message in wanted.items() if message not in said[call]} == {}


@pytest.mark.parametrize("module", sorted(BAD))
def test_every_validation_of_a_module_is_tried(module: str) -> None:
    text = (SOURCES / "modules" / module / "variables.tf").read_text()
    messages = re.findall(r'error_message = "(.*?)(?:\$\{|; got)', text)
    assert len(messages) == len(re.findall(r"\bvalidation \{", text))
    assert [m for m in messages if not any(m in message for _, message in BAD[module])] == []
