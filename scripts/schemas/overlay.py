"""Rules that the service model cannot say, each with its reason and where that is from.

Derived rules of the same path are kept, key by key; what stands here wins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_VALIDATORS: Final = "validators and plan modifiers of provider 6.x"
_SERVICE: Final = "AgentCore developer guide"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandWritten:
    """One rule, laid over the derived ones."""

    path: str  # dotted; empty for the resource
    rule: dict[str, Any]
    reason: str
    source: str


_JWT: Final = "authorizer_configuration.custom_jwt_authorizer"
_AUTHORIZER: Final = (
    HandWritten(
        path=_JWT,
        rule={"any_of": ["allowed_audience", "allowed_clients", "allowed_scopes", "custom_claim"]},
        reason="an authorizer that checks nothing but the signature is refused",
        source=_SERVICE,
    ),
    HandWritten(
        path=f"{_JWT}.custom_claim.authorizing_claim_match_value.claim_match_value",
        rule={"one_of": ["match_value_string", "match_value_string_list"]},
        reason="a union whose members are attributes here, and the derivation knows blocks only",
        source="ClaimMatchValueType of the service model",
    ),
)
# The tool schema nests three levels of blocks; the rules are the same on each.
_TOOL: Final = "target_configuration.mcp.lambda.tool_schema.inline_payload"
_LEVELS: Final = ("", ".items", ".property", ".items.items", ".items.property", ".property.items", ".property.property")
_DEEPER: Final = (".property.items.items", ".property.items.property")


def _tool_schema() -> tuple[HandWritten, ...]:
    rules = []
    for schema in ("input_schema", "output_schema"):
        for level in (*_LEVELS, *_DEEPER):
            path = f"{_TOOL}.{schema}{level}"
            leaf = level in (".items.items", ".items.property", ".property.property", *_DEEPER)
            names = ["items_json", "properties_json"] if leaf else ["items", "property"]
            rules.append(
                HandWritten(
                    path=path,
                    rule={"at_most_one_of": names},
                    reason="an array has items, an object has properties, nothing has both",
                    source=_VALIDATORS,
                )
            )
            if level.endswith("property"):
                rules.append(
                    HandWritten(
                        path=f"{path}.required",
                        rule={"default": False},
                        reason="known in the plan, so that a set of properties can be compared with the state",
                        source=_VALIDATORS,
                    )
                )
    return tuple(rules)


OVERLAY: Final[Mapping[str, Sequence[HandWritten]]] = {
    "aws_bedrockagentcore_agent_runtime": (
        *_AUTHORIZER,
        HandWritten(
            path="network_configuration",
            rule={"required": True},
            reason="the service takes it as optional, the provider does not",
            source=_VALIDATORS,
        ),
        HandWritten(
            path="agent_runtime_artifact",
            rule={"replace_on_kind": True},
            reason="code cannot become a container, nor the reverse",
            source=_VALIDATORS,
        ),
    ),
    "aws_bedrockagentcore_gateway": (
        *_AUTHORIZER,
        HandWritten(
            path="",
            rule={
                "when": [
                    {"attribute": "authorizer_type", "is": ["CUSTOM_JWT"], "need": ["authorizer_configuration"]},
                    {
                        "attribute": "authorizer_type",
                        "is": ["NONE", "AWS_IAM"],
                        "forbid": ["authorizer_configuration"],
                    },
                ]
            },
            reason="the model has type and configuration side by side; a configuration that is not used misleads",
            source=f"{_VALIDATORS}; {_SERVICE}",
        ),
        HandWritten(
            path="authorizer_type",
            rule={"replace": True},
            reason="the update operation has it, but the service refuses another value",
            source=_VALIDATORS,
        ),
        HandWritten(path="name", rule={"replace": True}, reason="as for the authorizer's type", source=_VALIDATORS),
    ),
    "aws_bedrockagentcore_gateway_target": (
        *_tool_schema(),
        HandWritten(
            path="credential_provider_configuration",
            rule={
                "one_of": ["api_key", "caller_iam_credentials", "gateway_iam_role", "jwt_passthrough", "oauth"],
                "max_items": 1,
            },
            reason="the model has a type beside a union; the provider makes both from the block's name",
            source=_VALIDATORS,
        ),
        HandWritten(path="name", rule={"replace": True}, reason="a new name is a new target", source=_VALIDATORS),
    ),
    "aws_bedrockagentcore_memory": (
        HandWritten(
            path="event_expiry_duration",
            rule={"min": 7, "max": 365},
            reason="the API takes 3 to 3650 days, the provider 7 to 365",
            source=_VALIDATORS,
        ),
        HandWritten(
            path="indexed_key",
            rule={"replace": True},
            reason="the update operation can only add keys",
            source=_VALIDATORS,
        ),
    ),
    "aws_bedrockagentcore_memory_strategy": (
        HandWritten(
            path="",
            rule={
                "when": [
                    {"attribute": "type", "is": ["CUSTOM"], "need": ["configuration"]},
                    {
                        "attribute": "type",
                        "is": ["SEMANTIC", "SUMMARIZATION", "USER_PREFERENCE", "EPISODIC"],
                        "need": ["namespace_templates", "namespaces"],
                        "forbid": ["configuration"],
                    },
                ],
                "at_most_one_of": ["namespace_templates", "namespaces"],
            },
            reason="one resource stands for five input shapes; without a namespace nothing could be read back",
            source=f"{_VALIDATORS}; {_SERVICE}",
        ),
        HandWritten(
            path="configuration.type",
            rule={"replace": True},
            reason="a strategy cannot become another kind",
            source=_VALIDATORS,
        ),
        *(
            HandWritten(
                path=name, rule={"replace": True}, reason="a strategy cannot be moved or renamed", source=_VALIDATORS
            )
            for name in ("memory_id", "name", "type")
        ),
    ),
    "aws_bedrock_guardrail": (
        HandWritten(
            path="",
            rule={
                "any_of": [
                    "content_policy_config",
                    "contextual_grounding_policy_config",
                    "sensitive_information_policy_config",
                    "topic_policy_config",
                    "word_policy_config",
                ]
            },
            reason="the service refuses a guardrail that guards nothing",
            source="Bedrock API reference, CreateGuardrail",
        ),
    ),
    "aws_bedrock_guardrail_version": (
        *(
            HandWritten(path=name, rule={"replace": True}, reason="a version cannot be changed", source=_VALIDATORS)
            for name in ("description", "guardrail_arn")
        ),
    ),
}
