"""What the recording provider refuses, and that each refusal comes from the rule that it is meant to come from."""

from __future__ import annotations

import copy
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local_aws.terraform_provider import data, server
from local_aws.terraform_provider.provider import Provider
from scripts.terraform.cli import recording_environment

from .recording_provider_support import FIXTURE, Folder, Problem

SCHEMA_FILE = json.loads(data.data_file(data.load().version).read_text())


def block(kind: str) -> str:
    """The fixture's resource of a type, with its references and variables made literal."""
    text = re.search(rf'^resource "aws_{kind}" "\w+" {{\n(.*?)^}}', (FIXTURE / "main.tf").read_text(), re.M | re.S)
    assert text is not None
    arn = "arn:aws:bedrock-agentcore:eu-west-1:111122223333"
    literal = {
        "${var.name}": "clinic",
        "${var.region}": "eu-west-1",
        "${var.account_id}": "111122223333",
        "${aws_bedrockagentcore_gateway.this.gateway_arn}": f"{arn}:gateway/clinic-gateway-abcdefghij",
        "var.description": '"First."',
        "aws_bedrockagentcore_policy_engine.this.policy_engine_arn": f'"{arn}:policy-engine/clinic-abcdefghij"',
        "aws_bedrockagentcore_policy_engine.this.policy_engine_id": '"clinic-abcdefghij"',
        "aws_bedrockagentcore_gateway.this.gateway_id": '"clinic-gateway-abcdefghij"',
        "aws_bedrockagentcore_gateway.this.gateway_url": '"https://gateway.example/mcp"',
        "aws_bedrockagentcore_memory.this.id": '"clinic_basic-abcdefghij"',
        "aws_bedrockagentcore_agent_runtime.this.agent_runtime_id": '"clinic_agent-abcdefghij"',
        "aws_bedrock_guardrail.this.guardrail_arn": '"arn:aws:bedrock:eu-west-1:111122223333:guardrail/abcdefghijkl"',
    }
    body = text[1]
    for reference, value in literal.items():
        body = body.replace(reference, value)
    return body


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One change of a good resource, and what has to be said about it."""

    kind: str
    old: str | re.Pattern[str]
    new: str
    expected: str
    rule: tuple[str, str] | None = None  # path and key of the rule behind it; None: the schema itself


RUNTIME, GATEWAY = "bedrockagentcore_agent_runtime", "bedrockagentcore_gateway"
TARGET, POLICY = "bedrockagentcore_gateway_target", "bedrockagentcore_policy"
MEMORY, STRATEGY = "bedrockagentcore_memory", "bedrockagentcore_memory_strategy"
ENGINE, ENDPOINT = "bedrockagentcore_policy_engine", "bedrockagentcore_agent_runtime_endpoint"
GUARDRAIL = "bedrock_guardrail"
JWT = "authorizer_configuration.custom_jwt_authorizer"
CLAIM = f"{JWT}.custom_claim"
TOOL = "target_configuration.mcp.lambda.tool_schema.inline_payload"
PROPERTY = '              property {\n                name = "limit"'


def whole(name: str) -> re.Pattern[str]:
    """A block on the resource's first level."""
    return re.compile(rf"^  {name} {{\n.*?^  }}\n", re.M | re.S)


