"""What the rendered roles of `gateway_access` allow, and what its functions are given."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from .support import SOURCES, Access

Statement = dict[str, Any]

AGENTCORE = "arn:aws:bedrock-agentcore:eu-west-1:111122223333"
FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:clinic-test-"
LOGS = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/clinic-test-"
KEYS = "arn:aws:kms:eu-west-1:111122223333:key/"
POLICIES = {
    "gateway": "aws_iam_role_policy.gateway",
    "interceptor": "module.interceptor.aws_iam_role_policy.this",
    "tools": "module.tools.aws_iam_role_policy.this",
}
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def _statements(gateway: Access, role: str, effect: str) -> dict[str, Statement]:
    found = [s for s in gateway.policy(POLICIES[role]) if s["Effect"] == effect]
    assert len({s["Sid"] for s in found}) == len(found), "two statements share a Sid"
    return {s["Sid"]: {k: v for k, v in s.items() if k not in ("Sid", "Effect")} for s in found}


def test_gateway_role_allows_exactly_this(gateway: Access) -> None:
    engine, own = f"{AGENTCORE}:policy-engine/clinic_test_policies-*", f"{AGENTCORE}:gateway/clinic-test-gateway-*"
    assert _statements(gateway, "gateway", "Allow") == {
        "CallInterceptorAndTools": {
            "Action": "lambda:InvokeFunction",
            "Resource": [f"{FUNCTION}interceptor", f"{FUNCTION}tools"],
        },
        "ReadPolicyEngine": {"Action": "bedrock-agentcore:GetPolicyEngine", "Resource": engine},
        "DecideByPolicies": {
            "Action": ["bedrock-agentcore:AuthorizeAction", "bedrock-agentcore:PartiallyAuthorizeActions"],
            "Resource": [engine, own],
        },
        "CheckPolicyEngine": {
            "Action": "bedrock-agentcore:CheckAuthorizePermissions",
            "Resource": f"{AGENTCORE}:policy-engines/clinic_test_policies-*/target-resource/*",
        },
        "SearchWeb": {
            "Action": "bedrock-agentcore:InvokeWebSearch",
            "Resource": "arn:aws:bedrock-agentcore:eu-west-1:aws:tool/web-search.v1",
        },
        "CallOwnConnectors": {"Action": "bedrock-agentcore:InvokeGateway", "Resource": own},
    }


def test_functions_roles_allow_exactly_this(gateway: Access) -> None:
    def logs(name: str) -> Statement:
        return {"Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": f"{LOGS}{name}:*"}

    assert _statements(gateway, "interceptor", "Allow") == {"WriteOwnLogs": logs("interceptor")}
    assert _statements(gateway, "tools", "Allow") == {
        "AskBroker": {"Action": "lambda:InvokeFunction", "Resource": f"{FUNCTION}broker"},
        "WriteOwnLogs": logs("tools"),
    }


@pytest.mark.parametrize("role", POLICIES)
def test_no_role_reaches_a_tenant_even_with_a_further_allow(gateway: Access, role: str) -> None:
    denied = _statements(gateway, role, "Deny")
    assert not any("Condition" in statement for statement in denied.values())
    assert denied["DenyDocuments"] == {
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::clinic-test-documents", "arn:aws:s3:::clinic-test-documents/*"],
    }
    assert denied["DenyTenantKeys"] == {"Action": "kms:*", "Resource": [f"{KEYS}data", f"{KEYS}registry"]}
    everywhere = {
        action for statement in denied.values() if statement["Resource"] == "*" for action in statement["Action"]
    }
    assert everywhere >= {"sts:AssumeRole*", "sts:TagSession", "bedrock:Invoke*", "bedrock-mantle:*", "dynamodb:*"}
    for action in _memory_actions():
        assert any(_matches(pattern, action) for pattern in everywhere), action
    # The Deny statements must leave the role its own work.
    for statement in _statements(gateway, role, "Allow").values():
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not [a for a in actions for pattern in everywhere if _matches(pattern, a)]


def _memory_actions() -> list[str]:
    """All of the data plane, as `tenant_access` lists it."""
    text = (SOURCES / "modules" / "tenant_access" / "main.tf").read_text().partition("memory_by_actor")[2]
    names = [word for word in text.split('"') if word.isalpha() and word[0].isupper()]
    assert len(names) == 16
    return [f"bedrock-agentcore:{name}" for name in names]


def _matches(pattern: str, action: str) -> bool:
    start, star, end = pattern.partition("*")
    return action == pattern or (bool(star) and action.startswith(start) and _ends(action[len(start) :], end))


def _ends(rest: str, end: str) -> bool:
    inner, star, last = end.partition("*")
    return rest.endswith(end) if not star else inner in rest and rest.endswith(last)


def test_roles_trust_their_service_and_the_gateways_only_this_gateway(gateway: Access) -> None:
    roles = gateway.roles()
    assert set(roles) == set(POLICIES)
    for function in ("interceptor", "tools"):
        (statement,) = roles[function]
        assert (statement["Principal"], statement["Action"]) == ({"Service": "lambda.amazonaws.com"}, "sts:AssumeRole")
    (statement,) = roles["gateway"]
    assert statement["Principal"] == {"Service": "bedrock-agentcore.amazonaws.com"}
    assert statement["Action"] == "sts:AssumeRole"
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "111122223333"},
        "ArnLike": {"aws:SourceArn": f"{AGENTCORE}:gateway/clinic-test-gateway-*"},
    }


def test_interceptor_knows_every_tool_of_the_catalog_and_its_arguments(gateway: Access) -> None:
    environment = gateway.functions()["interceptor"]["environment"][0]["variables"]
    expected = {}
    for file in (SOURCES / "catalog" / "tools").glob("*.json"):
        tool = json.loads(file.read_text())
        name = f"{tool['target']}___{tool.get('connector', {}).get('tool', tool['name'])}"
        expected[name] = sorted(tool["inputSchema"]["properties"])
    assert json.loads(environment["TOOL_ARGUMENTS"]) == expected


def test_functions_run_the_published_bundle_and_nobody_else_may_call_them(shipped: Access, gateway: Access) -> None:
    functions = {**shipped.functions(), **gateway.functions()}
    assert {name: f["handler"] for name, f in functions.items()} == {
        name: f"clinic_agent.lambdas.{name}.handler" for name in ("broker", "interceptor", "tools")
    }
    digest = base64.b64encode(bytes.fromhex(EMPTY_SHA256)).decode()
    for function in functions.values():
        assert function["source_code_hash"] == digest
        assert (function["s3_bucket"], function["architectures"]) == ("clinic-test-artifacts", ["arm64"])
    resources = [*shipped.resources, *gateway.resources]
    assert [r["address"] for r in resources if r["type"] == "aws_lambda_permission"] == []
    assert {r["values"]["retention_in_days"] for r in resources if r["type"] == "aws_cloudwatch_log_group"} == {90}
