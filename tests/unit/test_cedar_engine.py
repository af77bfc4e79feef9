"""The policy engine: decisions, what a failing policy does, and what the list of tools is decided with."""

import itertools
import json
from datetime import UTC, datetime
from typing import Any

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_aws.gateway.engine import PolicyEngine, PolicyError
from local_aws.gateway.principal import Principal, principal_of
from local_aws.gateway.recorded import Policy, Tool, read_gateway
from local_aws.gateway.some_input import for_some_input, mentions_input
from local_aws.gateway.tool_schema import ValueSchema
from local_aws.recorded_state import RecordedState
from tests.unit.gateway_standin_support import (
    GATEWAY,
    GET_PATIENT,
    LIST_PATIENTS,
    POLICIES,
    WEB_SEARCH,
    state,
    statement,
)

NOON = datetime(2026, 8, 12, 12, tzinfo=UTC)
TOOLS = list(read_gateway(RecordedState.parse(state("http://localhost"))).tools.values())


def engine(*statements: str, arn: str = GATEWAY) -> PolicyEngine:
    policies = [Policy(id=f"id-{number}", name=f"p{number}", statement=text) for number, text in enumerate(statements)]
    return PolicyEngine(policies, tools=TOOLS, gateway_arn=arn)


def user(**claims: Any) -> Principal:
    return principal_of({"sub": "u", **claims})


def decide(found: PolicyEngine, tool: str, arguments: dict[str, Any], *, now: datetime = NOON, **claims: Any) -> str:
    return found.decide(user(**claims), tool=tool, arguments=arguments, now=now).outcome


def test_a_decision_names_the_policy() -> None:
    both = engine(*POLICIES.values())
    decision = both.decide(user(tier="premium"), tool=GET_PATIENT, arguments={"patient_id": "x"}, now=NOON)
    assert (decision.outcome, decision.policy_ids, decision.errors) == ("ALLOW", ("id-1",), 0)


def test_what_does_not_fit_the_schema_is_no_decision_and_a_denial() -> None:
    both = engine(*POLICIES.values())
    calls: list[tuple[str, dict[str, Any]]] = [
        (GET_PATIENT, {"patient_id": 5}),
        (GET_PATIENT, {}),
        (GET_PATIENT, {"patient_id": "x", "more": 1}),
        ("clinic-data___no_such", {}),
    ]
    for tool, arguments in calls:
        decision = both.decide(user(tier="premium"), tool=tool, arguments=arguments, now=NOON)
        assert (decision.allowed, decision.outcome) == (False, "NO_DECISION")
        assert decision.errors == 1


def test_a_permit_that_fails_does_not_permit() -> None:
    # Adding to the largest number overflows: the one way in which a checked policy can fail.
    failing = engine(
        statement("basic", LIST_PATIENTS, more=" && context.input has limit && context.input.limit + 1 > 0")
    )
    assert decide(failing, LIST_PATIENTS, {"limit": 5}, tier="basic") == "ALLOW"
    decision = failing.decide(user(tier="basic"), tool=LIST_PATIENTS, arguments={"limit": 2**63 - 1}, now=NOON)
    assert (decision.outcome, decision.errors) == ("DENY", 1)


def test_a_forbid_wins() -> None:
    forbid = f'forbid (principal, action == AgentCore::Action::"{GET_PATIENT}", resource);'
    assert decide(engine(POLICIES["premium"], forbid), GET_PATIENT, {"patient_id": "x"}, tier="premium") == "DENY"


def test_groups_of_actions_hold() -> None:
    for group in ("clinic-data", "CallTool", "Mcp"):
        text = POLICIES["premium"].replace(f'"{GET_PATIENT}"', f'"{group}"')
        assert decide(engine(text), GET_PATIENT, {"patient_id": "x"}, tier="premium") == "ALLOW"


def test_claims_of_one_user_never_decide_for_another() -> None:
    both = engine(*POLICIES.values())
    for _ in range(3):
        assert decide(both, WEB_SEARCH, {"query": "x"}, tier="premium") == "ALLOW"
        assert decide(both, WEB_SEARCH, {"query": "x"}, tier="basic") == "DENY"
        assert decide(both, WEB_SEARCH, {"query": "x"}) == "DENY"


