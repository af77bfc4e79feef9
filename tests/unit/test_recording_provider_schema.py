"""Where the recording provider's data comes from: bindings, service models, hand-written rules, the sources in use."""

from __future__ import annotations

import base64
import copy
import gzip
import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from local_aws.terraform_provider import data
from local_aws.terraform_provider.planning import conform, plan
from local_aws.terraform_provider.provider import PROCEDURES, Provider
from local_aws.terraform_provider.values import Settings, fill
from local_aws.terraform_provider.wire import (
    UNKNOWN,
    MalformedMessageError,
    decode_dynamic,
    encode_dynamic,
    first,
    is_unknown,
    message,
    parse,
    text,
)
from scripts.schema import REQUIREMENTS, SchemaError, document, render, types_in_use
from scripts.schemas import rules as schema_rules
from scripts.schemas.bindings import Bindings, BindingsError, Module, read_bindings
from scripts.schemas.overlay import OVERLAY, HandWritten
from scripts.schemas.rules import RulesError, ServiceModel, Source, derive

SCHEMA = data.load()
SETTINGS = Settings(region="eu-west-1", account="111122223333")

# A made-up type in the form that the generator gives it, without the members that nothing reads.
BINDINGS = Path(__file__).with_name("recording_bindings")
CLINIC, PROVIDER = (BINDINGS / "clinic.ts").read_text(), (BINDINGS / "provider.ts").read_text()
CLINIC_SCHEMA = {
    "attributes": {
        "arn": {"type": "string", "computed": True},
        "doors": {"type": ["list", ["object", {"locked": "bool"}]], "computed": True},
        "floors": {"type": ["set", "number"], "computed": True},
        "name": {"type": "string", "required": True},
        "tags": {"type": ["map", "string"], "optional": True},
        "zones": {"type": ["set", "string"], "computed": True, "optional": True},
    },
    "block_types": {
        "owner": {
            "nesting_mode": "list",
            "max_items": 1,
            "min_items": 1,
            "block": {
                "attributes": {
                    "password_wo": {"type": "string", "optional": True, "sensitive": True, "write_only": True}
                },
                "block_types": {},
            },
        },
        "room": {
            "nesting_mode": "set",
            "block": {"attributes": {"beds": {"type": "number", "required": True}}, "block_types": {}},
        },
    },
}
MODEL = ServiceModel(
    shapes={
        "Create": {
            "type": "structure",
            "required": ["rooms", "owner"],
            "members": {
                "name": {"shape": "Name"},
                "rooms": {"shape": "Rooms"},
                "owner": {"shape": "Owner"},
                "zones": {"shape": "Zones"},
                "tags": {"shape": "Tags"},
            },
        },
        "Get": {"type": "structure", "members": {"arn": {"shape": "Arn"}}},
        "Update": {"type": "structure", "members": {"name": {"shape": "Name", "location": "uri"}}},
        "Name": {"type": "string", "pattern": "[a-z]+", "max": 8},
        "Arn": {"type": "string", "pattern": "arn:.*"},
        "Rooms": {"type": "list", "member": {"shape": "Room"}, "min": 1, "max": 3},
        "Room": {"type": "structure", "members": {"beds": {"shape": "Beds"}}},
        "Beds": {"type": "integer", "min": 1, "max": 4},
        "Owner": {"type": "structure", "members": {}},
        "Zones": {"type": "list", "member": {"shape": "Zone"}},
        "Zone": {"type": "string", "enum": ["north", "south"]},
        "Tags": {"type": "map", "key": {"shape": "Zone"}, "value": {"shape": "Java"}},
        "Java": {"type": "string", "pattern": r"[\p{L}]*", "max": 256},
    },
    operations={"UpdateClinic": {"input": {"shape": "Update"}}},
)
SOURCE = Source(arguments=("Create",), results=("Get",), update="UpdateClinic")


def package(path: Path, **modules: str) -> Path:
    """The archive in the wheel: each module with its TypeScript in a source map."""
    files = {"package.json": json.dumps({"cdktn": {"provider": {"name": SCHEMA.address, "version": "1.2.3"}}})}
    for folder, typescript in modules.items():
        source = base64.b64encode(json.dumps({"sourcesContent": [typescript]}).encode()).decode()
        name = re.search(r'tfResourceType = "\w+"', typescript)
        assert name is not None
        compiled = f"static {name[0]};\n//# sourceMappingURL=data:application/json;base64,{source}\n"
        files[f"lib/{folder.replace('_', '-')}/index.js"] = compiled
    with tarfile.open(path, "w:gz") as archive:
        for file, content in files.items():
            info = tarfile.TarInfo(f"package/{file}")
            info.size = len(content.encode())
            archive.addfile(info, io.BytesIO(content.encode()))
    return path


