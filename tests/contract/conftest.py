"""One emulator and one offline model for all contract tests, and the role chain the product uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .support import ACCOUNT, REGION, SECRET, Caller, create_role, post, role_arn, serving, statement, trust

MODEL = "anthropic.claude-3-haiku-20240307-v1:0"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/"
MEMORY = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:memory/*"
OWN_KEY = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${aws:PrincipalTag/Clinic}"}}
OWN_NAMESPACE = "/clinics/${aws:PrincipalTag/Clinic}/*"
ITEM_ACTIONS = ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "BatchGetItem", "BatchWriteItem"]
RECORD_ACTIONS = ["RetrieveMemoryRecords", "ListMemoryRecords", "GetMemoryRecord", "DeleteMemoryRecord"]
EVENT_ACTIONS = ["CreateEvent", "GetEvent", "ListEvents", "DeleteEvent", "ListSessions", "ListActors"]

TENANT = [
    statement("s3:GetObject", "arn:aws:s3:::documents/${aws:PrincipalTag/Clinic}/*"),
    statement("s3:GetObject", "arn:aws:s3:::defaults/${aws:PrincipalTag/Absent, 'shared'}/*"),
    statement("s3:GetObject", "arn:aws:s3:::unresolved/${aws:PrincipalTag/Absent}*"),
    statement("s3:ListBucket", "arn:aws:s3:::documents", StringLike={"s3:prefix": "${aws:PrincipalTag/Clinic}/*"}),
    statement(
        [f"dynamodb:{action}" for action in [*ITEM_ACTIONS, "ConditionCheckItem"]],
        [TABLE + "patients", TABLE + "visits", TABLE + "visits/index/by-clinic"],
        **OWN_KEY,
    ),
    # ForAllValues holds for a request without keys, as on AWS: what a Scan shows the difference of.
    statement("dynamodb:Scan", TABLE + "patients", **OWN_KEY),
    statement("dynamodb:Scan", TABLE + "visits", **OWN_KEY, Null={"dynamodb:LeadingKeys": "false"}),
    statement(
        "dynamodb:PartiQL*",
        [TABLE + "patients", TABLE + "visits"],
        **OWN_KEY,
        Null={"dynamodb:LeadingKeys": "false"},
    ),
    statement(
        "bedrock:InvokeModel*",
        [
            f"arn:aws:bedrock:{REGION}::foundation-model/{MODEL}",
            f"arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/us.{MODEL}",
        ],
    ),
    statement(
        [f"bedrock-agentcore:{action}" for action in EVENT_ACTIONS],
        MEMORY,
        StringLike={"bedrock-agentcore:actorId": "${aws:PrincipalTag/Clinic}/*"},
    ),
    statement(
        [
            f"bedrock-agentcore:{action}"
            for action in [*RECORD_ACTIONS, "BatchCreateMemoryRecords", "BatchUpdateMemoryRecords"]
        ],
        MEMORY,
        StringLike={"bedrock-agentcore:namespace": OWN_NAMESPACE},
    ),
    # A batch deletion has one namespace a record: a key with several values, which takes a set operator.
    statement(
        "bedrock-agentcore:BatchDeleteMemoryRecords",
        MEMORY,
        Null={"bedrock-agentcore:namespace": "false"},
        **{"ForAllValues:StringLike": {"bedrock-agentcore:namespace": OWN_NAMESPACE}},
    ),
    statement(
        "bedrock-agentcore:RetrieveMemoryRecords",
        MEMORY,
        StringLike={"bedrock-agentcore:namespacePath": OWN_NAMESPACE},
    ),
]
TRUST_TENANT = [
    trust(role_arn("broker"), "sts:AssumeRole"),
    trust(role_arn("broker"), "sts:TagSession", StringLike={"aws:RequestTag/Clinic": "*"}),
]


def _environment() -> dict[str, str]:
    return {**os.environ, "LOCAL_AWS_SECRET": SECRET, "LEAKED_FROM_EMULATOR": "x", "AWS_ACCESS_KEY_ID": "leaked"}


@pytest.fixture(scope="session")
def model_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("model") / "log"
    with serving("local_aws.model", health="/health", log=log, environment=_environment()) as (url, _):
        yield url


@pytest.fixture
def control(model_url: str) -> Iterator[Any]:
    """Change how the model behaves; afterwards it is normal again."""

    def change(mode: str, delay_ms_per_chunk: int = 50) -> None:
        content = {"mode": mode, "delay_ms_per_chunk": delay_ms_per_chunk}
        assert post(model_url + "/control", content, X_Local_Secret=SECRET)[0] == 200

    yield change
    change("normal")


@pytest.fixture(scope="session")
def emulator_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("emulator") / "log"


@pytest.fixture(scope="session")
def endpoint(model_url: str, emulator_log: Path) -> Iterator[str]:
    options = ("--model-url", model_url)
    environment = _environment()
    with serving(
        "local_aws.emulator", *options, health="/_ministack/health", log=emulator_log, environment=environment
    ) as (url, _):
        yield url


def _create_tables(root: Caller) -> None:
    dynamodb = root.client("dynamodb")
    names = {"patients": "clinic", "visits": "visit"}  # no hash key is called "pk", on purpose
    for table, hash_key in names.items():
        keys = {hash_key, "sort"} | ({"owner"} if table == "visits" else set())
        index = {
            "IndexName": "by-clinic",
            "Projection": {"ProjectionType": "ALL"},
            "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
        }
        dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": hash_key, "KeyType": "HASH"}, {"AttributeName": "sort", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in sorted(keys)],
            **({"GlobalSecondaryIndexes": [index]} if table == "visits" else {}),
        )
    for clinic in ("clinic-a", "clinic-ab"):
        dynamodb.put_item(TableName="patients", Item={"clinic": {"S": clinic}, "sort": {"S": "1"}})


def _create_buckets(root: Caller) -> None:
    s3 = root.client("s3")
    for bucket in ("documents", "defaults", "unresolved"):
        s3.create_bucket(Bucket=bucket)
    for clinic in ("clinic-a", "clinic-ab", "clinic-b"):
        s3.put_object(Bucket="documents", Key=f"{clinic}/file", Body=b"x")
    s3.put_object(Bucket="defaults", Key="shared/file", Body=b"x")
    s3.put_object(Bucket="unresolved", Key="file", Body=b"x")


@pytest.fixture(scope="session")
def root(endpoint: str) -> Caller:
    root = Caller(endpoint=endpoint)
    account = f"arn:aws:iam::{ACCOUNT}:root"
    create_role(
        root, "execution", [trust(account, "sts:AssumeRole")], [statement("sts:AssumeRole", role_arn("broker"))]
    )
    create_role(
        root,
        "broker",
        [trust(role_arn("execution"), "sts:AssumeRole")],
        [statement(["sts:AssumeRole", "sts:TagSession"], role_arn("tenant"))],
    )
    create_role(root, "tenant", TRUST_TENANT, TENANT)
    _create_buckets(root)
    _create_tables(root)
    return root


@pytest.fixture(scope="session")
def broker(root: Caller) -> Caller:
    return root.assume("execution").assume("broker")


@pytest.fixture(scope="session")
def tenant(broker: Caller) -> Caller:
    return broker.assume("tenant", Clinic="clinic-a")


@pytest.fixture(scope="session")
def memory(root: Caller) -> str:
    created = root.client("bedrock-agentcore-control").create_memory(name="memory", eventExpiryDuration=7)
    return str(created["memory"]["id"])
