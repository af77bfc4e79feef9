from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import TABLE
from .support import Caller, allowed

CLINICS = [("clinic-a", True), ("clinic-ab", False), ("clinic-b", False), ("*", False)]
by_clinic = pytest.mark.parametrize(("clinic", "expected"), CLINICS)


def key(clinic: str, sort: str = "1") -> dict[str, Any]:
    return {"clinic": {"S": clinic}, "sort": {"S": sort}}


@by_clinic
def test_single_items(tenant: Caller, clinic: str, expected: bool) -> None:
    dynamodb = tenant.client("dynamodb")
    update = {"UpdateExpression": "SET a = :a", "ExpressionAttributeValues": {":a": {"S": "x"}}}
    assert allowed(dynamodb.put_item, TableName="patients", Item=key(clinic)) is expected
    assert allowed(dynamodb.get_item, TableName="patients", Key=key(clinic)) is expected
    assert allowed(dynamodb.update_item, TableName="patients", Key=key(clinic), **update) is expected
    assert allowed(dynamodb.delete_item, TableName="patients", Key=key(clinic)) is expected


@by_clinic
@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("clinic = :c", None),
        ("#c=:c AND #s >= :s", {"#c": "clinic", "#s": "sort"}),
        ("#s <= :s AND #c = :c", {"#c": "clinic", "#s": "sort"}),
        ("begins_with(sort, :s) AND clinic = :c", None),
    ],
)
def test_query(tenant: Caller, clinic: str, expected: bool, expression: str, names: dict[str, str] | None) -> None:
    values = {":c": {"S": clinic}, **({":s": {"S": "1"}} if ":s" in expression else {})}
    request = {"KeyConditionExpression": expression, "ExpressionAttributeValues": values}
    request |= {"ExpressionAttributeNames": names} if names else {}
    assert allowed(tenant.client("dynamodb").query, TableName="patients", **request) is expected


@by_clinic
def test_query_in_the_legacy_form(tenant: Caller, clinic: str, expected: bool) -> None:
    conditions = {"clinic": {"AttributeValueList": [{"S": clinic}], "ComparisonOperator": "EQ"}}
    assert allowed(tenant.client("dynamodb").query, TableName="patients", KeyConditions=conditions) is expected


@by_clinic
def test_query_of_an_index_uses_the_key_of_the_index(tenant: Caller, clinic: str, expected: bool) -> None:
    request = {
        "IndexName": "by-clinic",
        "KeyConditionExpression": "#o = :c",
        "ExpressionAttributeNames": {"#o": "owner"},
        "ExpressionAttributeValues": {":c": {"S": clinic}},
    }
    assert allowed(tenant.client("dynamodb").query, TableName="visits", **request) is expected


@by_clinic
def test_table_given_by_arn(tenant: Caller, clinic: str, expected: bool) -> None:
    assert allowed(tenant.client("dynamodb").get_item, TableName=TABLE + "patients", Key=key(clinic)) is expected


@by_clinic
def test_batches(tenant: Caller, clinic: str, expected: bool) -> None:
    dynamodb = tenant.client("dynamodb")
    keys = [key("clinic-a")] + ([key(clinic)] if clinic != "clinic-a" else [])
    writes = [{"PutRequest": {"Item": key("clinic-a", "2")}}, {"DeleteRequest": {"Key": key(clinic)}}]
    assert allowed(dynamodb.batch_get_item, RequestItems={"patients": {"Keys": keys}}) is expected
    assert allowed(dynamodb.batch_write_item, RequestItems={"patients": writes}) is expected


@by_clinic
def test_transactions(tenant: Caller, clinic: str, expected: bool) -> None:
    dynamodb = tenant.client("dynamodb")
    reads = [
        {"Get": {"TableName": "patients", "Key": key("clinic-a")}},
        {"Get": {"TableName": "patients", "Key": key(clinic, "9")}},
    ]
    writes = [
        {"Put": {"TableName": "patients", "Item": key("clinic-a", "3")}},
        {"Delete": {"TableName": "patients", "Key": key(clinic)}},
    ]
    assert allowed(dynamodb.transact_get_items, TransactItems=reads) is expected
    assert allowed(dynamodb.transact_write_items, TransactItems=writes) is expected


def test_scan_has_no_leading_keys(tenant: Caller) -> None:
    dynamodb = tenant.client("dynamodb")
    assert allowed(dynamodb.scan, TableName="patients")  # ForAllValues over nothing: never grant Scan that way
    assert not allowed(dynamodb.scan, TableName="visits")  # the same with a Null condition


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM \"patients\" WHERE clinic = 'clinic-a'",
        "SELECT * FROM patients",
        "INSERT INTO \"patients\" VALUE {'clinic': 'clinic-a', 'sort': '7'}",
        "UPDATE \"patients\" SET a = 'x' WHERE clinic = 'clinic-a' AND sort = '1'",
        "DELETE FROM \"patients\" WHERE clinic = 'clinic-a' AND sort = '1'",
    ],
)
def test_partiql_names_no_leading_keys(tenant: Caller, text: str) -> None:
    dynamodb = tenant.client("dynamodb")
    assert not allowed(dynamodb.execute_statement, Statement=text)
    assert not allowed(dynamodb.batch_execute_statement, Statements=[{"Statement": text}])
    assert not allowed(dynamodb.execute_transaction, TransactStatements=[{"Statement": text}])


def change_request(client: Any, service: str, *, body: dict[str, Any] | None = None, query: str = "") -> None:
    """Send more than the SDK would: members in the body, or a query string."""

    def change(params: dict[str, Any], **_: Any) -> None:
        params["body"] = json.dumps({**json.loads(params["body"]), **(body or {})}).encode()
        params["url"] += query

    client.meta.events.register(f"before-call.{service}.*", change)


def test_members_that_an_operation_does_not_use_do_not_count(tenant: Caller) -> None:
    dynamodb = tenant.client("dynamodb")
    change_request(dynamodb, "dynamodb", body={"Key": key("clinic-a")})
    assert not allowed(dynamodb.scan, TableName="visits")
    assert not allowed(dynamodb.put_item, TableName="patients", Item=key("clinic-b"))


def test_a_batch_is_authorised_on_the_tables_it_reads(tenant: Caller, root: Caller) -> None:
    columns = [{"AttributeName": "clinic", "KeyType": "HASH"}]
    types = [{"AttributeName": "clinic", "AttributeType": "S"}]
    root.client("dynamodb").create_table(
        TableName="secrets", BillingMode="PAY_PER_REQUEST", KeySchema=columns, AttributeDefinitions=types
    )
    dynamodb = tenant.client("dynamodb")
    change_request(dynamodb, "dynamodb", body={"TableName": "patients"})
    items = {"secrets": {"Keys": [{"clinic": {"S": "clinic-a"}}]}}
    assert not allowed(dynamodb.batch_get_item, RequestItems=items)
    assert not allowed(dynamodb.execute_statement, Statement="SELECT * FROM secrets")


def test_an_action_in_the_query_string_does_not_count(tenant: Caller) -> None:
    dynamodb = tenant.client("dynamodb")
    change_request(dynamodb, "dynamodb", query="?Action=GetItem")
    assert not allowed(dynamodb.scan, TableName="visits")
