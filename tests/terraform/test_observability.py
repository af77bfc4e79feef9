"""Alarms and dashboard: they read metrics that the agent emits, tiers keep apart, quotas are well-formed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml

from clinic_agent.emf import NAMESPACE, UNKNOWN_TIER
from clinic_agent.errors import NotAuthenticated
from clinic_agent.metering import Layer, RefusalEvent
from tests.unit import emf_rules
from tests.unit.emf_support import TURN, Lines
from tests.unit.support import tenant

from .support import ROOT, SOURCES, Workspace, planned_resources

CATALOG: Final = SOURCES / "catalog"
LAYERS: Final[tuple[Layer, ...]] = ("agent", "gateway", "broker")
PLATFORM: Final = "clinic-dev-use1"  # of the README's example
SECOND_TIER: Final = """
  premium = {
    display_name = "Premium"
    limits       = { requests_per_second = 10, burst = 20, requests_per_day = 500 }
    memory       = { strategies = ["facts"] }
  }
"""

Metric = tuple[str, frozenset[tuple[str, str]]]  # name; dimensions with their values


def emitted() -> set[Metric]:
    """What CloudWatch makes of the agent's lines, of the platform and the tiers of the README's example."""
    found: set[Metric] = set()
    lines = Lines(PLATFORM)
    lines.log.turn(TURN)
    for layer in LAYERS:
        for owner in (tenant(), None):
            refusal = NotAuthenticated()
            lines.log.refusal(
                RefusalEvent(
                    layer=layer,
                    request_id="r-1",
                    error_code=refusal.code,
                    error_status=refusal.status,
                    tenant=owner,
                )
            )
    for document in lines.documents:
        found |= set(emf_rules.published(document))
    return found


def query(expression: str) -> tuple[str, list[str], dict[str, str]] | None:
    """Read a query or a search of our namespace: the metric, its dimensions if told, and values of some."""
    if f'FROM "{NAMESPACE}"' in expression:
        (name,) = re.findall(r"^SELECT SUM\((\w+)\)", expression)
        return name, [], dict(re.findall(r"(\w+) = '([^']*)'", expression))
    if schema := re.search(rf"{{{NAMESPACE},([\w,]+)}}", expression):
        values = dict(re.findall(r'(\w+)="([^"]*)"', expression))
        return values.pop("MetricName"), schema[1].split(","), values
    assert NAMESPACE not in expression
    return None


def read_by_alarm(alarm: dict[str, Any]) -> Iterator[tuple[str, list[str], dict[str, str]]]:
    for entry in [alarm, *(metric for part in alarm["metric_query"] for metric in part["metric"])]:
        if entry["namespace"] == NAMESPACE:
            yield entry["metric_name"], sorted(entry["dimensions"]), entry["dimensions"]
    for part in alarm["metric_query"]:
        if part["expression"] and (found := query(part["expression"])):
            yield found


def read_by_widget(widget: dict[str, Any]) -> Iterator[tuple[str, list[str], dict[str, str]]]:
    for row in widget["properties"].get("metrics", []):
        if isinstance(row[0], dict):
            if found := query(row[0]["expression"]):
                yield found
        elif row[0] == NAMESPACE:
            words = [word for word in row if isinstance(word, str)]
            dimensions = dict(zip(words[2::2], words[3::2], strict=True))
            yield words[1], sorted(dimensions), dimensions


@pytest.fixture(scope="module")
def plans(recording: Workspace) -> dict[str, list[dict[str, Any]]]:
    """Resources of the README's example, as it is and with one more tier."""
    readme = (SOURCES / "modules/observability/README.md").read_text()
    example = re.findall(r"^```hcl\n(.*?)^# expect", readme, re.MULTILINE | re.DOTALL)[0]
    memory = re.search(r"memories = \{ basic = (\{.*?\n  \}) \}", example, re.DOTALL)
    tier = re.search(r"tiers = \{ basic = (\{.*?\n  \}) \}", example, re.DOTALL)
    assert memory
    assert tier
    more = example.replace('module "observability"', 'module "grown"')
    more = more.replace(memory[0], f"memories = {{\n basic = {memory[1]}\n premium = {memory[1]}\n }}")
    more = more.replace(tier[0], f"tiers = {{\n basic = {tier[1]}\n {SECOND_TIER} }}")
    blocks = example + more
    folder = recording.folder / "envs" / "observability"
    folder.mkdir()
    (folder / "main.tf").write_text(
        (Path(__file__).parent / "fixture_agentcore" / "main.tf").read_text() + "\n" + blocks
    )
    recording.init("envs/observability")
    recording.terraform("plan", "-input=false", "-out=plan.bin", chdir="envs/observability")
    plan = json.loads(recording.terraform("show", "-json", "plan.bin", chdir="envs/observability")[1])
    return {
        module["address"].removeprefix("module."): planned_resources(module)
        for module in plan["planned_values"]["root_module"]["child_modules"]
    }


