"""The catalog: editor, CI and plan apply the same rules, and a plan says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import jsonschema
import pytest
import yaml

from .catalog_cases import CASES, CATALOG, Case, Document, load
from .support import ENTERPRISE, Workspace

# The module as it is, but for its outputs: they would stop the plan at the first wrong catalog.
PROBLEMS = 'output "problems" {\n  value = local.problems\n}\n'
CASES_ROOT = """
variable "base" {
  type = any
}
variable "cases" {
  type = any
}
module "case" {
  source        = "../../modules/catalog_problems"
  for_each      = var.cases
  tiers         = try(each.value.tiers, var.base.tiers)
  models        = try(each.value.models, var.base.models)
  tools         = try(each.value.tools, var.base.tools)
  tiers_schema  = try(each.value.tiers_schema, var.base.tiers_schema)
  models_schema = try(each.value.models_schema, var.base.models_schema)
  tool_schema   = try(each.value.tool_schema, var.base.tool_schema)
}
output "problems" {
  value = { for name, case in module.case : name => case.problems }
}
"""
Problems = Callable[[dict[str, dict[str, Any]]], dict[str, list[str]]]


def _schema(name: str) -> dict[str, Any]:
    content = json.loads((CATALOG / f"{name}.schema.json").read_text())
    assert isinstance(content, dict)
    return content


def _schema_accepts(document: str, content: Document) -> bool:
    if document != "tools":
        return bool(jsonschema.Draft202012Validator(_schema(document)).is_valid(content))
    validator = jsonschema.Draft202012Validator(_schema("tool"))
    return bool(content) and all(validator.is_valid(tool) for tool in content.values())


def _inputs(**changes: Any) -> dict[str, Any]:
    documents = {name: load(name) for name in ("tiers", "models", "tools")}
    schemas = {f"{name}_schema": _schema(name) for name in ("tiers", "models", "tool")}
    return {**documents, **schemas, **changes}


@pytest.fixture(scope="module")
def problems_of(workspace: Workspace) -> Problems:
    """What the module finds wrong with each of several changes of the inputs, in one plan."""
    module, root = (workspace.folder / folder for folder in ("modules/catalog_problems", "envs/catalogs"))
    module.mkdir()
    root.mkdir()
    for file in (workspace.folder / "modules" / "catalog").glob("*.tf"):
        (module / file.name).write_text(PROBLEMS if file.name == "outputs.tf" else file.read_text())
    (root / "main.tf").write_text(CASES_ROOT)
    workspace.init("envs/catalogs")

    def problems(cases: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
        (root / "terraform.tfvars.json").write_text(json.dumps({"base": _inputs(), "cases": cases}))
        workspace.terraform("plan", "-input=false", "-lock=false", "-out=plan.bin", chdir="envs/catalogs")
        shown = json.loads(workspace.terraform("show", "-json", "plan.bin", chdir="envs/catalogs")[1])
        found = shown["planned_values"]["outputs"]["problems"]["value"]
        return {name: list(found[name]) for name in cases}

    return problems


@pytest.fixture(scope="module")
def problems(problems_of: Problems) -> dict[str, list[str]]:
    """What the module says to each of CASES. One of each document goes into one catalog, to save time."""
    by_document = [[case for case in CASES if case.document == name] for name in ("tiers", "models", "tools")]
    rounds = [[case for case in group if case is not None] for group in zip_longest(*by_document)]
    found = problems_of(
        {str(number): {case.document: case.content() for case in group} for number, group in enumerate(rounds)}
    )
    return {case.message: found[str(number)] for number, group in enumerate(rounds) for case in group}


@pytest.fixture(scope="module")
def plan_errors(workspace: Workspace) -> Callable[..., str]:
    """Plan the module itself; answers what terraform complains of, with line breaks as spaces."""
    workspace.init("modules/catalog")

    def plan(**changes: Any) -> str:
        (workspace.folder / "catalog.tfvars.json").write_text(json.dumps(_inputs(**changes)))
        args = ("plan", "-input=false", "-no-color", "-lock=false", "-var-file=../../catalog.tfvars.json")
        _, _, err = workspace.terraform(*args, chdir="modules/catalog", accept=frozenset({0, 1}))
        return " ".join(err.split())

    return plan


@pytest.mark.parametrize("name", ["tiers", "models"])
def test_catalog_follows_its_schema_and_names_it_for_the_editor(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(_schema(name))
    jsonschema.validate(load(name), _schema(name), cls=jsonschema.Draft202012Validator)
    first = (CATALOG / f"{name}.yaml").read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema=./{name}.schema.json"


def test_tools_follow_their_schema_and_name_it_for_the_editor() -> None:
    jsonschema.Draft202012Validator.check_schema(_schema("tool"))
    tools = load("tools")
    assert len(tools) == 5
    for name, tool in tools.items():
        jsonschema.validate(tool, _schema("tool"), cls=jsonschema.Draft202012Validator)
        assert (tool["name"], tool["$schema"]) == (name, "../tool.schema.json")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.message)
def test_a_wrong_catalog_is_refused_with_a_message_that_says_where(case: Case, problems: dict[str, list[str]]) -> None:
    assert _schema_accepts(case.document, case.content()) is not case.schema_refuses
    assert any(case.message in problem for problem in problems[case.message]), problems[case.message]


def test_plan_refuses_a_tool_that_is_gone_where_it_is_granted(problems_of: Problems) -> None:
    tools = load("tools")
    del tools["web_search"]
    known = "clinic_profile, get_patient, list_patients, search_documents"
    assert problems_of({"gone": {"tools": tools}}) == {
        "gone": [f'tiers.premium.tools: must each be a file in tools/ ({known}); got ["web_search"]']
    }


TENANT_NAMES = (
    *("clinic_id", "clinic", "clinicId", "clinicid", "clinics", "tenant", "tenant_id", "xTenantId", "tier", "user"),
    *("user_id", "userName", "owner", "actor_id", "session_id", "role", "sub", "access_token", "org_user", "account"),
    *("hospital_name", "organisation", "organizationId", "customer", "account_id"),
)
OTHER_NAMES = ("clinical_question", "subject", "risk_factor", "frontier", "superuser_x", "rolex")


def test_arguments_that_name_a_tenant_are_refused_and_no_others(problems_of: Problems) -> None:
    argument = {"type": "string", "description": "Whatever it is."}
    tools = load("tools")
    tools["get_patient"]["inputSchema"]["properties"] |= dict.fromkeys((*TENANT_NAMES, *OTHER_NAMES), argument)
    where, why = "tools.get_patient.inputSchema.properties", "No tool has a tenant argument: who calls is in the token"
    (found,) = problems_of({"names": {"tools": tools}}).values()
    assert sorted(found) == sorted(f'{where}.{name}: {why}; got "{name}"' for name in TENANT_NAMES)
    for names, accepted in ((TENANT_NAMES, False), (OTHER_NAMES, True)):
        for name in names:
            tool = {**tools["get_patient"], "inputSchema": {"type": "object", "properties": {name: argument}}}
            assert _schema_accepts("tools", {"get_patient": tool}) is accepted, name


def test_plan_accepts_the_catalog_and_one_more_block(plan_errors: Callable[..., str]) -> None:
    assert plan_errors() == ""
    more = yaml.safe_load((CATALOG / "tiers.yaml").read_text() + ENTERPRISE)
    assert _schema_accepts("tiers", more)
    assert plan_errors(tiers=more) == ""


def test_plan_lists_all_problems_at_once(plan_errors: Callable[..., str]) -> None:
    bad = load("tiers")
    bad["basic"]["colour"] = "blue"
    del bad["premium"]["limits"]
    tools = load("tools")
    tools["get_patient"]["target"] = "clinic_data"
    said = plan_errors(tiers=bad, tools=tools)
    assert "The catalog has 3 problem(s):" in said
    assert "tiers.basic.colour: unknown key" in said
    assert "tiers.premium.limits: is required" in said
    assert "tools.get_patient.target: must match" in said


def test_plan_refuses_a_schema_keyword_that_it_does_not_apply(problems_of: Problems) -> None:
    schema = _schema("tiers")
    schema["$defs"]["entry"]["properties"]["history_turns"]["multipleOf"] = 2
    schema["$defs"]["filter"]["properties"]["input"]["maxLength"] = 6
    schema["$defs"]["information"]["not"] = {"enum": ["NAME"]}
    schema["$defs"]["entry"]["properties"]["guardrail"]["properties"]["masked_information"]["items"]["pattern"] = "^U"
    tool = _schema("tool")
    tool["properties"]["inputSchema"]["properties"]["properties"]["propertyNames"]["maxLength"] = 9
    argument = tool["properties"]["inputSchema"]["properties"]["properties"]["additionalProperties"]
    argument["properties"]["type"] = {"type": "object", "properties": {"deep": {"type": "string"}}}
    (found,) = problems_of({"keywords": {"tiers_schema": schema, "tool_schema": tool}}).values()
    assert {
        "tiers_schema.history_turns.multipleOf: is a keyword that this module does not check",
        "tiers_schema.guardrail.filters.sexual.input.maxLength: is a keyword that this module does not check",
        "tiers_schema.guardrail.blocked_information.[].not: is a keyword that this module does not check",
        "tiers_schema.guardrail.masked_information.[].pattern: does not count beside $ref",
        "tool_schema.inputSchema.properties.maxLength: is a keyword that this module does not check",
        "tool_schema.inputSchema.properties.*.type: is nested deeper than this module checks",
    } <= set(found)
