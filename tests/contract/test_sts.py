from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from .support import ACCOUNT, Caller, allowed, create_role, error_of, grant, role_arn, statement, trust

ACCOUNT_ROOT = f"arn:aws:iam::{ACCOUNT}:root"


@pytest.fixture(scope="module")
def first(root: Caller) -> Caller:
    """A session of a role that may assume `second`."""
    everything = [statement("sts:*", "*")]
    create_role(root, "first", [trust(ACCOUNT_ROOT, "sts:AssumeRole", "sts:TagSession")], everything)
    own = {"aws:PrincipalTag/Clinic": "clinic-a"}
    create_role(
        root,
        "second",
        [trust(role_arn("first"), "sts:AssumeRole", "sts:TagSession")],
        [statement("s3:GetObject", "arn:aws:s3:::documents/${aws:PrincipalTag/Clinic}/*", StringEquals=own)],
    )
    root.client("iam").create_role(
        RoleName="long",
        MaxSessionDuration=7200,
        AssumeRolePolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [trust(ACCOUNT_ROOT, "sts:AssumeRole")]}
        ),
    )
    return root.assume("first")


@pytest.mark.parametrize("value", ["*", "clinic-?", "a$b", "{a}", "a#b", "a,b", "a'b", 'a"b', "a\\b", "a;b", "a\nb"])
def test_tag_values_with_characters_sts_refuses(broker: Caller, value: str) -> None:
    code, message, status = error_of(broker.assume, "tenant", Clinic=value)
    assert (code, status) == ("ValidationError", 400)
    assert "tags.1.member.value" in message


@pytest.mark.parametrize("value", ["clinic-a", "a b", "a/b:c@d.e=f+g_h", "Ä-日本-é", "\u2028", ""])
def test_tag_values_with_characters_sts_takes(broker: Caller, value: str) -> None:
    assert allowed(broker.assume, "tenant", Clinic=value)


def test_tags_have_lengths_and_a_number(broker: Caller) -> None:
    assert error_of(broker.assume, "tenant", Clinic="x" * 257)[0] == "ValidationError"
    assert error_of(broker.assume, "tenant", **{"k" * 129: "x"})[0] == "ValidationError"
    assert error_of(broker.assume, "tenant", **{f"k{number}": "x" for number in range(51)})[0] == "ValidationError"


@pytest.mark.parametrize("name", ["a", "x" * 65, "a/b", "a b"])
def test_session_names_and_source_identities_have_a_grammar(root: Caller, first: Caller, name: str) -> None:
    assert error_of(root.assume, "first", request={"RoleSessionName": name})[0] == "ValidationError"
    assert error_of(root.assume, "first", request={"SourceIdentity": name})[0] == "ValidationError"


def seconds_left(caller: Caller) -> float:
    expiration = caller.credentials["Expiration"]
    return float((expiration - datetime.now(UTC)).total_seconds())


@pytest.mark.parametrize("seconds", [899, 3601])
def test_a_chained_session_lasts_900_to_3600_seconds(first: Caller, seconds: int) -> None:
    code, _, status = error_of(first.assume, "second", request={"DurationSeconds": seconds})
    assert (code, status) == ("ValidationError", 400)


def test_chaining_is_capped_whatever_the_role_allows(root: Caller, first: Caller) -> None:
    longer = {"DurationSeconds": 7200}
    assert 7100 < seconds_left(root.assume("long", request=longer)) <= 7200
    code, message, _ = error_of(first.assume, "long", request=longer)
    assert code == "ValidationError"
    assert "role chaining" in message
    assert error_of(root.assume, "first", request=longer)[0] == "ValidationError"  # over the role's own maximum


def test_the_shortest_session(first: Caller) -> None:
    assert 890 < seconds_left(first.assume("second", request={"DurationSeconds": 900})) <= 900


