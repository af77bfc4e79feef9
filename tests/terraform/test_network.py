"""The network's own root: its example plans, and zones that AgentCore would refuse are refused before."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
import yaml

from .support import SOURCES, Workspace, planned_resources

CATALOG = SOURCES / "catalog"
ROOT = "network"


@pytest.fixture(scope="module")
def root(recording: Workspace) -> Workspace:
    # The same root with its state on the disk: there is no bucket here.
    (recording.folder / ROOT / "local_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    recording.terraform("init", "-input=false", "-no-color", chdir=ROOT)
    return recording


def plan(root: Workspace, *more: str, accept: frozenset[int] = frozenset({0})) -> tuple[int, str]:
    arguments = ("plan", "-input=false", "-no-color", "-var-file=example.tfvars", *more)
    code, _, errors = root.terraform(*arguments, chdir=ROOT, accept=accept)
    return code, re.sub(r"[\s│]+", " ", errors)


def test_the_example_is_planned(root: Workspace) -> None:
    plan(root, "-out=plan.bin")
    content: dict[str, Any] = json.loads(root.terraform("show", "-json", "plan.bin", chdir=ROOT)[1])
    (module,) = content["planned_values"]["root_module"]["child_modules"]
    resources = planned_resources(module)
    assert {resource["type"] for resource in resources} >= {"aws_vpc", "aws_vpc_endpoint", "aws_flow_log"}
    # With callback_urls the pool has a domain, whose keys come by the internet alone: the example does as it is.
    dev = (SOURCES / "envs/dev/terraform.tfvars").read_text()
    assert re.search(r'^callback_urls\s*= \["http', dev, re.MULTILINE)
    assert "cognito-idp" not in {resource["index"] for resource in resources if resource["name"] == "interface"}
    endpoints = [
        resource for resource in resources if resource["address"].endswith("]") and resource["name"] == "interface"
    ]
    nat = [resource for resource in resources if resource["type"] == "aws_nat_gateway"]
    # What the guide's costs count.
    said = yaml.safe_load((CATALOG / "prices.yaml").read_text())["example"]["network"]
    assert {"zones": len(nat), "interface_endpoints": len(endpoints)} == said
    assert all(len(endpoint["values"].get("subnet_ids", nat)) == len(nat) for endpoint in endpoints)
    tagged = [resource["values"]["tags_all"] for resource in resources if "tags_all" in resource["values"]]
    assert tagged
    assert all(
        tags.items() >= {"Environment": "dev", "ManagedBy": "terraform", "Module": "network"}.items() for tags in tagged
    )


def test_without_internet_access_nothing_leads_out_and_keys_have_an_endpoint(root: Workspace) -> None:
    plan(root, "-out=closed.bin", "-var=internet_access=false")
    content: dict[str, Any] = json.loads(root.terraform("show", "-json", "closed.bin", chdir=ROOT)[1])
    resources = planned_resources(content["planned_values"]["root_module"]["child_modules"][0])
    assert not [resource for resource in resources if "nat" in resource["type"] or "internet" in resource["type"]]
    assert len([resource for resource in resources if resource["name"] == "interface"]) == 6  # the README's table


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            ('-var=zone_ids=["use1-az1","use1-az3"]',),
            "zone_ids: must be zones that AgentCore Runtime takes in us-east-1: use1-az1, use1-az2, use1-az4; got "
            '["use1-az1","use1-az3"].',
        ),
        (
            ("-var=region=af-south-1", '-var=zone_ids=["afs1-az1","afs1-az2"]'),
            "zone_ids: must be zones that AgentCore Runtime takes in af-south-1: none are known; look them up and add "
            'the Region to catalog/zones.yaml; got ["afs1-az1","afs1-az2"].',
        ),
    ],
    ids=["zone", "region"],
)
def test_zones_that_agentcore_does_not_take_are_refused(root: Workspace, variables: tuple[str, ...], said: str) -> None:
    code, errors = plan(root, *variables, accept=frozenset({1}))
    assert code == 1
    assert said in errors


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CATALOG / "zones.schema.json").read_text())
    return found


def test_the_zones_are_as_their_schema_says() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    zones = yaml.safe_load((CATALOG / "zones.yaml").read_text())
    jsonschema.validate(zones, schema(), cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    "change",
    [
        {"regions": {}},
        {"regions": {"us-east-1": ["use1-az1"]}},
        {"regions": {"us-east-1": ["use1-az1", "use1-az1"]}},
        {"regions": {"us-east-1": ["us-east-1a", "us-east-1b"]}},
        {"regions": {"Virginia": ["use1-az1", "use1-az2"]}},
        {"checked_on": "lately"},
        {"source": ""},
        {"zones": []},
    ],
    ids=str,
)
def test_zones_of_another_form_are_refused(change: dict[str, Any]) -> None:
    zones = yaml.safe_load((CATALOG / "zones.yaml").read_text())
    assert not jsonschema.Draft202012Validator(schema()).is_valid({**zones, **change})
