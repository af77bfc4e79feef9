"""Catalogs with one thing wrong each, and what a plan must say of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import yaml

from .support import SOURCES

Document = dict[str, Any]
Change = Callable[[Document], None]
CATALOG: Final = SOURCES / "catalog"


def load(name: str) -> Document:
    """The shipped `tiers`, `models` or `tools`."""
    if name == "tools":
        return {file.stem: json.loads(file.read_text()) for file in (CATALOG / "tools").glob("*.json")}
    content = yaml.safe_load((CATALOG / f"{name}.yaml").read_text())
    assert isinstance(content, dict)
    return content


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A document of the catalog with one thing wrong."""

    document: str  # tiers, models or tools
    change: Change
    message: str
    schema_refuses: bool  # else only the plan can

    def content(self) -> Document:
        content = copy.deepcopy(load(self.document))
        self.change(content)
        return content


def _set(*path: str, to: Any) -> Change:
    def change(content: Document) -> None:
        for step in path[:-1]:
            content = content[step]
        content[path[-1]] = to

    return change


def _drop(*path: str) -> Change:
    def change(content: Document) -> None:
        for step in path[:-1]:
            content = content[step]
        del content[path[-1]]

    return change


def _copy_of_get_patient(**changes: Any) -> Change:
    def change(tools: Document) -> None:
        tools["another"] = {**copy.deepcopy(tools["get_patient"]), "name": "another", **changes}

    return change


BAD_TIERS = [
    (_set("basic", "colour", to="blue"), "tiers.basic.colour: unknown key; known are access_hours_utc, display_name,"),
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
    (_set("basic", "tools", to=[]), "tiers.basic.tools: must have at least 1 item(s); got []"),
    (_set("basic", "tools", to=["Get-Patient"]), "tiers.basic.tools[]: must match"),
    (_set("basic", "tools", to=["get_patient", 7]), "tiers.basic.tools[]: must be of type string; got 7"),
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
        _set("basic", "memory", "strategies", to=["episodes"]),
        'tiers.basic.memory.strategies[]: must be one of preferences, facts, summaries; got "episodes"',
    ),
    (
        _set("basic", "memory", "long_term_preferences", to=True),
        "tiers.basic.memory.long_term_preferences: unknown key; known are retention_days, strategies",
    ),
    (
        _set("basic", "access_hours_utc", "from", to=-1),
        "tiers.basic.access_hours_utc.from: must be at least 0; got -1",
    ),
    (_set("basic", "access_hours_utc", "to", to=25), "tiers.basic.access_hours_utc.to: must be at most 24; got 25"),
    (
        _set("basic", "access_hours_utc", "to", to=17.5),
        "tiers.basic.access_hours_utc.to: must be of type integer; got 17.5",
    ),
    (
        _set("basic", "access_hours_utc", "from", to="06:00"),
        'tiers.basic.access_hours_utc.from: must be of type integer; got "06:00"',
    ),
    (_set("basic", "access_hours_utc", to={"from": 6}), "tiers.basic.access_hours_utc.to: is required"),
    (
        _set("basic", "access_hours_utc", "zone", to="CET"),
        "tiers.basic.access_hours_utc.zone: unknown key; known are from, to",
    ),
    (_drop("basic", "guardrail"), "tiers.basic.guardrail: is required"),
    (
        _set("basic", "guardrail", "prompt_attack", to="NONE"),
        'tiers.basic.guardrail.prompt_attack: must be one of LOW, MEDIUM, HIGH; got "NONE"',
    ),
    (_drop("basic", "guardrail", "filters", "hate"), "tiers.basic.guardrail.filters.hate: is required"),
    (
        _set("basic", "guardrail", "filters", "hate", "input", to="strict"),
        'tiers.basic.guardrail.filters.hate.input: must be one of NONE, LOW, MEDIUM, HIGH; got "strict"',
    ),
    (
        _set("basic", "guardrail", "filters", "hate", "both", to="LOW"),
        "tiers.basic.guardrail.filters.hate.both: unknown key; known are input, output",
    ),
    (
        _set("basic", "guardrail", "denied_words", to=["four words are one too many"]),
        "tiers.basic.guardrail.denied_words[]: must match",
    ),
    (
        _set("basic", "guardrail", "blocked_information", to=["SHOE_SIZE"]),
        "tiers.basic.guardrail.blocked_information[]: must be one of ADDRESS, AGE,",
    ),
    (lambda content: content.clear(), "tiers: must not be empty; got {}"),
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
PATIENT_ID = ("get_patient", "inputSchema", "properties", "patient_id")
BAD_TOOLS = [
    (_set("get_patient", "colour", to="blue"), "tools.get_patient.colour: unknown key; known are $schema, connector,"),
    (_drop("get_patient", "target"), "tools.get_patient.target: is required"),
    (_set("get_patient", "$schema", to="x"), 'tools.get_patient.$schema: must be one of ../tool.schema.json; got "x"'),
    (_set("get_patient", "target", to="clinic_data"), 'target: must match ^([0-9a-zA-Z]-?){1,100}$; got "clinic_data"'),
    (
        _set("get_patient", "target", to="a--b"),
        'tools.get_patient.target: must match ^([0-9a-zA-Z]-?){1,100}$; got "a--b"',
    ),
    (_set("get_patient", "description", to="short"), "tools.get_patient.description: must match"),
    (_set("get_patient", to="x"), 'tools.get_patient: must be an object; got "x"'),
    (_drop("web_search", "connector", "tool"), "tools.web_search.connector.tool: is required"),
    (
        _set("get_patient", "inputSchema", "additionalProperties", to=False),
        "tools.get_patient.inputSchema.additionalProperties: unknown key; known are properties, required, type",
    ),
    (
        _set("get_patient", "inputSchema", "type", to="array"),
        'tools.get_patient.inputSchema.type: must be one of object; got "array"',
    ),
    # What the provider's tool_schema cannot say, or only with nesting.
    (
        _set(*PATIENT_ID, "minLength", to=1),
        "tools.get_patient.inputSchema.properties.patient_id.minLength: unknown key; known are description, type",
    ),
    (
        _set(*PATIENT_ID, "type", to="object"),
        "tools.get_patient.inputSchema.properties.patient_id.type: must be one of string, integer, number, boolean; "
        'got "object"',
    ),
    (_set(*PATIENT_ID, "type", to=["string", "null"]), "properties.patient_id.type: must be of type string; got"),
    (_drop(*PATIENT_ID, "description"), "tools.get_patient.inputSchema.properties.patient_id.description: is required"),
    (
        _set("get_patient", "inputSchema", "required", to="patient_id"),
        'tools.get_patient.inputSchema.required: must be of type array; got "patient_id"',
    ),
    (
        _set("get_patient", "inputSchema", "properties", "patient-id", to={"type": "string", "description": "The id."}),
        "tools.get_patient.inputSchema.properties.patient-id: the name must match",
    ),
    (lambda content: content.clear(), "tools: must not be empty; got {}"),
]

