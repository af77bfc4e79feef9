from __future__ import annotations

from typing import Any

import pytest

from .support import ACCOUNT, REGION, SECRET, Caller, create_role, error_of, post, role_arn, statement

SERVICE = "bedrock-agentcore.amazonaws.com"
RUNTIME = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:runtime/clinic-1"
REQUEST = {
    "role_arn": role_arn("runtime"),
    "service": SERVICE,
    "source_arn": RUNTIME,
    "source_account": ACCOUNT,
    "session_name": "session-1",
}


@pytest.fixture(scope="module")
def url(root: Caller) -> str:
    conditions = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:runtime/*"},
    }
    trusts: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": SERVICE}, "Condition": conditions}
    ]
    create_role(root, "runtime", trusts, [statement("s3:GetObject", "arn:aws:s3:::documents/clinic-a/*")])
    return root.endpoint + "/_local/service-session"


def test_a_service_gets_a_session_of_a_role_that_trusts_it(url: str, root: Caller) -> None:
    status, answer = post(url, REQUEST, X_Local_Secret=SECRET)
    assert status == 200
    assert answer["Expiration"].endswith("Z")
    credentials = {**answer, "SessionToken": answer["Token"]}
    session = Caller(endpoint=root.endpoint, credentials=credentials)
    expected = f"arn:aws:sts::{ACCOUNT}:assumed-role/runtime/session-1"
    assert session.client("sts").get_caller_identity()["Arn"] == expected
    session.client("s3").get_object(Bucket="documents", Key="clinic-a/file")
    assert error_of(session.client("s3").get_object, Bucket="documents", Key="clinic-b/file")[0] == "AccessDenied"


@pytest.mark.parametrize(
    "change",
    [
        {"service": "lambda.amazonaws.com"},
        {"source_account": "111122223333"},
        {"source_arn": f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:gateway/g-1"},
        {"role_arn": role_arn("tenant")},
        {"role_arn": role_arn("no-such-role")},
        {"role_arn": "nonsense"},
    ],
)
def test_the_trust_policy_decides(url: str, change: dict[str, str]) -> None:
    status, answer = post(url, {**REQUEST, **change}, X_Local_Secret=SECRET)
    assert status == 403
    assert answer["error"]["code"] == "access_denied"


@pytest.mark.parametrize("headers", [{}, {"X_Local_Secret": "wrong"}, {"X_Local_Secret": ""}])
def test_the_endpoint_is_hidden_from_those_without_the_secret(url: str, headers: dict[str, str]) -> None:
    assert post(url, REQUEST, **headers)[0] == 404


@pytest.mark.parametrize("content", [[], {}, {**REQUEST, "more": "x"}, {**REQUEST, "service": 1}])
def test_a_malformed_request(url: str, content: Any) -> None:
    assert post(url, content, X_Local_Secret=SECRET)[0] == 400