CASES = {
    "unknown argument": Case(
        kind=MEMORY, old="event_expiry_duration", new="event_expiry", expected="An argument named"
    ),
    "unknown block": Case(
        kind=GATEWAY, old="interceptor_configuration {", new="interceptor_config {", expected="Blocks of type"
    ),
    "missing argument": Case(kind=GATEWAY, old=re.compile(r"role_arn.*\n"), new="", expected='"role_arn" is required'),
    "another type": Case(
        kind=GATEWAY,
        old="pass_request_headers = true",
        new='pass_request_headers = "perhaps"',
        expected="bool is required",
    ),
    "read-only attribute": Case(
        kind=GATEWAY, old="  role_arn ", new='  gateway_url = "https://x"\n  role_arn ', expected="Read-Only Attribute"
    ),
    "enumeration": Case(
        kind=GATEWAY,
        old='"ENFORCE"',
        new='"ENFORCED"',
        expected="mode must be one of LOG_ONLY, ENFORCE, got 'ENFORCED'",
        rule=("policy_engine_configuration.mode", "enum"),
    ),
    "enumeration in a set": Case(
        kind=GATEWAY,
        old='["REQUEST"]',
        new='["BEFORE"]',
        expected="interception_points has an element that must be one of REQUEST, RESPONSE",
        rule=("interceptor_configuration.interception_points", "each"),
    ),
    "enumeration of a claim's operator": Case(
        kind=GATEWAY,
        old='"CONTAINS_ANY"',
        new='"CONTAINS_ALL"',
        expected="must be one of EQUALS, CONTAINS, CONTAINS_ANY",
        rule=(f"{CLAIM}.authorizing_claim_match_value.claim_match_operator", "enum"),
    ),
    "authorizer type without its block": Case(
        kind=GATEWAY,
        old=whole("authorizer_configuration"),
        new="",
        expected="\"authorizer_configuration\" is required when authorizer_type is 'CUSTOM_JWT'",
        rule=("", "when"),
    ),
    "block of another authorizer type": Case(
        kind=GATEWAY,
        old='"CUSTOM_JWT"',
        new='"AWS_IAM"',
        expected="\"authorizer_configuration\" cannot be given when authorizer_type is 'AWS_IAM'",
        rule=("", "when"),
    ),
    "authorizer that checks nothing": Case(
        kind=GATEWAY,
        old=re.compile(r"allowed_clients.*?^      }\n", re.M | re.S),
        new="",
        expected="At least one of allowed_audience, allowed_clients, allowed_scopes, custom_claim",
        rule=(JWT, "any_of"),
    ),
    "discovery document elsewhere": Case(
        kind=GATEWAY,
        old="/.well-known/openid-configuration",
        new="/keys",
        expected="discovery_url must match",
        rule=(f"{JWT}.discovery_url", "pattern"),
    ),
    "claim with two values": Case(
        kind=GATEWAY,
        old="match_value_string_list =",
        new='match_value_string = "basic"\n            match_value_string_list =',
        expected="Exactly one of match_value_string, match_value_string_list",
        rule=(f"{CLAIM}.authorizing_claim_match_value.claim_match_value", "one_of"),
    ),
    "claim without a match": Case(
        kind=GATEWAY,
        old=re.compile(r"^        authorizing_claim_match_value {\n.*?^        }\n", re.M | re.S),
        new="",
        expected='A "authorizing_claim_match_value" block is required',
        rule=(f"{CLAIM}.authorizing_claim_match_value", "required"),
    ),
    "two blocks where one fits": Case(
        kind=GATEWAY,
        old="  policy_engine_configuration {",
        new='  policy_engine_configuration {\n    arn  = local.engine\n    mode = "LOG_ONLY"\n  }\n'
        "  policy_engine_configuration {",
        expected='No more than 1 "policy_engine_configuration" blocks',
        rule=("policy_engine_configuration", "max_items"),
    ),
    "interceptor without a function": Case(
        kind=GATEWAY,
        old=re.compile(r"^    interceptor {\n.*?^    }\n", re.M | re.S),
        new="",
        expected='A "interceptor" block is required',
        rule=("interceptor_configuration.interceptor", "required"),
    ),
    "name with an underscore": Case(
        kind=GATEWAY, old="clinic-Gateway", new="clinic_gateway", expected="name must match", rule=("name", "pattern")
    ),
    "role that is no ARN": Case(
        kind=RUNTIME,
        old="arn:aws:iam::111122223333:role/agent",
        new="agent",
        expected="role_arn must match",
        rule=("role_arn", "pattern"),
    ),
    "runtime without a network": Case(
        kind=RUNTIME,
        old=whole("network_configuration"),
        new="",
        expected='A "network_configuration" block is required',
        rule=("network_configuration", "required"),
    ),
    "artifact of no kind": Case(
        kind=RUNTIME,
        old=re.compile(r"^    code_configuration {\n.*?^    }\n", re.M | re.S),
        new="",
        expected="Exactly one of code_configuration, container_configuration",
        rule=("agent_runtime_artifact", "one_of"),
    ),
    "unknown Python": Case(
        kind=RUNTIME,
        old="PYTHON_3_13",
        new="PYTHON_3_9",
        expected="runtime must be one of",
        rule=("agent_runtime_artifact.code_configuration.runtime", "enum"),
    ),
    "too many entry points": Case(
        kind=RUNTIME,
        old='["main.py"]',
        new='["opentelemetry-instrument", "python", "main.py"]',
        expected="entry_point must be 1 to 2 elements, has 3",
        rule=("agent_runtime_artifact.code_configuration.entry_point", "max"),
    ),
    "idle for too short": Case(
        kind=RUNTIME,
        old="  network_configuration {",
        new="  lifecycle_configuration {\n    idle_runtime_session_timeout = 10\n  }\n  network_configuration {",
        expected="lifecycle_configuration has idle_runtime_session_timeout that must be 60 to 1209600, got 10",
        rule=("lifecycle_configuration", "fields"),
    ),
    "version that is no number": Case(
        kind=ENDPOINT,
        old='agent_runtime_version = "1"',
        new='agent_runtime_version = "v1"',
        expected="agent_runtime_version must match",
        rule=("agent_runtime_version", "pattern"),
    ),
    "no credentials for a target": Case(
        kind=TARGET,
        old="    gateway_iam_role {}\n",
        new="",
        expected="Exactly one of api_key, caller_iam_credentials, gateway_iam_role",
        rule=("credential_provider_configuration", "one_of"),
    ),
    "target of no kind": Case(
        kind=TARGET,
        old=whole("target_configuration"),
        new="",
        expected='A "target_configuration" block is required',
        rule=("target_configuration", "required"),
    ),
    "tool without a schema": Case(
        kind=TARGET,
        old=re.compile(r"^            input_schema {\n.*?^            }\n", re.M | re.S),
        new="",
        expected='A "input_schema" block is required',
        rule=(f"{TOOL}.input_schema", "required"),
    ),
    "argument of an unknown type": Case(
        kind=TARGET,
        old='type = "integer"',
        new='type = "int"',
        expected="type must be one of string, number, object, array, boolean, integer",
        rule=(f"{TOOL}.input_schema.property.type", "enum"),
    ),
    "items and properties at once": Case(
        kind=TARGET,
        old=PROPERTY,
        new=f'              items {{\n                type = "string"\n              }}\n{PROPERTY}',
        expected="Only one of items, property",
        rule=(f"{TOOL}.input_schema", "at_most_one_of"),
    ),
    "too many headers": Case(
        kind=TARGET,
        old="  target_configuration {",
        new='  metadata_configuration {\n    allowed_request_headers = [for i in range(11) : "X-${i}"]\n  }\n'
        "  target_configuration {",
        expected="allowed_request_headers must be 1 to 10 elements, has 11",
        rule=("metadata_configuration.allowed_request_headers", "max"),
    ),
    "policy that is too short": Case(
        kind=POLICY,
        old=re.compile(r"statement = .*"),
        new='statement = "permit();"',
        expected="statement must be 35 to 10000 characters, has 9",
        rule=("definition.cedar.statement", "min"),
    ),
    "policy without a definition": Case(
        kind=POLICY,
        old=whole("definition"),
        new="",
        expected='A "definition" block is required',
        rule=("definition", "required"),
    ),
    "engine's name with a hyphen": Case(
        kind=ENGINE, old="clinic_policies", new="clinic-policies", expected="name must match", rule=("name", "pattern")
    ),
    "events kept for too long": Case(
        kind=MEMORY,
        old="= 90",
        new="= 366",
        expected="event_expiry_duration must be 7 to 365, got 366",
        rule=("event_expiry_duration", "max"),
    ),
    "events kept for too short": Case(
        kind=MEMORY, old="= 90", new="= 6", expected="must be 7 to 365, got 6", rule=("event_expiry_duration", "min")
    ),
    "namespace with a dot": Case(
        kind=STRATEGY,
        old="/actors/",
        new="/actors.v2/",
        expected="namespace_templates has an element that must match",
        rule=("namespace_templates", "each"),
    ),
    "two namespaces": Case(
        kind=STRATEGY,
        old='["/actors',
        new='["/more/", "/actors',
        expected="namespace_templates must be 1 to 1 elements, has 2",
        rule=("namespace_templates", "max"),
    ),
    "strategy without a namespace": Case(
        kind=STRATEGY,
        old=re.compile(r"namespace_templates.*\n"),
        new="",
        expected='"namespace_templates" or "namespaces" is required',
        rule=("", "when"),
    ),
    "both names of a namespace": Case(
        kind=STRATEGY,
        old="namespace_templates",
        new='namespaces = ["/x/"]\n  namespace_templates',
        expected="Only one of namespace_templates, namespaces",
        rule=("", "at_most_one_of"),
    ),
    "unknown strategy": Case(
        kind=STRATEGY, old="USER_PREFERENCE", new="PREFERENCES", expected="type must be one of", rule=("type", "enum")
    ),
    "guardrail that guards nothing": Case(
        kind=GUARDRAIL,
        old=whole("content_policy_config"),
        new="",
        expected="At least one of content_policy_config",
        rule=("", "any_of"),
    ),
    "unknown filter strength": Case(
        kind=GUARDRAIL,
        old='"HIGH"',
        new='"STRONG"',
        expected="input_strength must be one of NONE, LOW, MEDIUM, HIGH",
        rule=("content_policy_config.filters_config.input_strength", "enum"),
    ),
}