# What joins two fields or two files; no schema can say it.
CROSS_TIERS = [
    (
        _set("basic", "tools", to=["get_patient", "rm"]),
        "tiers.basic.tools: must each be a file in tools/ (clinic_profile, get_patient, list_patients, "
        'search_documents, web_search); got ["rm"]',
    ),
    (
        _set("basic", "access_hours_utc", to={"from": 20, "to": 6}),
        "tiers.basic.access_hours_utc.to: must be after from (20), on the same day; got 6",
    ),
    (
        _set("basic", "access_hours_utc", to={"from": 6, "to": 6}),
        "tiers.basic.access_hours_utc.to: must be after from (6), on the same day; got 6",
    ),
    (
        _set("basic", "guardrail", "masked_information", to=["PASSWORD", "EMAIL"]),
        'tiers.basic.guardrail.masked_information: must not be in blocked_information too; got ["PASSWORD"]',
    ),
    (
        _set("basic", "model", to="acme.unheard-of"),
        "tiers.basic.model: must be an entry of models.yaml (mistral.ministral-3-8b-instruct, "
        'openai.gpt-oss-120b-1:0); got "acme.unheard-of"',
    ),
    (
        _set("basic", "max_output_tokens", to=8001),
        "tiers.basic.max_output_tokens: must be at most 8000, the limit of mistral.ministral-3-8b-instruct; got 8001",
    ),
    (
        _set("basic", "limits", "burst", to=1),
        "tiers.basic.limits.burst: must be at least requests_per_second (2); got 1",
    ),
]
CROSS_TOOLS = [
    (
        _set("get_patient", "name", to="read_patient"),
        'tools.get_patient.name: must be the file\'s name, get_patient; got "read_patient"',
    ),
    (
        _copy_of_get_patient(name="get_patient"),
        'tools.another.name: must be the only one; tools.get_patient has it too; got "get_patient"',
    ),
    (
        _copy_of_get_patient(target="web-search"),
        "tools.another.target: must be either the platform's function or one connector for all its tools "
        '(web-search: function, web-search: web-search); got "web-search"',
    ),
    (
        _copy_of_get_patient(target="other", connector={"id": "web-search", "tool": "WebSearch"}),
        "tools.another.connector.tool: must be name (another) in snake case, since the agent calls it so; "
        'got "WebSearch"',
    ),
    (
        _copy_of_get_patient(target="other", connector={"id": "web-search", "tool": "WebSearch"}),
        "tools.another.connector.tool: must differ in snake case from those of other tools; tools.web_search is "
        'web_search too; got "WebSearch"',
    ),
    (
        _set("get_patient", "inputSchema", "required", to=["patient_id", "date"]),
        'tools.get_patient.inputSchema.required: must each be in properties (patient_id); got ["date"]',
    ),
]

CASES: Final = [
    Case(document=document, change=change, message=message, schema_refuses=schema_refuses)
    for document, schema_refuses, listed in (
        ("tiers", True, BAD_TIERS),
        ("models", True, BAD_MODELS),
        ("tools", True, BAD_TOOLS),
        ("tiers", False, CROSS_TIERS),
        ("tools", False, CROSS_TOOLS),
    )
    for change, message in listed
]
