from __future__ import annotations

import pytest

from .conftest import TENANT, TRUST_TENANT
from .support import Caller, allowed, create_role, grant, policy, role_arn, statement


def test_only_the_broker_reaches_the_tenant_role(root: Caller, broker: Caller) -> None:
    assert not allowed(root.assume("execution").assume, "tenant", Clinic="clinic-a")
    assert allowed(broker.assume, "tenant", Clinic="clinic-a")


def test_the_trust_policy_asks_for_the_tag(broker: Caller) -> None:
    assert not allowed(broker.assume, "tenant", Other="x")


def test_a_session_without_tags_reaches_nothing(broker: Caller) -> None:
    untagged = broker.assume("tenant")
    key = {"clinic": {"S": "clinic-a"}, "sort": {"S": "1"}}
    assert not allowed(untagged.client("s3").get_object, Bucket="documents", Key="clinic-a/file")
    assert not allowed(untagged.client("dynamodb").get_item, TableName="patients", Key=key)


def test_the_broker_itself_reaches_no_data(broker: Caller) -> None:
    assert not allowed(broker.client("s3").get_object, Bucket="documents", Key="clinic-a/file")


@pytest.mark.parametrize(
    ("key", "expected"), [("clinic-a/file", True), ("clinic-ab/file", False), ("clinic-b/file", False)]
)
def test_variable_in_a_resource(tenant: Caller, key: str, expected: bool) -> None:
    assert allowed(tenant.client("s3").get_object, Bucket="documents", Key=key) is expected


@pytest.mark.parametrize(
    ("prefix", "expected"), [("clinic-a/", True), ("clinic-ab/", False), ("clinic-a", False), ("", False)]
)
def test_variable_in_a_condition(tenant: Caller, prefix: str, expected: bool) -> None:
    assert allowed(tenant.client("s3").list_objects_v2, Bucket="documents", Prefix=prefix) is expected


def test_default_value(tenant: Caller) -> None:
    assert allowed(tenant.client("s3").get_object, Bucket="defaults", Key="shared/file")
    assert not allowed(tenant.client("s3").get_object, Bucket="defaults", Key="other/file")


def test_a_variable_without_a_value_matches_nothing(tenant: Caller) -> None:
    assert not allowed(tenant.client("s3").get_object, Bucket="unresolved", Key="file")


def test_a_wildcard_in_a_value_is_literal(root: Caller) -> None:
    """No session tag may hold a wildcard, but a role's own tag may."""
    iam = root.client("iam")
    create_role(root, "wild", [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}], TENANT)
    iam.tag_role(RoleName="wild", Tags=[{"Key": "Clinic", "Value": "*"}])
    root.client("s3").put_object(Bucket="documents", Key="*/file", Body=b"x")
    wild = root.assume("wild").client("s3")
    assert not allowed(wild.get_object, Bucket="documents", Key="clinic-a/file")
    assert not allowed(wild.list_objects_v2, Bucket="documents", Prefix="clinic-a/")
    assert allowed(wild.get_object, Bucket="documents", Key="*/file")


def test_a_policy_of_the_old_version_has_no_variables(root: Caller, broker: Caller) -> None:
    create_role(root, "old", TRUST_TENANT, [])
    grant(root, "broker", "old", statement("sts:*", role_arn("old")))
    document = policy(*TENANT[:1], version="2008-10-17")
    root.client("iam").put_role_policy(RoleName="old", PolicyName="inline", PolicyDocument=document)
    old = broker.assume("old", Clinic="clinic-a")
    assert not allowed(old.client("s3").get_object, Bucket="documents", Key="clinic-a/file")
