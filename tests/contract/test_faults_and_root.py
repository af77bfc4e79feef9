"""Services that fail when asked to, a root that stands for AWS services, and who may pass as whom."""

import json
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.support import ACCOUNT, REGION, SECRET, Caller, role_arn, statement


def put_faults(endpoint: str, faults: Any, secret: str = SECRET) -> int:
    request = urllib.request.Request(
        f"{endpoint}/_local/faults",
        data=json.dumps(faults).encode(),
        method="PUT",
        headers={"X-Local-Secret": secret},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as failure:
        failure.close()
        return failure.code


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("dynamodb", "list_tables", {}),
        ("lambda", "list_functions", {}),
        ("sts", "get_caller_identity", {}),
        ("s3", "list_buckets", {}),
    ],
)
def test_a_service_fails_as_asked_and_only_that_one(
    root: Caller, service: str, operation: str, arguments: dict[str, Any]
) -> None:
    assert put_faults(root.endpoint, {service: {"status": 400, "code": "MadeUpException"}}) == 200
    try:
        with pytest.raises(ClientError) as caught:
            getattr(root.client(service), operation)(**arguments)
        assert caught.value.response["Error"]["Code"] == "MadeUpException"
        assert root.client("iam").list_roles()["Roles"]
    finally:
        assert put_faults(root.endpoint, {}) == 200
    getattr(root.client(service), operation)(**arguments)


def test_faults_need_the_secret_and_a_sensible_body(root: Caller) -> None:
    assert put_faults(root.endpoint, {}, secret="wrong") == 404
    assert put_faults(root.endpoint, {"s3": "down"}) == 400
    assert put_faults(root.endpoint, []) == 400


def test_root_assumes_what_a_service_may_and_nobody_else_does(root: Caller) -> None:
    source = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:runtime/*"
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "bedrock-agentcore.amazonaws.com"},
        "Condition": {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": source},
        },
    }
    iam = root.client("iam")
    document = {"Version": "2012-10-17", "Statement": [trust]}
    iam.create_role(RoleName="of-a-service", AssumeRolePolicyDocument=json.dumps(document))
    document["Statement"] = [{**trust, "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}}]
    iam.create_role(RoleName="of-another-account", AssumeRolePolicyDocument=json.dumps(document))
    assert root.assume("of-a-service")
    with pytest.raises(ClientError):
        root.assume("of-another-account")
    execution = root.assume("execution")
    iam.put_role_policy(
        RoleName="execution",
        PolicyName="everything",
        PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [statement("sts:AssumeRole", role_arn("of-a-service"))]}
        ),
    )
    try:
        with pytest.raises(ClientError):
            execution.assume("of-a-service")
    finally:
        iam.delete_role_policy(RoleName="execution", PolicyName="everything")


@pytest.mark.parametrize("authorization", ["Bearer x", "Basic x", "x"])
def test_an_authorization_that_is_no_signature_is_nobodys(root: Caller, authorization: str) -> None:
    request = urllib.request.Request(
        root.endpoint,
        data=b'{"TableName": "patients"}',
        headers={
            "Authorization": authorization,
            "X-Amz-Target": "DynamoDB_20120810.Scan",
            "Content-Type": "application/x-amz-json-1.0",
        },
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=5)
    caught.value.close()
    assert caught.value.code == 403


def test_the_emulators_own_control_paths_need_the_secret(root: Caller) -> None:
    request = urllib.request.Request(f"{root.endpoint}/_ministack/reset", method="POST")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=5)
    caught.value.close()
    assert caught.value.code == 404


def test_a_trust_that_names_the_role_is_enough_and_a_deny_still_decides(root: Caller) -> None:
    iam = root.client("iam")
    for name, principal in (
        ("trusts-by-name", role_arn("execution")),
        ("trusts-the-account", f"arn:aws:iam::{ACCOUNT}:root"),
        ("trusts-another", role_arn("broker")),
    ):
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": principal}}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
    execution = root.assume("execution")
    assert execution.assume("trusts-by-name")
    for name in ("trusts-the-account", "trusts-another"):
        with pytest.raises(ClientError):
            execution.assume(name)
    deny = {"Effect": "Deny", "Action": "sts:AssumeRole*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    iam.put_role_policy(RoleName="execution", PolicyName="deny", PolicyDocument=document)
    try:
        with pytest.raises(ClientError):
            execution.assume("trusts-by-name")
    finally:
        iam.delete_role_policy(RoleName="execution", PolicyName="deny")