def test_a_schema_is_read_from_the_generated_text() -> None:
    assert Module(CLINIC).schema() == CLINIC_SCHEMA


def test_the_wanted_types_are_read_from_the_archive(tmp_path: Path) -> None:
    found = read_bindings(
        package(tmp_path / "p.tgz", provider=PROVIDER, clinic=CLINIC), resources={"aws_clinic"}, data_sources=set()
    )
    assert (found.address, found.version) == (SCHEMA.address, "1.2.3")
    assert found.resources == {"aws_clinic": CLINIC_SCHEMA}
    assert found.configuration["attributes"] == {"region": {"type": "string", "optional": True}}


def test_a_type_that_is_not_there_is_named(tmp_path: Path) -> None:
    archive = package(tmp_path / "p.tgz", provider=PROVIDER, clinic=CLINIC)
    with pytest.raises(BindingsError) as caught:
        read_bindings(archive, resources={"aws_clinic", "aws_ward"}, data_sources=set())
    assert str(caught.value) == "no such resource type in provider 1.2.3: aws_ward"


@pytest.mark.parametrize(
    ("typescript", "problem"),
    [
        ("export class X {\n}\n", "not one generated class but 0"),
        (CLINIC.replace('storageClassType: "stringMap"', 'storageClassType: "odd"'), "the type of tags cannot be told"),
    ],
)
def test_bindings_in_another_form_are_refused(typescript: str, problem: str) -> None:
    with pytest.raises(BindingsError, match=problem):
        Module(typescript).schema()


def test_rules_are_derived_from_the_service_model() -> None:
    derived = derive("aws_clinic", CLINIC_SCHEMA, MODEL, source=SOURCE)
    assert derived.rules == {
        "arn": {"pattern": "arn:.*"},
        "name": {"pattern": "[a-z]+", "max": 8, "replace": True},
        "owner": {"required": True, "max_items": 1},
        "room": {"required": True, "min_items": 1, "max_items": 3},
        "room.beds": {"min": 1, "max": 4},
        # A pattern that only Java knows is left out.
        "tags": {"keys": {"enum": ["north", "south"]}, "values": {"max": 256}},
        "zones": {"each": {"enum": ["north", "south"]}, "replace": True},
    }
    assert derived.unmapped == ["owner.password_wo"]


@pytest.mark.parametrize(
    ("path", "rule", "problem"),
    [
        ("name", {"max": 8}, "the hand-written rule for name is in the service model; remove it"),
        ("room.chairs", {"max": 8}, "a hand-written rule is for room.chairs, which the type does not have"),
    ],
)
def test_a_hand_written_rule_has_to_say_something_new(
    monkeypatch: pytest.MonkeyPatch, path: str, rule: dict[str, Any], problem: str
) -> None:
    entry = HandWritten(path=path, rule=rule, reason="a test", source="this test")
    monkeypatch.setattr(schema_rules, "OVERLAY", {"aws_clinic": [entry]})
    with pytest.raises(RulesError) as caught:
        derive("aws_clinic", CLINIC_SCHEMA, MODEL, source=SOURCE)
    assert str(caught.value) == f"aws_clinic: {problem}"


def test_every_hand_written_rule_is_in_the_data_file_with_a_reason() -> None:
    for name in OVERLAY.keys() & SCHEMA.resources.keys():
        for entry in OVERLAY[name]:
            assert entry.reason
            assert entry.source
            assert entry.rule.items() <= SCHEMA.resources[name].rules[entry.path].items(), f"{name}.{entry.path}"


def test_the_file_that_is_written_is_the_file_that_is_read(tmp_path: Path) -> None:
    models = tmp_path / "data" / "bedrock" / "2023-04-20"
    models.mkdir(parents=True)
    (models / "service-2.json.gz").write_bytes(gzip.compress(json.dumps({"shapes": {}, "operations": {}}).encode()))
    bindings = Bindings(
        address=SCHEMA.address,
        version="1.2.3",
        configuration={"attributes": {}, "block_types": {}},
        resources={"aws_clinic": copy.deepcopy(CLINIC_SCHEMA)},
        data_sources={},
    )
    content, unmapped = document(bindings, models=tmp_path, pins={"botocore": "1"})
    assert unmapped == []
    read = data.parse(json.loads(render(content)))
    block = read.resources["aws_clinic"].block
    assert block.attributes["name"] == data.Attribute(type="string", required=True)
    assert block.attributes["zones"] == data.Attribute(type=["set", "string"], optional=True, computed=True)
    owner = block.blocks["owner"]
    assert (owner.nesting, owner.min_items, owner.max_items) == ("list", 1, 1)
    assert owner.block.attributes["password_wo"].write_only


def test_every_type_in_use_is_in_the_data_file() -> None:
    used = types_in_use()
    assert used.resources
    missing = (used.resources - SCHEMA.resources.keys()) | (used.data_sources - SCHEMA.data_sources.keys())
    assert not missing, f"run make schema: {sorted(missing)}"


