"""Derive from AWS's service models what a Terraform schema does not say.

Rules of one resource type are keyed by the dotted path of an attribute or block; the empty path is the resource.

    block      required, min_items, max_items; of its members one_of (exactly one), any_of, at_most_one_of
    attribute  enum, pattern (whole value), min and max (of a number, a length or a size), default;
               each / keys / values (of a collection), fields (of its objects)
    both       replace: another value makes a new resource; replace_on_kind: so does another member than before
    resource   when: [{attribute, is: [values], need: [members, at least one], forbid: [members]}]
"""

import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from scripts.schemas.bindings import Schema
from scripts.schemas.overlay import OVERLAY

Rule = dict[str, Any]
Rules = dict[str, Rule]


class RulesError(Exception):
    """The hand-written rules and the service model do not go together."""


_CONSTRAINTS: Final = ("enum", "pattern", "min", "max")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the service model describes a resource type."""

    service: str = "bedrock-agentcore-control"
    arguments: Sequence[str]  # shapes whose members the arguments are
    results: Sequence[str] = ()  # shapes whose members the computed attributes are
    update: str | None = None  # operation; an argument that it lacks makes a new resource. None: see the overlay
    shapes: Mapping[str, Sequence[str]] = field(default_factory=dict)  # block -> shapes, where the names differ


_STRATEGIES: Final = ("SemanticMemoryStrategyInput", "CustomMemoryStrategyInput", "EpisodicMemoryStrategyInput")
SOURCES: Final[Mapping[str, Source]] = {
    "aws_bedrockagentcore_agent_runtime": Source(
        arguments=("CreateAgentRuntimeRequest",), results=("GetAgentRuntimeResponse",), update="UpdateAgentRuntime"
    ),
    "aws_bedrockagentcore_agent_runtime_endpoint": Source(
        arguments=("CreateAgentRuntimeEndpointRequest",),
        results=("GetAgentRuntimeEndpointResponse",),
        update="UpdateAgentRuntimeEndpoint",
    ),
    "aws_bedrockagentcore_gateway": Source(
        arguments=("CreateGatewayRequest",), results=("GetGatewayResponse",), update="UpdateGateway"
    ),
    "aws_bedrockagentcore_gateway_target": Source(
        arguments=("CreateGatewayTargetRequest",),
        results=("GetGatewayTargetResponse",),
        update="UpdateGatewayTarget",
        shapes={
            f"credential_provider_configuration.{block}": (shape,)
            for block, shape in (
                ("api_key", "ApiKeyCredentialProvider"),
                ("oauth", "OAuthCredentialProvider"),
                ("gateway_iam_role", "IamCredentialProvider"),
                ("caller_iam_credentials", "IamCredentialProvider"),
            )
        },
    ),
    "aws_bedrockagentcore_memory": Source(arguments=("CreateMemoryInput",), results=("Memory",), update="UpdateMemory"),
    "aws_bedrockagentcore_memory_strategy": Source(
        arguments=(*_STRATEGIES, "MemoryStrategy"),
        shapes={
            "configuration": (
                "SemanticOverrideConfigurationInput",
                "EpisodicOverrideConfigurationInput",
                "CustomConfigurationInput",
                "StrategyConfiguration",
            )
        },
    ),
    "aws_bedrockagentcore_policy_engine": Source(
        arguments=("CreatePolicyEngineRequest",), results=("GetPolicyEngineResponse",), update="UpdatePolicyEngine"
    ),
    "aws_bedrockagentcore_policy": Source(
        arguments=("CreatePolicyRequest",), results=("GetPolicyResponse",), update="UpdatePolicy"
    ),
    "aws_bedrockagentcore_workload_identity": Source(
        arguments=("CreateWorkloadIdentityRequest",),
        results=("GetWorkloadIdentityResponse",),
        update="UpdateWorkloadIdentity",
    ),
    "aws_bedrock_guardrail": Source(
        service="bedrock", arguments=("CreateGuardrailRequest",), results=("GetGuardrailResponse",)
    ),
    "aws_bedrock_guardrail_version": Source(
        service="bedrock", arguments=("CreateGuardrailVersionRequest",), results=("CreateGuardrailVersionResponse",)
    ),
}
"""The types that get rules: those that the real provider does not check in `make validate`, and the guardrail, whose
enumerations are many. The others have what the schema says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceModel:
    """One `service-2.json` of botocore."""

    shapes: Mapping[str, Any] = field(repr=False)
    operations: Mapping[str, Any] = field(repr=False)

    @classmethod
    def load(cls, botocore: Path, service: str) -> "ServiceModel":
        """Read the newest model of a service from an unpacked botocore (the folder that holds `data/`).

        It is read, not imported: the environment has another botocore.
        """
        path = max((botocore / "data" / service).glob("*/service-2.json.gz"))
        document = json.loads(gzip.decompress(path.read_bytes()))
        return cls(shapes=document["shapes"], operations=document["operations"])

    def member(self, shapes: Sequence[str], name: str) -> tuple[str | None, bool]:
        """Find what an argument stands for: its shape, and whether it is required. Blocks are named in the singular."""
        plain = name.replace("_", "")
        wanted = {plain, f"{plain}s", re.sub("y$", "ies", plain)}
        for shape in shapes:
            for member, reference in self.shapes[shape].get("members", {}).items():
                if member.lower() in wanted:
                    return reference["shape"], member in self.shapes[shape].get("required", [])
        return None, False

    def constraint(self, shape_name: str) -> Rule:
        """Say what a value of a shape has to be like."""
        shape = self.shapes[shape_name]
        rule = {key: shape[key] for key in _CONSTRAINTS if key in shape}
        if "pattern" in rule and not _compiles(rule["pattern"]):
            del rule["pattern"]  # Java's \p{…}; the length stays
        for key, part in (("each", "member"), ("keys", "key"), ("values", "value")):
            nested = self.constraint(shape[part]["shape"]) if part in shape else {}
            if nested:
                rule[key] = nested
        return rule

    def object_constraint(self, shape_name: str, attribute_type: Any) -> Rule:
        """Say what an attribute has to be like that is a list of objects, which the model has as one structure."""
        if not (isinstance(attribute_type, list) and isinstance(attribute_type[1], list)):
            return {}
        shape = self.shapes[shape_name]
        fields: Rules = {}
        for name in attribute_type[1][1]:
            inner, _ = self.member([shape_name], name)
            rule = self.constraint(inner) if inner else {}
            if rule:
                fields[name] = rule
        one = {"max": 1} if shape["type"] == "structure" else {}
        return one | ({"fields": fields} if fields else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """The rules of one type, and the arguments that have no counterpart in the service model."""

    rules: Rules
    unmapped: Sequence[str]


def derive(resource_type: str, schema: Schema, model: ServiceModel, *, source: Source) -> Derived:
    """Derive the rules of one type and lay the hand-written ones over them.

    Raises:
        RulesError: If a hand-written rule says nothing new, or names what the type does not have.
    """
    rules: Rules = {}
    unmapped = [
        path
        for path, rule in _walk(schema, source.arguments, "", model=model, source=source)
        if not _note(rules, path, rule)
    ]
    if source.update:
        for name in _replacing(schema, model, source=source):
            _note(rules, name, {"replace": True})
    for entry in OVERLAY.get(resource_type, ()):
        if entry.path and not _has(schema, entry.path.split(".")):
            raise RulesError(f"{resource_type}: a hand-written rule is for {entry.path}, which the type does not have")
        if entry.rule.items() <= rules.get(entry.path, {}).items():
            raise RulesError(
                f"{resource_type}: the hand-written rule for {entry.path} is in the service model; remove it"
            )
        _note(rules, entry.path, entry.rule)
    return Derived(rules=dict(sorted(rules.items())), unmapped=sorted(unmapped))


def _walk(
    block: Schema, shapes: Sequence[str], path: str, *, model: ServiceModel, source: Source
) -> Iterator[tuple[str, Rule | None]]:
    """Yield path and rule; None for an argument that has no counterpart."""
    for name, attribute in block["attributes"].items():
        shape, _ = model.member(shapes, name)
        if shape is None and not path and attribute.get("computed"):
            shape, _ = model.member(source.results, name)
        if shape is None:
            yield _join(path, name), {} if attribute.get("computed") else None
        elif isinstance(attribute["type"], list) and isinstance(attribute["type"][1], list):
            yield _join(path, name), model.object_constraint(shape, attribute["type"])
        elif model.shapes[shape]["type"] != "structure":
            yield _join(path, name), model.constraint(shape)
    mapped = []
    for name, nested in block["block_types"].items():
        key = _join(path, name)
        shape, required = model.member(shapes, name)
        inner = source.shapes.get(key) or ([shape] if shape else [])
        if not inner:
            yield key, {} if name == "timeouts" else None
            continue
        mapped.append(name)
        rule: Rule = {"required": True} if required else {}
        target = model.shapes[inner[0]]
        if target["type"] == "list":
            rule |= {f"{bound}_items": target[bound] for bound in ("min", "max") if target.get(bound)}
            inner = [target["member"]["shape"]]
        elif target["type"] == "map":
            inner = [target["value"]["shape"]]
        elif nested["nesting_mode"] == "list":
            rule["max_items"] = 1
        yield key, rule
        yield from _walk(nested["block"], inner, key, model=model, source=source)
    if len(shapes) == 1 and model.shapes[shapes[0]].get("union") and mapped:
        yield path, {"one_of": sorted(mapped)}


def _replacing(schema: Schema, model: ServiceModel, *, source: Source) -> Iterator[str]:
    """Yield the arguments that the update operation lacks, or uses to say which resource is meant."""
    shape = model.operations[str(source.update)]["input"]["shape"]
    members = {name.lower(): reference for name, reference in model.shapes[shape]["members"].items()}
    for name in schema["attributes"]:
        created, _ = model.member(source.arguments, name)
        updated = members.get(name.replace("_", ""))
        if created and name != "tags" and (updated is None or updated.get("location") == "uri"):
            yield name


def _note(rules: Rules, path: str, rule: Rule | None) -> bool:
    if rule:
        rules.setdefault(path, {}).update(rule)
    return rule is not None


def _has(block: Schema, path: Sequence[str]) -> bool:
    name, *rest = path
    if rest:
        return name in block["block_types"] and _has(block["block_types"][name]["block"], rest)
    return name in block["attributes"] or name in block["block_types"]


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