def of_type(resources: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [resource["values"] for resource in resources if resource["type"] == kind]


def test_every_metric_that_is_read_is_one_that_the_agent_emits(plans: dict[str, list[dict[str, Any]]]) -> None:
    resources = plans["observability"]
    alarms = of_type(resources, "aws_cloudwatch_metric_alarm")
    (dashboard,) = of_type(resources, "aws_cloudwatch_dashboard")
    widgets = json.loads(dashboard["dashboard_body"])["widgets"]
    read = [
        *((alarm["alarm_name"], *found) for alarm in alarms for found in read_by_alarm(alarm)),
        *((widget["properties"]["title"], *found) for widget in widgets for found in read_by_widget(widget)),
    ]
    assert len(read) > 20
    metrics = emitted()
    for reader, name, dimensions, values in read:
        fits = [
            where
            for metric, where in metrics
            if metric == name
            and (not dimensions or sorted(dict(where)) == sorted(dimensions))
            and set(values.items()) <= set(where)
        ]
        assert fits, f"{reader}: nothing emits {name} by {dimensions or 'any dimensions'} with {values}"
        if not dimensions:
            assert {len(where) for where in fits} == {2}, f"{reader}: a query would count {name} of several sets twice"


def test_everything_that_is_emitted_is_read(plans: dict[str, list[dict[str, Any]]]) -> None:
    resources = plans["observability"]
    (dashboard,) = of_type(resources, "aws_cloudwatch_dashboard")
    widgets = json.loads(dashboard["dashboard_body"])["widgets"]
    read = {found[0] for widget in widgets for found in read_by_widget(widget)}
    assert {name for name, _ in emitted()} - read == set()


def test_another_tier_adds_alarms_and_changes_none(plans: dict[str, list[dict[str, Any]]]) -> None:
    before, after = (
        {
            resource["address"].partition(".")[2].partition(".")[2]: resource["values"]
            for resource in plans[name]
            if resource["type"] != "aws_cloudwatch_dashboard"
        }
        for name in ("observability", "grown")
    )
    assert {address: after[address] for address in before} == before
    added = set(after) - set(before)
    assert all("premium" in address for address in added), added
    kinds = {address.partition("[")[0] for address in added if address.startswith("aws_cloudwatch_metric_alarm.")}
    assert {kind.partition(".")[2] for kind in kinds} == {
        "errors",
        "latency_p95",
        "latency_p99",
        "throttles",
        "cross_tenant",
        "namespace_resolution",
    }


def test_no_metric_of_a_tier_is_called_unknown() -> None:
    assert UNKNOWN_TIER == "unknown"  # as terraform/modules/observability has it
    assert f'Tier = "{UNKNOWN_TIER}"' in (SOURCES / "modules/observability/alarms_platform.tf").read_text()
    assert f'namespace = "{NAMESPACE}"' in (SOURCES / "modules/observability/main.tf").read_text()


def test_the_runbook_has_a_section_for_every_alarm(plans: dict[str, list[dict[str, Any]]]) -> None:
    alarms = of_type(plans["observability"], "aws_cloudwatch_metric_alarm")
    named = {re.findall(r"Runbook: (\S+)#(\S+)$", alarm["alarm_description"])[0] for alarm in alarms}
    (path,) = {path for path, _ in named}
    headings = re.findall(r"^## (.+)$", (ROOT / path).read_text(), re.MULTILINE)
    assert {heading.lower().replace(" ", "-") for heading in headings} >= {anchor for _, anchor in named}
    assert all(len(alarm["alarm_description"]) <= 1024 for alarm in alarms)


# --- quotas -----------------------------------------------------------------------------------------------------------


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CATALOG / "quotas.schema.json").read_text())
    return found


def quotas() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CATALOG / "quotas.yaml").read_text())
    return found


def test_the_quotas_are_as_their_schema_says() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(quotas(), schema(), cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    "change",
    [
        {"tool_calls": None},
        {"browsers": {}},
        {"limit": 0},
        {"limit": "200"},
        {"unit": "at_once"},
        {"scope": "planet"},
        {"adjustable": "yes"},
        {"limits": 1},
        {"checked_on": "last week"},
        {"source": ""},
        {"limit_regions": {"Ireland": 5}},
        {"limit_regions": {"eu-west-1": 0}},
    ],
    ids=str,
)
def test_quotas_of_another_form_are_refused(change: dict[str, Any]) -> None:
    content = quotas()
    for key, value in change.items():
        if key in ("tool_calls", "browsers"):
            content[key] = value
        else:
            content["tool_calls"][key] = value
    if content["tool_calls"] is None:
        del content["tool_calls"]
    assert not jsonschema.Draft202012Validator(schema()).is_valid(content)
