"""The policy engine: Cedar, with the recorded policies and a schema from the recorded tools, all parsed once."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import cedarpy

from local_aws.agentcore.errors import InvalidConfigError
from local_aws.gateway.cedar_schema import ACTION, GATEWAY, USER, cedar_schema
from local_aws.gateway.principal import Principal
from local_aws.gateway.recorded import Policy, Tool
from local_aws.gateway.some_input import for_some_input

_KNOWN_PRINCIPALS: Final = 512
"""How many callers' entities stay parsed; one more costs 65 microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the engine said."""

    allowed: bool
    outcome: str  # ALLOW, DENY or NO_DECISION, which is a denial too
    policy_ids: tuple[str, ...]
    errors: int = 0  # policies that failed: a permit that fails does not permit, a forbid that fails does not forbid


class PolicyError(InvalidConfigError):
    """A policy that the service would refuse."""


class PolicyEngine:
    """Decides calls.

    Args:
        policies: The recorded policies.
        tools: All tools of the gateway.
        gateway_arn: The resource.

    Raises:
        PolicyError: If a policy is not one statement, or does not fit the schema. AWS refuses to create it then.
    """

    def __init__(self, policies: Sequence[Policy], *, tools: Iterable[Tool], gateway_arn: str) -> None:
        tools = list(tools)
        schema = cedar_schema(tools)
        self._schema = cedarpy.Schema.from_json_str(json.dumps(schema))
        self._list_schema = cedarpy.Schema.from_json_str(json.dumps(cedar_schema(tools, with_input=False)))
        parsed = {policy.id: parse_policy(policy, schema=self._schema) for policy in policies}
        if len(parsed) != len(policies):
            raise PolicyError(field="policies", problem="two have the same id")
        self._policies = _policy_set(parsed)
        self._list_policies = _policy_set({key: for_some_input(policy) for key, policy in parsed.items()})
        self._resource = {"type": GATEWAY, "id": gateway_arn}
        self._entities: OrderedDict[Principal, cedarpy.Entities] = OrderedDict()

    def decide(self, principal: Principal, *, tool: str, arguments: Mapping[str, Any], now: datetime) -> Decision:
        """Decide one call.

        Args:
            principal: Who calls.
            tool: Wire name.
            arguments: As `ValueSchema.cedar_value` returns them.
            now: The service's clock.
        """
        return self._ask(principal, tool, {"input": arguments, "system": _system(now)}, listing=False)

    def may_call(self, principal: Principal, *, tool: str, now: datetime) -> Decision:
        """Tell whether a call with some arguments would be allowed; see `some_input` for how exact that is."""
        return self._ask(principal, tool, {"system": _system(now)}, listing=True)

    def _ask(self, principal: Principal, tool: str, context: Mapping[str, Any], *, listing: bool) -> Decision:
        result = cedarpy.is_authorized(
            {
                "principal": {"type": USER, "id": principal.subject},
                "action": {"type": ACTION, "id": tool},
                "resource": self._resource,
                "context": json.dumps(context),
            },
            self._list_policies if listing else self._policies,
            self._entities_of(principal),
            self._list_schema if listing else self._schema,
        )
        outcome = {"Allow": "ALLOW", "Deny": "DENY"}.get(result.decision.value, "NO_DECISION")
        return Decision(
            allowed=outcome == "ALLOW",
            outcome=outcome,
            policy_ids=tuple(sorted(result.diagnostics.reasons)),
            errors=len(result.diagnostics.errors),
        )

    def _entities_of(self, principal: Principal) -> cedarpy.Entities:
        known = self._entities.get(principal)
        if known is None:
            entity = {
                "uid": {"type": USER, "id": principal.subject},
                "attrs": {"id": principal.subject},
                "parents": [],
                "tags": dict(principal.tags),
            }
            known = self._entities[principal] = cedarpy.Entities.from_json_str(json.dumps([entity]), self._schema)
            if len(self._entities) > _KNOWN_PRINCIPALS:
                self._entities.popitem(last=False)
        else:
            self._entities.move_to_end(principal)
        return known


def parse_policy(policy: Policy, *, schema: cedarpy.Schema) -> dict[str, Any]:
    """Parse and type-check one policy; return it in Cedar's JSON form.

    Raises:
        PolicyError: With the policy's name, and the place in its text where there is one.
    """
    try:
        found = json.loads(cedarpy.policies_to_json_str(policy.statement))
    except ValueError as failure:
        raise PolicyError(field=f"policy {policy.name}", problem=f"is no Cedar ({failure})") from failure
    statements = list(found["staticPolicies"].values())
    if len(statements) != 1 or found.get("templates"):
        raise PolicyError(field=f"policy {policy.name}", problem="has to be exactly one statement")
    checked = cedarpy.validate_policies(policy.statement, schema)
    if not checked.validation_passed:
        problems = "; ".join(error.error for error in checked.errors)
        raise PolicyError(field=f"policy {policy.name}", problem=f"does not fit the gateway's tools: {problems}")
    statement: dict[str, Any] = statements[0]
    return statement


def _policy_set(policies: Mapping[str, Any]) -> cedarpy.PolicySet:
    document = {"staticPolicies": policies, "templates": {}, "templateLinks": []}
    return cedarpy.PolicySet.from_json_str(json.dumps(document))


def _system(now: datetime) -> dict[str, Any]:
    return {"now": {"__extn": {"fn": "datetime", "arg": now.strftime("%Y-%m-%dT%H:%M:%SZ")}}}
