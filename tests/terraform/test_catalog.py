"""The catalog: editor, CI and plan apply the same rules, and a plan says what is wrong."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
import yaml

from .support import ENTERPRISE, SOURCES, Workspace

Catalog = dict[str, Any]
CATALOG = SOURCES / "catalog"


def _load(name: str) -> Catalog:
    content = yaml.safe_load((CATALOG / f"{name}.yaml").read_text())
    assert isinstance(content, dict)
    return content


def _schema(name: str) -> dict[str, Any]:
    content = json.loads((CATALOG / f"{name}.schema.json").read_text())
    assert isinstance(content, dict)
    return content


def _schema_accepts(name: str, content: Catalog) -> bool:
    return bool(jsonschema.Draft202012Validator(_schema(name)).is_valid(content))


@pytest.fixture(scope="module")
def plan_errors(workspace: Workspace) -> Callable[..., str]:
    """Plan the catalog module; answers what terraform complains of, with line breaks as spaces."""
    workspace.init("modules/catalog")

    def plan(**inputs: Any) -> str:
        base = {"tiers": _load("tiers"), "models": _load("models")}
        schemas = {"tiers_schema": _schema("tiers"), "models_schema": _schema("models")}
        (workspace.folder / "catalog.tfvars.json").write_text(json.dumps({**base, **schemas, **inputs}))
        args = ("plan", "-input=false", "-no-color", "-lock=false", "-var-file=../../catalog.tfvars.json")
        _, _, err = workspace.terraform(*args, chdir="modules/catalog", accept=frozenset({0, 1}))
        return " ".join(err.split())

    return plan


def _set(*path: str, to: Any) -> Callable[[Catalog], None]:
    def change(catalog: Catalog) -> None:
        for step in path[:-1]:
            catalog = catalog[step]
        catalog[path[-1]] = to

    return change


def _drop(*path: str) -> Callable[[Catalog], None]:
    def change(catalog: Catalog) -> None:
        for step in path[:-1]:
            catalog = catalog[step]
        del catalog[path[-1]]

    return change


# (what is wrong, what the plan must say)
BAD_TIERS = [
    (_set("basic", "colour", to="blue"), "tiers.basic.colour: unknown key; known are display_name, history_turns,"),
    (_set("basic", "limits", "per_hour", to=1), "tiers.basic.limits.per_hour: unknown key; known are burst,"),
    (_drop("basic", "model"), "tiers.basic.model: is required"),
    (_drop("basic", "memory", "retention_days"), "tiers.basic.memory.retention_days: is required"),
    (_set("Basic", to={}), 'tiers.Basic: the name must match ^[a-z][a-z0-9]{1,15}$; got "Basic"'),
    (_set("basic-plus", to={}), "tiers.basic-plus: the name must match"),
    (_set("basic", to=None), "tiers.basic: must be an object; got null"),
    (_set("basic", to=["x"]), 'tiers.basic: must be an object; got ["x"]'),
    (_set("basic", "limits", to=None), "tiers.basic.limits: must be an object; got null"),
    (
        _set("basic", "display_name", to="basic"),
        'tiers.basic.display_name: must match ^[A-Z][A-Za-z0-9 ]{1,31}$; got "basic"',
    ),
    (_set("basic", "model", to="Mistral"), "tiers.basic.model: must match"),
    (_set("basic", "model", to="*"), "tiers.basic.model: must match"),
    (
        _set("basic", "max_output_tokens", to="2048"),
        'tiers.basic.max_output_tokens: must be of type integer; got "2048"',
    ),
    (_set("basic", "max_output_tokens", to=255), "tiers.basic.max_output_tokens: must be at least 256; got 255"),
    (_set("basic", "history_turns", to=51), "tiers.basic.history_turns: must be at most 50; got 51"),
    (_set("basic", "history_turns", to=-1), "tiers.basic.history_turns: must be at least 0; got -1"),
    (_set("basic", "tools", to="get_patient"), 'tiers.basic.tools: must be of type array; got "get_patient"'),
    (_set("basic", "tools", to=["rm"]), "tiers.basic.tools[]: must be one of search_documents, list_patients,"),
    (_set("basic", "tools", to=["get_patient", "get_patient"]), "tiers.basic.tools: must not repeat an item"),
    (_set("basic", "limits", "burst", to=0), "tiers.basic.limits.burst: must be at least 1; got 0"),
    (
        _set("basic", "limits", "requests_per_day", to=1.5),
        "tiers.basic.limits.requests_per_day: must be of type integer",
    ),
    (_set("basic", "memory", "retention_days", to=6), "tiers.basic.memory.retention_days: must be at least 7; got 6"),
    (
        _set("basic", "memory", "retention_days", to=366),
        "tiers.basic.memory.retention_days: must be at most 365; got 366",
    ),
    (
        _set("basic", "memory", "long_term_preferences", to="yes"),
        'tiers.basic.memory.long_term_preferences: must be of type boolean; got "yes"',
    ),
    (lambda catalog: catalog.clear(), "tiers: must not be empty; got {}"),
]
MODEL = "openai.gpt-oss-120b-1:0"
BAD_MODELS = [
    (_set(MODEL, "price", to=1), f"models.{MODEL}.price: unknown key; known are checked_on,"),
    (_drop(MODEL, "source"), f"models.{MODEL}.source: is required"),
    (
        _set(MODEL, "price_input_usd_per_million", to="0.15"),
        f'models.{MODEL}.price_input_usd_per_million: must be of type number; got "0.15"',
    ),
    (
        _set(MODEL, "price_output_usd_per_million", to=-1),
        f"models.{MODEL}.price_output_usd_per_million: must be at least 0; got -1",
    ),
    (_set(MODEL, "checked_on", to="November"), f"models.{MODEL}.checked_on: must match"),
    (_set("GPT", to={}), "models.GPT: the name must match"),
]


@pytest.mark.parametrize("name", ["tiers", "models"])
def test_catalog_follows_its_schema_and_names_it_for_the_editor(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(_schema(name))
    jsonschema.validate(_load(name), _schema(name), cls=jsonschema.Draft202012Validator)
    first = (CATALOG / f"{name}.yaml").read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema=./{name}.schema.json"


@pytest.mark.parametrize(("change", "message"), BAD_TIERS, ids=[m for _, m in BAD_TIERS])
def test_schema_and_plan_refuse_a_bad_tier(
    plan_errors: Callable[..., str], change: Callable[[Catalog], None], message: str
) -> None:
    bad = copy.deepcopy(_load("tiers"))
    change(bad)
    assert not _schema_accepts("tiers", bad)
    assert message in plan_errors(tiers=bad)


@pytest.mark.parametrize(("change", "message"), BAD_MODELS, ids=[m for _, m in BAD_MODELS])
def test_schema_and_plan_refuse_a_bad_model(
    plan_errors: Callable[..., str], change: Callable[[Catalog], None], message: str
) -> None:
    bad = copy.deepcopy(_load("models"))
    change(bad)
    assert not _schema_accepts("models", bad)
    assert message in plan_errors(models=bad)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            _set("basic", "model", to="acme.unheard-of"),
            "tiers.basic.model: must be an entry of models.yaml (mistral.ministral-3-8b-instruct, "
            'openai.gpt-oss-120b-1:0); got "acme.unheard-of"',
        ),
        (
            _set("basic", "max_output_tokens", to=8001),
            "tiers.basic.max_output_tokens: must be at most 8000, the limit of mistral.ministral-3-8b-instruct; "
            "got 8001",
        ),
        (
            _set("basic", "limits", "burst", to=1),
            "tiers.basic.limits.burst: must be at least requests_per_second (2); got 1",
        ),
    ],
)
def test_plan_refuses_what_a_schema_cannot_say(
    plan_errors: Callable[..., str], change: Callable[[Catalog], None], message: str
) -> None:
    bad = copy.deepcopy(_load("tiers"))
    change(bad)
    assert _schema_accepts("tiers", bad)
    assert message in plan_errors(tiers=bad)


def test_plan_accepts_the_catalog_and_one_more_block(plan_errors: Callable[..., str]) -> None:
    assert plan_errors() == ""
    more = yaml.safe_load((CATALOG / "tiers.yaml").read_text() + ENTERPRISE)
    assert _schema_accepts("tiers", more)
    assert plan_errors(tiers=more) == ""


def test_plan_lists_all_problems_at_once(plan_errors: Callable[..., str]) -> None:
    bad = copy.deepcopy(_load("tiers"))
    _set("basic", "colour", to="blue")(bad)
    _drop("premium", "limits")(bad)
    said = plan_errors(tiers=bad)
    assert "The catalog has 2 problem(s):" in said
    assert "tiers.basic.colour: unknown key" in said
    assert "tiers.premium.limits: is required" in said


def test_plan_refuses_a_schema_keyword_that_it_does_not_apply(plan_errors: Callable[..., str]) -> None:
    schema = _schema("tiers")
    schema["$defs"]["entry"]["properties"]["history_turns"]["multipleOf"] = 2
    said = plan_errors(tiers_schema=schema)
    assert "tiers_schema.history_turns.multipleOf: is a keyword that this module does not check" in said