def test_a_transitive_tag_reaches_the_next_session(root: Caller, first: Caller) -> None:
    tagged = root.assume("first", request={"TransitiveTagKeys": ["Clinic"]}, Clinic="clinic-a", Other="x")
    chained = tagged.assume("second").client("s3")
    assert allowed(chained.get_object, Bucket="documents", Key="clinic-a/file")
    assert not allowed(chained.get_object, Bucket="documents", Key="clinic-b/file")
    untransitive = root.assume("first", Clinic="clinic-a").assume("second").client("s3")
    assert not allowed(untransitive.get_object, Bucket="documents", Key="clinic-a/file")


@pytest.mark.parametrize("key", ["Clinic", "clinic"])
def test_an_inherited_transitive_tag_cannot_be_overridden(root: Caller, first: Caller, key: str) -> None:
    tagged = root.assume("first", request={"TransitiveTagKeys": ["Clinic"]}, Clinic="clinic-a")
    assert error_of(tagged.assume, "second", **{key: "clinic-b"})[0] == "ValidationError"
    assert error_of(tagged.assume, "second", **{key: "clinic-a"})[0] == "ValidationError"  # not even to the same
    assert allowed(tagged.assume, "second", Other="x")


def test_a_transitive_key_must_be_a_tag_of_the_request(root: Caller, first: Caller) -> None:
    assert error_of(root.assume, "first", request={"TransitiveTagKeys": ["Clinic"]}, Other="x")[0] == "ValidationError"


@pytest.fixture(scope="module")
def identified(root: Caller) -> Caller:
    """A session with a source identity."""
    may_set: dict[str, Any] = {"StringLike": {"sts:SourceIdentity": "user-*"}}
    create_role(
        root,
        "identified",
        [trust(ACCOUNT_ROOT, "sts:AssumeRole"), trust(ACCOUNT_ROOT, "sts:SetSourceIdentity", **may_set)],
        [
            statement("sts:AssumeRole", "*"),
            statement("s3:GetObject", "arn:aws:s3:::documents/*", StringEquals={"aws:SourceIdentity": "user-1"}),
        ],
    )
    create_role(root, "silent", [trust(role_arn("identified"), "sts:AssumeRole")], [])
    answer = root.client("sts").assume_role(
        RoleArn=role_arn("identified"), RoleSessionName="test", SourceIdentity="user-1"
    )
    assert answer["SourceIdentity"] == "user-1"
    return Caller(endpoint=root.endpoint, credentials=answer["Credentials"])


def test_a_source_identity_takes_its_own_permission(root: Caller, identified: Caller, first: Caller) -> None:
    code, message, status = error_of(root.assume, "identified", request={"SourceIdentity": "other-1"})
    assert (code, status) == ("AccessDenied", 403)
    assert "sts:SetSourceIdentity" in message
    assert not allowed(root.assume, "first", request={"SourceIdentity": "user-1"})
    assert allowed(root.assume, "identified")


def test_a_source_identity_is_a_condition_key_and_stays(root: Caller, identified: Caller) -> None:
    assert allowed(identified.client("s3").get_object, Bucket="documents", Key="clinic-a/file")
    assert not allowed(root.assume("identified").client("s3").get_object, Bucket="documents", Key="clinic-a/file")
    assert error_of(identified.assume, "silent", request={"SourceIdentity": "user-2"})[0] == "ValidationError"
    # The next role has to allow the identity that comes along.
    assert not allowed(identified.assume, "silent")
    assert allowed(root.assume("identified").assume, "silent")


def test_a_trust_policy_can_ask_for_the_source_identity(root: Caller, broker: Caller) -> None:
    same: dict[str, Any] = {"StringEquals": {"sts:SourceIdentity": "${aws:RequestTag/UserId}"}}
    actions = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
    create_role(root, "bound", [trust(role_arn("broker"), *actions, **same)], [])
    grant(root, "broker", "bound", statement("sts:*", role_arn("bound")))
    assert allowed(broker.assume, "bound", request={"SourceIdentity": "user-1"}, UserId="user-1")
    assert not allowed(broker.assume, "bound", request={"SourceIdentity": "user-1"}, UserId="user-2")
    assert not allowed(broker.assume, "bound", UserId="user-1")
