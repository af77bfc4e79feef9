"""What two documents permit is compared, not how they are written."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.plans.cedar_statements import read_cedar
from scripts.plans.statement_diff import StatementChange, diff_statements
from scripts.plans.statements import NotAPolicy, read_permission, read_policy

READ: dict[str, Any] = {
    "Sid": "Read",
    "Effect": "Allow",
    "Action": ["s3:GetObject", "s3:ListBucket"],
    "Resource": ["arn:aws:s3:::docs", "arn:aws:s3:::docs/*"],
    "Condition": {"StringEquals": {"aws:PrincipalTag/Tier": "basic"}, "Bool": {"aws:SecureTransport": "true"}},
}
FENCE: dict[str, Any] = {"Sid": "Fence", "Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::other/*"}
CEDAR = """
permit (
  principal is AgentCore::OAuthUser,
  action in [AgentCore::Action::"a___x", AgentCore::Action::"b___y"],
  resource == AgentCore::Gateway::"g"
)
when { principal.hasTag("tier") && principal.getTag("tier") == "basic"
  && context.system.now.toTime() >= duration("8h") };
"""


def diff(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> tuple[StatementChange, ...]:
    return diff_statements(read_policy({"Statement": list(before)}), read_policy({"Statement": list(after)}))


def one(before: Mapping[str, Any], after: Mapping[str, Any]) -> StatementChange:
    (change,) = diff([before], [after])
    return change


def marked(change: StatementChange) -> list[str]:
    """The lines that say wider."""
    return [f"{line.sign} {line.text}" for line in change.lines if line.wider]


WIDER: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "an action more": (READ, READ | {"Action": [*READ["Action"], "s3:PutObject"]}, ["+ action s3:PutObject"]),
    "a wildcard for an action": (READ, READ | {"Action": "s3:*"}, ["+ action s3:*"]),
    "a resource more": (READ, READ | {"Resource": "*"}, ["+ resource *"]),
    "a condition dropped": (
        READ,
        READ | {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        ["- condition StringEquals aws:PrincipalTag/Tier = basic"],
    ),
    "a value more": (
        READ,
        READ | {"Condition": READ["Condition"] | {"StringEquals": {"aws:PrincipalTag/Tier": ["basic", "premium"]}}},
        ["- condition StringEquals aws:PrincipalTag/Tier = basic"],
    ),
    "missing keys pass": (
        READ,
        READ | {"Condition": READ["Condition"] | {"Bool": None, "BoolIfExists": {"aws:SecureTransport": "true"}}},
        ["- condition Bool aws:SecureTransport = true"],
    ),
    "a pattern for a value": (
        READ,
        READ | {"Condition": {"Bool": {"aws:SecureTransport": "true"}, "StringLike": {"aws:PrincipalTag/Tier": "*"}}},
        ["- condition StringEquals aws:PrincipalTag/Tier = basic"],
    ),
    "a principal more": (
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::111122223333:role/a"}},
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"},
        ["+ principal *"],
    ),
    "a Deny of less": (FENCE, FENCE | {"Action": "s3:PutObject"}, ["- action s3:*"]),
    "a Deny with a condition": (
        FENCE,
        FENCE | {"Condition": {"Null": {"aws:PrincipalTag/Tier": "true"}}},
        ["+ condition Null aws:PrincipalTag/Tier = true"],
    ),
    "a Deny that spares more": (
        {"Sid": "D", "Effect": "Deny", "NotAction": "sts:TagSession", "Resource": "*"},
        {"Sid": "D", "Effect": "Deny", "NotAction": ["sts:TagSession", "sts:AssumeRole"], "Resource": "*"},
        ["+ all but action sts:AssumeRole"],
    ),
    "an exclusion dropped": (
        {"Sid": "A", "Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "*"},
        {"Sid": "A", "Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
        ["- all but action sts:*"],
    ),
    "a Deny becomes an Allow": (FENCE, FENCE | {"Effect": "Allow"}, ["+ effect Allow"]),
    "a later hour": (
        READ | {"Condition": {"NumericLessThan": {"k": "10"}}},
        READ | {"Condition": {"NumericLessThan": {"k": "11"}}},
        ["- condition NumericLessThan k = 10"],
    ),
    "a larger network": (
        READ | {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/24"}}},
        READ | {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/16"}}},
        ["- condition IpAddress aws:SourceIp = 10.0.0.0/24"],
    ),
    "a value less in a negation": (
        READ | {"Condition": {"StringNotEquals": {"k": ["a", "b"]}}},
        READ | {"Condition": {"StringNotEquals": {"k": ["a"]}}},
        ["- condition StringNotEquals k = a, b"],
    ),
}


def clean(statement: dict[str, Any]) -> dict[str, Any]:
    """Without conditions that a case took out."""
    conditions = {k: v for k, v in statement.get("Condition", {}).items() if v is not None}
    return statement | ({"Condition": conditions} if conditions else {})


@pytest.mark.parametrize("case", sorted(WIDER))
def test_what_is_wider_is_marked_and_its_reverse_is_narrower(case: str) -> None:
    before, after, lines = WIDER[case]
    change = one(clean(before), clean(after))
    assert change.wider
    assert marked(change)[:1] == lines
    reverse = one(clean(after), clean(before))
    assert reverse.narrower, reverse
    assert not reverse.wider
    assert marked(reverse) == []


def test_a_removed_deny_and_an_added_allow_are_wider_and_the_reverse_is_not() -> None:
    (gone,) = diff([READ, FENCE], [READ])
    assert (gone.name, gone.kind, gone.wider) == ("Fence", "removed", True)
    (new,) = diff([FENCE], [READ, FENCE])
    assert (new.name, new.kind, new.wider) == ("Read", "added", True)
    (back,) = diff([READ], [READ, FENCE])
    assert (back.wider, back.narrower) == (False, True)
    (less,) = diff([READ, FENCE], [FENCE])
    assert (less.wider, less.narrower) == (False, True)


def test_an_allow_that_others_made_up_for_before_is_not_wider() -> None:
    whole = READ | {"Sid": "Whole", "Action": "s3:*", "Resource": "*", "Condition": {}}
    (new,) = diff([whole], [whole, READ])
    assert (new.kind, new.wider) == ("added", False)
    # Moved from one statement to two others.
    parts = [READ | {"Sid": action[3:], "Action": action} for action in READ["Action"]]
    assert not any(change.wider for change in diff([READ], parts))


def test_another_sid_alone_is_said_and_nothing_else() -> None:
    (change,) = diff([READ], [READ | {"Sid": "Other"}])
    assert (change.kind, change.wider, change.narrower) == ("renamed", False, False)
    assert [line.text for line in change.lines] == ["sid Read", "sid Other"]


def test_two_statements_of_one_sid_are_not_taken_for_each_other() -> None:
    second = FENCE | {"Sid": "Read"}
    changes = diff([READ, second], [READ | {"Action": "s3:GetObject"}, second])
    assert {change.kind for change in changes} <= {"changed", "added", "removed"}
    assert not any(change.wider for change in changes)
    both = [READ, READ | {"Action": "s3:PutObject"}]
    after = [statement | {"Resource": "arn:aws:s3:::docs"} for statement in both]
    found = diff(both, after)
    assert found == diff(both[::-1], after) == diff(both, after[::-1])
    assert {change.kind for change in found} == {"added", "removed"}


def test_one_value_and_a_list_of_one_are_the_same_and_so_are_actions_in_capitals() -> None:
    assert diff([READ | {"Action": "s3:GetObject"}], [READ | {"Action": ["S3:getobject"]}]) == ()
    assert (
        diff(
            [{"Effect": "Allow", "Action": "a:B", "Principal": "*"}],
            [{"Effect": "Allow", "Action": "a:B", "Principal": {"AWS": "*"}}],
        )
        == ()
    )


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"Statement": 3}', '{"Statement": [{"Condition": {"a": 3}}]}'])
def test_what_is_no_policy_is_said_to_be_none(text: str) -> None:
    with pytest.raises(NotAPolicy):
        read_policy(text)


def test_cedar_texts_are_compared_by_actions_and_conditions() -> None:
    old = read_cedar(CEDAR)
    assert diff_statements(old, read_cedar(" ".join(CEDAR.split()))) == ()
    swapped = CEDAR.replace("a___x", "TMP").replace("b___y", "a___x").replace("TMP", "b___y")
    assert diff_statements(old, read_cedar(swapped)) == ()
    (earlier,) = diff_statements(old, read_cedar(CEDAR.replace("8h", "7h")))
    assert earlier.wider
    (later,) = diff_statements(old, read_cedar(CEDAR.replace("8h", "9h")))
    assert (later.wider, later.narrower) == (False, True)
    (tool,) = diff_statements(old, read_cedar(CEDAR.replace('"b___y"]', '"b___y", AgentCore::Action::"c___z"]')))
    assert marked(tool) == ['+ action AgentCore::Action::"c___z"']
    (tag,) = diff_statements(old, read_cedar(CEDAR.replace('principal.getTag("tier") == "basic"\n  && ', "")))
    assert marked(tag) == ['- condition when principal.getTag("tier") == "basic"']
    with pytest.raises(NotAPolicy):
        read_cedar("permit (")


def test_a_permission_without_its_source_is_wider() -> None:
    values = {
        "statement_id": "Cognito",
        "action": "lambda:InvokeFunction",
        "principal": "cognito-idp.amazonaws.com",
        "function_name": "claims",
        "source_arn": "arn:aws:cognito-idp:us-east-1:111122223333:userpool/x",
    }
    (change,) = diff_statements(read_permission(values), read_permission(values | {"source_arn": None}))
    assert marked(change) == [f"- condition ArnLike aws:SourceArn = {values['source_arn']}"]


def test_wide_spots_of_an_allow_are_named_and_those_of_a_deny_are_none() -> None:
    spots = {"Effect": "Allow", "Action": ["s3:*", "s3:GetObject"], "Resource": "*", "Principal": {"AWS": "*"}}
    (statement,) = read_policy({"Statement": spots})
    assert [spot.split(",")[0] for spot in statement.wide_spots()] == ["principal *", "action s3:*", "resource *"]
    (denied,) = read_policy({"Statement": spots | {"Effect": "Deny"}})
    assert denied.wide_spots() == []


NAMES = st.sampled_from(["s3:GetObject", "s3:Put*", "s3:*", "kms:Decrypt", "sts:AssumeRole", "dynamodb:Query"])
ARNS = st.sampled_from(["*", "arn:aws:s3:::a", "arn:aws:s3:::a/*", "arn:aws:s3:::b/${aws:PrincipalTag/ClinicId}/*"])
KEYS = st.sampled_from(["aws:PrincipalTag/Tier", "aws:SourceAccount", "aws:SourceArn", "aws:TagKeys"])
OPERATORS = st.sampled_from(["StringEquals", "StringLike", "ArnLike", "ForAllValues:StringEquals", "StringNotEquals"])
VALUES = st.lists(st.sampled_from(["a", "b", "c*", "111122223333"]), min_size=1, max_size=3, unique=True)


@st.composite
def statements(draw: st.DrawFn, *, effects: Sequence[str] = ("Allow", "Deny"), conditions: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Effect": draw(st.sampled_from(list(effects))),
        "Action": draw(st.lists(NAMES, min_size=1, max_size=4, unique=True)),
        "Resource": draw(st.lists(ARNS, min_size=1, max_size=3, unique=True)),
    }
    pairs = draw(st.lists(st.tuples(OPERATORS, KEYS), min_size=conditions, max_size=3, unique_by=lambda p: p[1]))
    for operator, key in pairs:
        found.setdefault("Condition", {}).setdefault(operator, {})[key] = draw(VALUES)
    return found


DOCUMENTS = st.lists(statements(), min_size=1, max_size=4).map(
    lambda found: [statement | {"Sid": f"S{i}"} for i, statement in enumerate(found)]
)


def shuffled(value: Any, rng: random.Random) -> Any:
    """The same document, its lists and keys in another order."""
    if isinstance(value, dict):
        items = [(key, shuffled(item, rng)) for key, item in value.items()]
        rng.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        found = [shuffled(item, rng) for item in value]
        rng.shuffle(found)
        return found[0] if len(found) == 1 and isinstance(found[0], str) else found
    return value


@settings(max_examples=60, deadline=None)  # cores may be busy with something else
@given(DOCUMENTS, st.randoms(use_true_random=False))
def test_order_never_matters(document: list[dict[str, Any]], rng: random.Random) -> None:
    assert diff(document, shuffled(document, rng)) == ()
    assert diff(document, json.loads(json.dumps(document))) == ()


@settings(max_examples=60, deadline=None)  # cores may be busy with something else
@given(DOCUMENTS, DOCUMENTS, st.randoms(use_true_random=False))
def test_the_diff_is_the_same_in_whatever_order_both_are_written(
    before: list[dict[str, Any]], after: list[dict[str, Any]], rng: random.Random
) -> None:
    assert diff(before, after) == diff(shuffled(before, rng), shuffled(after, rng))


@settings(max_examples=60, deadline=None)  # cores may be busy with something else
@given(statements(effects=["Allow"], conditions=1), st.data())
def test_a_dropped_condition_always_shows_as_wider(statement: dict[str, Any], data: st.DataObject) -> None:
    operator = data.draw(st.sampled_from(sorted(statement["Condition"])))
    rest = {name: keys for name, keys in statement["Condition"].items() if name != operator}
    change = one(statement, statement | {"Condition": rest})
    assert change.wider
    assert any(line.sign == "-" and line.text.startswith("condition ") and line.wider for line in change.lines)


@settings(max_examples=60, deadline=None)  # cores may be busy with something else
@given(DOCUMENTS, st.data())
def test_a_removed_deny_is_wider_unless_another_says_the_same(
    document: list[dict[str, Any]], data: st.DataObject
) -> None:
    fence = {"Sid": "Fence", "Effect": "Deny", "Action": "cognito-idp:AdminDeleteUser", "Resource": "*"}
    at = data.draw(st.integers(0, len(document)))
    changes = diff([*document[:at], fence, *document[at:]], document)
    others = any(s["Effect"] == "Deny" and "*" in s["Action"] for s in document)
    assert [change.name for change in changes] == ["Fence"]
    assert changes[0].wider is not others


@settings(max_examples=60, deadline=None)  # cores may be busy with something else
@given(DOCUMENTS, DOCUMENTS)
def test_nothing_is_both_wider_and_narrower_and_every_hint_has_a_line(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    for change in diff(before, after):
        assert not (change.wider and change.narrower)
        assert change.wider is any(line.wider for line in change.lines)
