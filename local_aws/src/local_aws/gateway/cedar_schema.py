"""The Cedar schema of a gateway, built from the tools that Terraform recorded.

The shape is the service's: principals `AgentCore::OAuthUser` with the claims as string tags, one action per tool below
its target, `CallTool` and `Mcp`, the gateway as resource, arguments in `context.input`, the clock in
`context.system.now`. Source: AgentCore developer guide, "Policy in AgentCore".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from local_aws.gateway.recorded import Tool

NAMESPACE: Final = "AgentCore"
USER: Final = f"{NAMESPACE}::OAuthUser"
ACTION: Final = f"{NAMESPACE}::Action"
GATEWAY: Final = f"{NAMESPACE}::Gateway"


def cedar_schema(tools: Iterable[Tool], *, with_input: bool = True) -> dict[str, Any]:
    """Build the schema, in Cedar's JSON form.

    Args:
        tools: All tools of the gateway.
        with_input: Whether `context` has `input`; without it the schema is for decisions that no argument can change.
    """
    actions: dict[str, Any] = {"Mcp": {}, "CallTool": {"memberOf": [{"id": "Mcp"}]}}
    system = {"type": "Record", "attributes": {"now": {"type": "Extension", "name": "datetime"}}}
    for tool in tools:
        actions.setdefault(tool.target, {"memberOf": [{"id": "CallTool"}]})
        given = {"input": tool.schema.cedar_type()} if with_input else {}
        actions[tool.wire_name] = {
            "memberOf": [{"id": tool.target}],
            "appliesTo": {
                "principalTypes": ["OAuthUser"],
                "resourceTypes": ["Gateway"],
                "context": {"type": "Record", "attributes": {**given, "system": system}},
            },
        }
    user = {
        "shape": {"type": "Record", "attributes": {"id": {"type": "String"}}},
        "tags": {"type": "String"},
    }
    return {NAMESPACE: {"entityTypes": {"OAuthUser": user, "Gateway": {}}, "actions": actions}}
