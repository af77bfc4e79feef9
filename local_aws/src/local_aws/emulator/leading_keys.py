"""`dynamodb:LeadingKeys`, and the tables a DynamoDB request is authorised on.

Both come only from the members that the operation really uses: a stray `Key` in a Scan, or a `TableName` beside the
`RequestItems` of a batch, must not look like what the operation acts on.
"""

from __future__ import annotations

import contextvars
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from local_aws.emulator import partiql
from local_aws.emulator.patching import wrap

HashKey = Callable[[str, str | None], str | None]

_BATCHES: Final = ("BatchGetItem", "BatchWriteItem")
_INDEXED: Final = ("Query", "Scan")
_KEY_EQUALS: Final = re.compile(r"(#?[A-Za-z_][\w.-]*)\s*=\s*(:\w+)")

_operation: contextvars.ContextVar[str] = contextvars.ContextVar("dynamodb_operation", default="")
_leading_keys: contextvars.ContextVar[Mapping[str, list[str]] | None] = contextvars.ContextVar("keys", default=None)


def table_name(name: str | None) -> str:
    """Give the plain name of a table that is named by name, ARN or index ARN."""
    return (name or "").split("table/")[-1].split("/")[0]


class _Collector:
    def __init__(self, hash_key: HashKey) -> None:
        self.found: dict[str, list[str]] = {}
        self._hash_key = hash_key

    def note(self, table: str, attributes: Any, index: str | None = None) -> None:
        value = (attributes or {}).get(self._hash_key(table, index))
        if isinstance(value, dict) and value:
            self.found.setdefault(table_name(table), []).append(str(next(iter(value.values()))))


def _query_keys(collect: _Collector, data: Mapping[str, Any]) -> None:
    table, index = data["TableName"], data.get("IndexName")
    names, values = data.get("ExpressionAttributeNames") or {}, data.get("ExpressionAttributeValues") or {}
    for name, placeholder in _KEY_EQUALS.findall(data.get("KeyConditionExpression") or ""):
        collect.note(table, {names.get(name, name): values.get(placeholder)}, index)
    for name, condition in (data.get("KeyConditions") or {}).items():  # the form before expressions
        if condition.get("ComparisonOperator") == "EQ":
            collect.note(table, {name: condition["AttributeValueList"][0]}, index)


def _batch_keys(collect: _Collector, operation: str, data: Mapping[str, Any]) -> None:
    for table, entry in data["RequestItems"].items():
        if operation == "BatchGetItem":
            for key in entry["Keys"]:
                collect.note(table, key)
        else:
            for write in entry:
                put, delete = write.get("PutRequest", {}), write.get("DeleteRequest", {})
                collect.note(table, put.get("Item") or delete.get("Key"))


def leading_keys(operation: str, data: Mapping[str, Any], hash_key: HashKey) -> dict[str, list[str]]:
    """Find the hash key values a request addresses.

    Args:
        operation: The API operation, such as `GetItem`. PartiQL operations have no leading keys here.
        data: The request's JSON.
        hash_key: Names the hash key of a table, or of one of its indexes.

    Returns:
        The values by plain table name; a table whose keys the request does not name is absent.
    """
    collect = _Collector(hash_key)
    if operation in ("GetItem", "UpdateItem", "DeleteItem"):
        collect.note(data["TableName"], data.get("Key"))
    elif operation == "PutItem":
        collect.note(data["TableName"], data.get("Item"))
    elif operation == "Query":
        _query_keys(collect, data)
    elif operation in _BATCHES:
        _batch_keys(collect, operation, data)
    elif operation in ("TransactGetItems", "TransactWriteItems"):
        for item in data["TransactItems"]:
            for member, detail in item.items():
                collect.note(detail["TableName"], detail.get("Item" if member == "Put" else "Key"))
    return collect.found


def addressed(operation: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Reduce a request to the members that name what it acts on, in the form the emulator's own code reads."""
    if operation in partiql.OPERATIONS:
        return {"RequestItems": dict.fromkeys(partiql.tables(data))}
    if operation in _BATCHES:
        return {"RequestItems": data.get("RequestItems")}
    return {name: data.get(name) for name in ("TableName", *(["IndexName"] if operation in _INDEXED else []))}


def _parse(body: bytes | None) -> dict[str, Any]:
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _hash_key(table: str, index: str | None) -> str | None:
    from ministack.services import dynamodb

    record: dict[str, Any] = dynamodb._tables.get(table_name(table)) or {}
    if index:
        indexes = (record.get("GlobalSecondaryIndexes") or []) + (record.get("LocalSecondaryIndexes") or [])
        record = next((found for found in indexes if found["IndexName"] == index), {})
    return next((key["AttributeName"] for key in record.get("KeySchema", []) if key["KeyType"] == "HASH"), None)


def install() -> None:
    """Give the emulator's authorisation of DynamoDB the condition key and the right tables."""
    from ministack.core import iam_actions, iam_evaluator

    @wrap(iam_actions, "extract_iam_action")
    def extract_iam_action(
        original: Callable[..., str | None],
        service: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Mapping[str, Any],
    ) -> str | None:
        action = original(service, method, path, headers, body, query)
        operation = (action or "").partition(":")[2] if service == "dynamodb" else ""
        _operation.set(operation)
        return f"dynamodb:{partiql.action(_parse(body))}" if operation in partiql.OPERATIONS else action

    @wrap(iam_actions, "dynamodb_resource_arns")
    def dynamodb_resource_arns(original: Callable[..., list[str]], body: bytes, *scope: str) -> list[str]:
        return original(json.dumps(addressed(_operation.get(), _parse(body))).encode(), *scope)

    @wrap(iam_actions, "dynamodb_service_context")
    def dynamodb_service_context(original: Callable[..., dict[str, Any]], body: bytes) -> dict[str, Any]:
        try:
            _leading_keys.set(leading_keys(_operation.get(), _parse(body), _hash_key))
        except (TypeError, AttributeError, KeyError, IndexError):
            _leading_keys.set(None)  # malformed: the operation itself refuses it
        return original(body)

    @wrap(iam_evaluator, "enforce")
    def enforce(
        original: Callable[..., Any],
        access_key: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: Mapping[str, Any] | None = None,
    ) -> Any:
        keys = (_leading_keys.get() or {}).get(table_name(resource_arn)) if service == "dynamodb" else None
        context = {**(service_context or {}), **({"dynamodb:leadingkeys": keys} if keys else {})}
        return original(access_key, action, service, region, resource_arn=resource_arn, service_context=context)