def test_the_data_file_names_the_pinned_versions() -> None:
    pins = dict(re.findall(r"^([\w-]+)==([\w.]+) --hash=sha256:[0-9a-f]{64}", REQUIREMENTS.read_text(), re.MULTILINE))
    assert SCHEMA.made_from == pins
    assert data.data_file(SCHEMA.version).is_file()
    text = data.data_file(SCHEMA.version).read_text()
    assert text == render(json.loads(text)) + "\n"


def test_a_file_of_another_form_is_refused() -> None:
    with pytest.raises(data.SchemaDataError, match="format: 0 is not 1; run: make schema"):
        data.parse({"format": 0})


def test_ephemeral_resources_are_refused(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('ephemeral "aws_kms_secrets" "x" {}\n')
    with pytest.raises(SchemaError, match="ephemeral aws_kms_secrets: the recording provider serves none"):
        types_in_use([tmp_path])


def example(kind: str, **given: Any) -> dict[str, Any]:
    """A value of a type: what is given, and null or empty for the rest."""
    return conform(SCHEMA.resources[kind].block, given)


@pytest.mark.parametrize(
    ("kind", "before", "after", "replaced"),
    [
        ("aws_bedrockagentcore_gateway", {"name": "a"}, {"name": "b"}, [["name"]]),
        ("aws_bedrockagentcore_gateway", {"description": "a"}, {"description": "b"}, []),
        ("aws_bedrockagentcore_gateway", {"role_arn": "a"}, {"role_arn": "b"}, []),
        (
            "aws_bedrockagentcore_gateway",
            {"authorizer_type": "AWS_IAM"},
            {"authorizer_type": "NONE"},
            [["authorizer_type"]],
        ),
        (
            "aws_bedrockagentcore_gateway_target",
            {"gateway_identifier": "a"},
            {"gateway_identifier": "b"},
            [["gateway_identifier"]],
        ),
        (
            "aws_bedrockagentcore_policy",
            {"policy_engine_id": "a"},
            {"policy_engine_id": UNKNOWN},
            [["policy_engine_id"]],
        ),
        ("aws_bedrockagentcore_policy", {"validation_mode": "a"}, {"validation_mode": "b"}, []),
        ("aws_bedrockagentcore_memory", {"event_expiry_duration": 7}, {"event_expiry_duration": 8}, []),
        (
            "aws_bedrockagentcore_memory",
            {"encryption_key_arn": "a"},
            {"encryption_key_arn": None},
            [["encryption_key_arn"]],
        ),
        ("aws_bedrockagentcore_memory", {"tags": {"a": "1"}}, {"tags": {"a": "2"}}, []),
        ("aws_bedrockagentcore_memory", {"region": "eu-west-1"}, {"region": "us-east-1"}, [["region"]]),
        (
            "aws_bedrockagentcore_memory_strategy",
            {"configuration": [{"type": "SEMANTIC_OVERRIDE"}]},
            {"configuration": [{"type": "SUMMARY_OVERRIDE"}]},
            [["configuration", 0, "type"]],
        ),
        (
            "aws_bedrockagentcore_agent_runtime",
            {"agent_runtime_artifact": [{"code_configuration": [{"runtime": "PYTHON_3_12"}]}]},
            {"agent_runtime_artifact": [{"code_configuration": [{"runtime": "PYTHON_3_13"}]}]},
            [],
        ),
        (
            "aws_bedrockagentcore_agent_runtime",
            {"agent_runtime_artifact": [{"code_configuration": [{"runtime": "PYTHON_3_12"}]}]},
            {"agent_runtime_artifact": [{"container_configuration": [{"container_uri": "x"}]}]},
            [["agent_runtime_artifact"]],
        ),
        ("aws_bedrock_guardrail_version", {"guardrail_arn": "a"}, {"guardrail_arn": "b"}, [["guardrail_arn"]]),
        ("aws_iam_role", {"name": "a"}, {"name": "b"}, [["name"]]),
        ("aws_s3_bucket", {"bucket": "a"}, {"bucket": "b"}, [["bucket"]]),
        ("aws_cognito_user_pool", {"alias_attributes": ["email"]}, {"alias_attributes": []}, [["alias_attributes"]]),
        # What is left to AWS is unknown in the plan of an update, and still no reason for another key.
        ("aws_kms_key", {"multi_region": None}, {"multi_region": None, "description": "b"}, []),
        ("aws_kms_key", {"multi_region": False}, {"multi_region": True}, [["multi_region"]]),
    ],
)
def test_what_makes_a_new_resource(
    kind: str, before: dict[str, Any], after: dict[str, Any], replaced: list[list[str | int]]
) -> None:
    prior = example(kind, **{"region": "eu-west-1", **before})
    proposed = example(kind, **{"region": "eu-west-1", **after})
    config = dict(proposed)  # the plan changes the other one
    planned = plan(SCHEMA.resources[kind], prior=prior, proposed=proposed, config=config, settings=SETTINGS)
    assert sorted(map(list, planned.replaced)) == replaced


def test_what_is_left_to_the_service_is_unknown_then_filled_and_then_kept() -> None:
    kind = SCHEMA.resources["aws_bedrockagentcore_memory"]
    config = example(kind.name, name="clinic", event_expiry_duration=90)
    planned = plan(kind, prior=None, proposed=copy.deepcopy(config), config=config, settings=SETTINGS).value
    assert {name for name, value in planned.items() if is_unknown(value)} == {"arn", "id"}
    made = fill(kind, planned, None, SETTINGS)
    assert not any(map(is_unknown, made.values()))
    assert is_unknown(planned["id"])  # the plan itself is not changed
    later = {**made, "description": "More."}
    again = plan(kind, prior=made, proposed=later, config=later, settings=SETTINGS).value
    assert (again["id"], again["arn"]) == (made["id"], made["arn"])


def test_what_nobody_knows_is_null_rather_than_made_up() -> None:
    kind = SCHEMA.resources["aws_bedrockagentcore_memory_strategy"]
    planned = dict.fromkeys(kind.block.attributes, UNKNOWN) | {"name": "preferences", "memory_id": "m"}
    made = fill(kind, planned | {name: [] for name in kind.block.blocks}, None, SETTINGS)
    assert made["description"] is None
    assert made["memory_strategy_id"].startswith("preferences-")


def test_equal_names_give_equal_ids_and_others_do_not() -> None:
    kind = SCHEMA.resources["aws_bedrockagentcore_policy"]

    def made(**given: str) -> str:
        value = example(kind.name, **given) | {"policy_id": UNKNOWN}
        return str(fill(kind, value, None, SETTINGS)["policy_id"])

    assert made(name="a", policy_engine_id="e") == made(name="a", policy_engine_id="e", description="d")
    assert len({made(name="a", policy_engine_id="e"), made(name="a", policy_engine_id="f"), made(name="b")}) == 3


def test_a_data_source_that_needs_an_account_is_refused() -> None:
    source = data.ResourceType(name="aws_clinic", block=data.Block(attributes={}, blocks={}))
    with_source = data.ProviderData(
        address=SCHEMA.address,
        version="1",
        made_from={},
        configuration=SCHEMA.configuration,
        resources={},
        data_sources={"aws_clinic": source},
    )
    request = text(1, "aws_clinic") + message(2, encode_dynamic({}))
    answer = parse(PROCEDURES["ReadDataSource"](Provider(with_source, {}), parse(request)))
    assert 1 not in answer
    assert b"no account to ask for data.aws_clinic; it answers aws_caller_identity" in first(answer, 2)


@pytest.mark.parametrize("value", [None, True, 7, -1, 2.5, "text", [1, None], {"a": {"b": [UNKNOWN]}}, "x" * 70_000])
def test_values_survive_the_wire(value: Any) -> None:
    assert decode_dynamic(encode_dynamic(value)) == value


@pytest.mark.parametrize("data_bytes", [b"\x0a", b"\x0a\x05ab", b"\x80", b"\x0b"])
def test_a_broken_message_is_refused(data_bytes: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        parse(data_bytes)


def made_new(kind: data.ResourceType, config: dict[str, Any]) -> dict[str, Any]:
    planned = plan(kind, prior=None, proposed=dict(config), config=config, settings=SETTINGS)
    return fill(kind, planned.value, None, SETTINGS)


def test_new_code_of_a_function_gets_another_checksum_and_anything_else_keeps_it() -> None:
    kind = SCHEMA.resources["aws_lambda_function"]
    config = example(kind.name, function_name="f", source_code_hash="one")
    made = made_new(kind, config)
    assert made["code_sha256"] == "one"

    def updated(**changes: Any) -> dict[str, Any]:
        proposed, configured = {**made, **changes}, {**config, **changes}
        planned = plan(kind, prior=made, proposed=proposed, config=configured, settings=SETTINGS)
        assert planned.replaced == []
        return planned.value

    assert updated(timeout=9)["code_sha256"] == "one"
    new = updated(source_code_hash="two")
    assert is_unknown(new["code_sha256"])
    assert is_unknown(new["last_modified"])
    assert fill(kind, new, made, SETTINGS)["code_sha256"] == "two"


def test_a_default_that_a_plan_cannot_show_is_still_part_of_an_arn() -> None:
    kind = SCHEMA.resources["aws_iam_policy"]
    made = made_new(kind, example(kind.name, name="p"))
    assert made["path"] is None
    assert made["arn"].endswith(":policy/p")