def _configuration() -> tuple[str, dict[str, range]]:
    """All cases in one file, and the lines of each."""
    text = (
        'locals {\n  engine = "arn:aws:bedrock-agentcore:eu-west-1:111122223333:policy-engine/clinic-abcdefghij"\n}\n'
    )
    lines = {}
    for number, (title, case) in enumerate(CASES.items()):
        good = block(case.kind)
        bad = case.old.sub(lambda _, new=case.new: new, good, 1) if isinstance(case.old, re.Pattern) else None  # type: ignore[misc]
        bad = good.replace(case.old, case.new, 1) if bad is None and isinstance(case.old, str) else bad
        assert bad is not None
        assert bad != good, title
        start = text.count("\n") + 1
        text += f'resource "aws_{case.kind}" "case_{number}" {{\n{bad}}}\n'
        lines[title] = range(start, text.count("\n") + 1)
    return text, lines


TEXT, LINES = _configuration()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_"))}
    return recording_environment(env, workdir=tmp_path_factory.mktemp("w"))


def validated(document: Any, text: str, base: dict[str, str], folder: Path) -> list[Problem]:
    provider = data.parse(document)
    with server.shared(provider.address, lambda: Provider(provider, {})) as attached:
        return Folder(folder, base | attached).problems(text)


@pytest.fixture(scope="module")
def found(base: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> list[Problem]:
    return validated(SCHEMA_FILE, TEXT, base, tmp_path_factory.mktemp("bad"))


@pytest.fixture(scope="module")
def found_without(base: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> list[Problem]:
    """What is still found once the rules behind the cases are gone."""
    weakened = copy.deepcopy(SCHEMA_FILE)
    for case in CASES.values():
        if case.rule:
            path, key = case.rule
            weakened["resources"][f"aws_{case.kind}"]["rules"].get(path, {}).pop(key, None)
    return validated(weakened, TEXT, base, tmp_path_factory.mktemp("weak"))


def of(problems: list[Problem], title: str) -> list[str]:
    flat = (problem for problem in problems if problem.line in LINES[title] and problem.file == "main.tf")
    return [" ".join(problem.text.split()) for problem in flat]


@pytest.mark.parametrize("title", CASES)
def test_bad_input_is_refused_where_it_stands_and_for_its_reason(found: list[Problem], title: str) -> None:
    said = of(found, title)
    assert any(CASES[title].expected in text for text in said), said
    if CASES[title].rule:
        assert len(said) == 1, said


@pytest.mark.parametrize("title", [title for title, case in CASES.items() if case.rule])
def test_without_its_rule_the_same_input_passes(found_without: list[Problem], title: str) -> None:
    assert of(found_without, title) == []


def test_good_input_passes(base: dict[str, str], tmp_path: Path) -> None:
    kinds = sorted({case.kind for case in CASES.values()})
    text = "".join(f'resource "aws_{kind}" "good" {{\n{block(kind)}}}\n' for kind in kinds)
    assert validated(SCHEMA_FILE, text, base, tmp_path) == []


def test_values_of_maps_and_long_texts_do_not_show_in_messages(base: dict[str, str], tmp_path: Path) -> None:
    long = "x" * 5001
    runtime = block(RUNTIME).replace('"not-for-the-journal"', f'"{long}"')
    policy = re.sub(r"statement = .*", f'statement = "{long}{long}"', block(POLICY))
    text = f'resource "aws_{RUNTIME}" "a" {{\n{runtime}}}\nresource "aws_{POLICY}" "b" {{\n{policy}}}\n'
    said = validated(SCHEMA_FILE, text, base, tmp_path)
    assert sorted(problem.text.partition(": Attribute ")[2] for problem in said) == [
        "environment_variables has a value that must be 0 to 5000 characters, has 5001.",
        "statement must be 35 to 10000 characters, has 10002.",
    ]
