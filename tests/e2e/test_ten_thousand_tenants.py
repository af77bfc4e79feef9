"""Tenants are rows, not resources: however many there are, Terraform has nothing to do."""

import time
from typing import Any

import pytest

from clinic_agent.keys import tenant_key
from scripts.up import plan_is_empty
from tests.conftest import Platform

TENANTS = 10_000


@pytest.mark.timeout(600)  # rows first, then three plans, on a machine that may have other things to do
def test_ten_thousand_tenants_more_change_no_plan(platform: Platform) -> None:
    registry = platform.root("dynamodb")
    table = platform.stack["tables"]["registry"]
    keys = [{name: {"S": value} for name, value in tenant_key(f"load-{n:05d}").items()} for n in range(TENANTS)]

    def write(kind: str, entries: list[dict[str, Any]]) -> None:
        for start in range(0, len(entries), 25):  # DynamoDB takes 25 at once
            pending = {table: [{kind: entry} for entry in entries[start : start + 25]]}
            while pending:
                pending = registry.batch_write_item(RequestItems=pending).get("UnprocessedItems") or {}
                time.sleep(0.05 if pending else 0)

    before = registry.scan(TableName=table, Select="COUNT")["Count"]
    try:
        write("PutRequest", [{"Item": {**key, "tier": {"S": "basic"}, "status": {"S": "SUSPENDED"}}} for key in keys])
        assert registry.scan(TableName=table, Select="COUNT")["Count"] > before
        for root in ("bootstrap", "foundation", "agentcore"):
            assert plan_is_empty(platform.state_dir, root)
    finally:
        write("DeleteRequest", [{"Key": key} for key in keys])