def test_another_gateway_is_another_resource() -> None:
    assert (
        decide(engine(POLICIES["premium"], arn=f"{GATEWAY}x"), GET_PATIENT, {"patient_id": "x"}, tier="premium")
        == "DENY"
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("get_patient", "get_patent", "unrecognized action"),
        ('== "basic"', "== 5", "not compatible"),
        ('principal.hasTag("tier") && ', "", "unable to guarantee safety"),
        ("duration", "decimal", "decimal"),
        ("system.now", "system.time", "not found"),
        ("AgentCore::Gateway", "AgentCore::Other", "unrecognized entity type"),
        ("};", "}", "is no Cedar"),
        ("};", "}; permit (principal, action, resource);", "exactly one statement"),
    ],
)
def test_a_policy_that_the_service_would_refuse(old: str, new: str, said: str) -> None:
    with pytest.raises(PolicyError) as refusal:
        engine(POLICIES["basic"].replace(old, new))
    assert str(refusal.value).startswith("policy p0: ")
    assert said in str(refusal.value)


# --- what the list is decided with ------------------------------------------------------------------------------------

PROBE = Tool(
    name="tool",
    target="t",
    description="",
    schema=ValueSchema(
        type="object",
        properties={"a": ValueSchema(type="integer"), "b": ValueSchema(type="integer")},
        required=frozenset({"a", "b"}),
    ),
)
ATOMS = st.sampled_from(
    [
        "context.input.a < 2",
        "context.input.b == 1",
        "context.input.a == context.input.b",
        'principal.hasTag("tier")',
        'principal.hasTag("x")',
        'context.system.now.toTime() < duration("6h")',
        "(if context.input.a == 0 then context.input.b == 0 else true)",
    ]
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"),
        inner.map(lambda part: f"!({part})"),
    ),
    max_leaves=5,
)
STATEMENTS = st.tuples(st.sampled_from(["permit", "forbid"]), st.sampled_from(["when", "unless"]), CONDITIONS).map(
    lambda parts: f"{parts[0]} (principal, action, resource) {parts[1]} {{ {parts[2]} }};"
)


@settings(max_examples=150, deadline=None)
@given(statements=st.lists(STATEMENTS, min_size=1, max_size=3), hour=st.sampled_from([3, 12]))
def test_a_tool_that_could_be_called_is_never_hidden(statements: list[str], hour: int) -> None:
    policies = [Policy(id=f"p{n}", name=f"p{n}", statement=text) for n, text in enumerate(statements)]
    try:
        found = PolicyEngine(policies, tools=[PROBE], gateway_arn=GATEWAY)
    except PolicyError:
        return  # one that can never hold for any type: Cedar's own check refuses it
    now, caller = NOON.replace(hour=hour), user(tier="basic")
    listed = found.may_call(caller, tool="t___tool", now=now).allowed
    allowed = [
        found.decide(caller, tool="t___tool", arguments={"a": a, "b": b}, now=now).allowed
        for a, b in itertools.product(range(3), repeat=2)
    ]
    assert listed or not any(allowed)
    if not any(mentions_input(json.loads(cedarpy.policies_to_json_str(text))) for text in statements):
        assert listed == all(allowed), "without conditions on arguments the list is exact"


def test_a_tool_that_no_arguments_could_call_is_hidden() -> None:
    limited = " && context.input has limit && context.input.limit < 5"
    hours = statement("basic", LIST_PATIENTS, hours=(6, 20), more=limited)
    found = engine(hours)
    assert found.may_call(user(tier="basic"), tool=LIST_PATIENTS, now=NOON).allowed
    assert not found.may_call(user(tier="premium"), tool=LIST_PATIENTS, now=NOON).allowed
    assert not found.may_call(user(tier="basic"), tool=LIST_PATIENTS, now=NOON.replace(hour=20)).allowed
    scope = f'forbid (principal, action == AgentCore::Action::"{LIST_PATIENTS}", resource)'
    sometimes = engine(hours, scope + " when { context.input has limit };")
    assert sometimes.may_call(user(tier="basic"), tool=LIST_PATIENTS, now=NOON).allowed
    always = engine(hours, scope + ' unless { principal.hasTag("x") };')
    assert not always.may_call(user(tier="basic"), tool=LIST_PATIENTS, now=NOON).allowed


def test_the_rewritten_policy_mentions_no_arguments() -> None:
    text = statement("basic", LIST_PATIENTS, more=" && !(context.input has limit) && (context has input || true)")
    (policy,) = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"].values()
    assert mentions_input(policy["conditions"])
    assert not mentions_input(for_some_input(policy)["conditions"])
