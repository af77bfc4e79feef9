"""Plans as `terraform show -json` writes them, made by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.plans.report import Report, text
from scripts.plans.summary import Summary, summarise

MEMORY = 'module.agentcore.module.memory.aws_bedrockagentcore_memory.tier["basic"]'
POOL = "module.foundation.module.identity.aws_cognito_user_pool.this"
ROLE = "module.foundation.module.tenant_access.aws_iam_role.tenant"
GATEWAY = "module.agentcore.module.gateway.aws_bedrockagentcore_gateway.this"
RUNTIME = "module.agentcore.module.runtime.aws_bedrockagentcore_agent_runtime.this"
REPLACE = ("delete", "create")
TRUST = {"Sid": "Broker", "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::1:role/b"}}
SECRET = "s3cr3t-value-of-a-plan"


def policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def change(
    address: str,
    actions: Sequence[str],
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """One entry of `resource_changes`; `more` goes into its change, `action_reason` and the like beside it."""
    module, _, rest = address.rpartition(".aws_")
    names: tuple[str, ...] = ("action_reason", "previous_address", "mode", "deposed", "name", "index")
    beside = {name: more.pop(name) for name in names if name in more}
    return {
        "address": address,
        **({"module_address": module} if module else {}),
        "mode": "managed",
        "type": f"aws_{rest if module else address.removeprefix('aws_')}".partition(".")[0],
        "change": {"actions": list(actions), "before": before, "after": after, "after_unknown": {}, **more},
        **beside,
    }


def plan_document(*changes: Mapping[str, Any], production: object = True, there: bool = True) -> dict[str, Any]:
    """A plan of an environment that is there already, or is not."""
    state = {"values": {"root_module": {"resources": [{"mode": "managed"}]}}}
    return {
        "format_version": "1.2",
        "variables": {} if production is None else {"production": {"value": production}},
        "planned_values": {},
        "resource_changes": list(changes),
        **({"prior_state": state} if there else {}),
    }


def report(summary: Summary, **changes: Any) -> Report:
    values = {"environment": "prod", "provider": "6.69.1", "offline": True, "sample_release": False, "from_state": True}
    return Report(summary=summary, seconds={"plan": 1.0}, **{**values, **changes})


def printed(*changes: dict[str, Any], full: bool = False, **options: Any) -> str:
    return "\n".join(text(report(summarise(plan_document(*changes, **options))), full=full))


def replaced_memory(**more: Any) -> dict[str, Any]:
    return change(MEMORY, REPLACE, before={"name": "a"}, after={"name": "b"}, replace_paths=[["name"]], **more)


def jwt(**values: Any) -> dict[str, Any]:
    return {"authorizer_configuration": [{"custom_jwt_authorizer": [values]}]}
