"""Check rendered policies: what the service checks when a policy is made, and what this platform asks of its own."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import cedarpy

from local_aws.gateway.cedar_schema import USER, cedar_schema
from local_aws.gateway.engine import PolicyError, parse_policy
from local_aws.gateway.recorded import GatewayConfig, Policy
from local_aws.gateway.some_input import mentions_input
from scripts.cedar.table import Case

_FORBIDDEN: Final = {
    "like": "patterns compare parts of a claim; compare the whole value",
    "unless": "say when it holds, so that nothing holds by accident",
    "||": "an alternative opens a second way in; write another policy",
    "if-then-else": "write two policies",
}


def problems(config: GatewayConfig, *, tiers: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the policies, one line each, with tier and position.

    Args:
        config: The gateway, its tools and its policies.
        tiers: Cedar text by tier.
    """
    schema = cedarpy.Schema.from_json_str(json.dumps(cedar_schema(config.tools.values())))
    found = []
    texts = {policy.statement for policy in config.policies}
    for tier, text in tiers.items():
        if text not in texts:
            found.append(f"tier {tier}: its policy is not in the engine")
    for policy in config.policies:
        own = [tier for tier, text in tiers.items() if text == policy.statement]
        if not own:
            found.append(f"policy {policy.name}: belongs to no tier")
            continue
        tier = own[0]
        try:
            statement = parse_policy(policy, schema=schema)
        except PolicyError as failure:
            line, column = _position(policy.statement, str(failure))
            found.append(f"tier {tier}, line {line}, column {column}: {failure}")
            continue
        found += [f"tier {tier}: {problem}" for problem in _form(statement, policy, tier=tier, arn=config.arn)]
    return found


def useless(cases: Sequence[Case], *, policies: Sequence[Policy], tiers: Sequence[str]) -> list[str]:
    """Return the policies that always or never hold, and claims that get what only tiers get."""
    found = []
    for policy in policies:
        holding = [policy.name in case.policies for case in cases]
        if not any(holding):
            found.append(f"policy {policy.name}: never permits anything")
        if all(holding):
            found.append(f"policy {policy.name}: permits everything")
    for case in cases:
        if case.claim not in tiers and any(case.hours):
            found.append(f"claim tier={case.claim!r}: may call {case.tool}, but is no tier")
    return found


def _form(statement: Mapping[str, Any], policy: Policy, *, tier: str, arn: str) -> Iterator[str]:
    """Check that a statement permits one tier named tools of this gateway, and what else it may depend on."""
    if statement["effect"] != "permit":
        yield "has to be a permit: without one everything is denied"
    if statement["principal"] != {"op": "is", "entity_type": USER}:
        yield f"principal has to be `principal is {USER}`"
    action = statement["action"]
    if action["op"] not in {"in", "=="} or any("___" not in name for name in _actions(action)):
        yield "action has to name tools, no target and no group"
    if statement["resource"] != {"op": "==", "entity": {"type": "AgentCore::Gateway", "id": arn}}:
        yield f"resource has to be this gateway, {arn}"
    conditions = statement.get("conditions", [])
    parts = [part for condition in conditions for part in _conjuncts(condition["body"])]
    claim = {"left": {"Var": "principal"}, "right": {"Value": "tier"}}
    for part in ({"hasTag": claim}, {"==": {"left": {"getTag": claim}, "right": {"Value": tier}}}):
        if part not in parts:
            yield f'lacks the condition on the tier: principal.hasTag("tier") && principal.getTag("tier") == "{tier}"'
            break
    used = set(_operators(statement)) | {condition["kind"] for condition in conditions}
    for operator in sorted(used & set(_FORBIDDEN)):
        line, column = _position(policy.statement, f"`{operator}`")
        yield f"line {line}, column {column}: `{operator}`: {_FORBIDDEN[operator]}"
    for time in re.findall(r'"duration": \[\{"Value": "([^"]*)"', json.dumps(conditions)):
        if not re.fullmatch(r"\d{1,2}h", time):
            yield f"duration {time!r} has to be in whole hours: the table of decisions is"
    if mentions_input(conditions):
        yield "depends on context.input, which the model chooses; a policy may depend on claims and the clock"


def _actions(action: Mapping[str, Any]) -> list[str]:
    return [entity["id"] for entity in action.get("entities", [action.get("entity")])]


def _conjuncts(expression: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "&&" in expression:
        yield from _conjuncts(expression["&&"]["left"])
        yield from _conjuncts(expression["&&"]["right"])
    else:
        yield expression


def _operators(expression: Any) -> Iterator[str]:
    if isinstance(expression, Mapping):
        yield from expression
        expression = list(expression.values())
    if isinstance(expression, list):
        for item in expression:
            yield from _operators(item)


def _position(text: str, problem: str) -> tuple[int, int]:
    """Find the place in a policy's text that a problem is about; the beginning if it says none.

    Cedar's bindings give no positions, only what they stumble over.
    """
    before = text[: _offset(text, problem)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _offset(text: str, problem: str) -> int:
    if "unexpected end of input" in problem:
        return len(text.rstrip())
    unexpected = re.search(r"unexpected token `([^`]+)`", problem)
    if unexpected:
        # Of several such tokens the one that is too much: up to it, the text is the beginning of a policy.
        tokens = list(re.finditer(re.escape(unexpected[1]), text))
        wrong = [t for t in tokens if _is_beginning(text[: t.start()]) and not _is_beginning(text[: t.end()])]
        return wrong[0].start() if wrong else 0
    names = [name for name in re.findall(r"`([^`]+)`", problem) if not re.fullmatch(r"policy\d+", name)]
    names += re.findall(r'"([^"]+)"', problem)
    places = [text.find(part) for name in names for part in (name, name.rpartition(".")[2])]
    return next((place for place in places if place >= 0), 0)


def _is_beginning(text: str) -> bool:
    try:
        cedarpy.policies_to_json_str(text)
    except ValueError as failure:
        return "unexpected end of input" in str(failure)
    return True
