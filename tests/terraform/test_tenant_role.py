"""What the rendered policies of `tenant_access` allow, statement by statement."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clinic_agent.lambdas.tier_table import tier_settings

from .support import Access

Statement = dict[str, Any]

CLINIC = "${aws:PrincipalTag/ClinicId}"
ACTOR = CLINIC + "/${aws:PrincipalTag/UserId}"
NO_CLINIC = {"aws:PrincipalTag/ClinicId": "false"}
NO_ACTOR = {**NO_CLINIC, "aws:PrincipalTag/UserId": "false"}
BROKER = "arn:aws:iam::111122223333:role/clinic-test-broker"
TENANT = "arn:aws:iam::111122223333:role/clinic-test-tenant"
KEYS = "arn:aws:kms:eu-west-1:111122223333:key/"
VIA_S3 = "s3.eu-west-1.amazonaws.com"
VIA_DYNAMODB = "dynamodb.eu-west-1.amazonaws.com"
GUARDRAIL = "arn:aws:bedrock:eu-west-1:111122223333:guardrail/{tier}12345"
MODELS = {"basic": "mistral.ministral-3-8b-instruct", "premium": "openai.gpt-oss-120b-1:0"}

# What no tenant may do in memory: requests that name no actor and no namespace, or whose keys are not proven.
UNFENCED = {
    "bedrock-agentcore:BatchCreateMemoryRecords",
    "bedrock-agentcore:BatchDeleteMemoryRecords",
    "bedrock-agentcore:BatchUpdateMemoryRecords",
    "bedrock-agentcore:DeleteEvent",
    "bedrock-agentcore:DeleteMemoryRecord",
    "bedrock-agentcore:GetMemoryRecord",
    "bedrock-agentcore:IngestData",
    "bedrock-agentcore:ListActors",
    "bedrock-agentcore:ListMemoryExtractionJobs",
    "bedrock-agentcore:StartMemoryExtractionJob",
}
FENCED = {
    "bedrock-agentcore:CreateEvent",
    "bedrock-agentcore:GetEvent",
    "bedrock-agentcore:ListEvents",
    "bedrock-agentcore:ListMemoryRecords",
    "bedrock-agentcore:ListSessions",
    "bedrock-agentcore:RetrieveMemoryRecords",
}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _by_sid(statements: list[Statement]) -> dict[str, Statement]:
    found = {s["Sid"]: s for s in statements}
    assert len(found) == len(statements), "two statements share a Sid"
    return found


def _actions(statements: list[Statement], effect: str) -> set[str]:
    return {action for s in statements if s["Effect"] == effect for action in _list(s["Action"])}


def _tier_statements(tier: str) -> dict[str, Statement]:
    memory = f"arn:aws:bedrock-agentcore:eu-west-1:111122223333:memory/clinic_test_{tier}-abcdefghij"
    own_tier = {"aws:PrincipalTag/Tier": tier}
    found: dict[str, Statement] = {
        f"Model{tier.title()}": {
            "Action": ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"],
            "Resource": f"arn:aws:bedrock:eu-west-1::foundation-model/{MODELS.get(tier, MODELS['premium'])}",
            "Condition": {
                "StringEquals": {**own_tier, "bedrock:GuardrailIdentifier": GUARDRAIL.format(tier=tier) + ":7"}
            },
        },
        f"Guardrail{tier.title()}": {
            "Action": "bedrock:ApplyGuardrail",
            "Resource": GUARDRAIL.format(tier=tier),
            "Condition": {"StringEquals": own_tier},
        },
        f"MemoryEvents{tier.title()}": {
            "Action": [f"bedrock-agentcore:{a}" for a in ("CreateEvent", "GetEvent", "ListEvents", "ListSessions")],
            "Resource": memory,
            "Condition": {"StringEquals": {**own_tier, "bedrock-agentcore:actorId": ACTOR}, "Null": NO_ACTOR},
        },
    }
    for key in ("namespace", "namespacePath"):
        found[f"Memory{key[0].upper()}{key[1:]}{tier.title()}"] = {
            "Action": ["bedrock-agentcore:ListMemoryRecords", "bedrock-agentcore:RetrieveMemoryRecords"],
            "Resource": memory,
            "Condition": {
                "StringEquals": own_tier,
                "StringLike": {f"bedrock-agentcore:{key}": f"/actors/{ACTOR}/*"},
                "Null": NO_ACTOR,
            },
        }
    return {sid: {"Sid": sid, "Effect": "Allow", **statement} for sid, statement in found.items()}


def _data_statements() -> dict[str, Statement]:
    bucket = "arn:aws:s3:::clinic-test-documents"
    found: dict[str, Statement] = {
        "ReadOwnDocuments": {
            "Action": "s3:GetObject",
            "Resource": f"{bucket}/clinics/{CLINIC}/*",
            "Condition": {"Null": NO_CLINIC},
        },
        "ListOwnDocuments": {
            "Action": "s3:ListBucket",
            "Resource": bucket,
            "Condition": {"StringLike": {"s3:prefix": f"clinics/{CLINIC}/*"}, "Null": NO_CLINIC},
        },
        "ReadOwnPatients": {
            "Action": ["dynamodb:GetItem", "dynamodb:Query"],
            "Resource": "arn:aws:dynamodb:eu-west-1:111122223333:table/clinic-test-patients",
            "Condition": {
                "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [CLINIC]},
                "Null": {**NO_CLINIC, "dynamodb:LeadingKeys": "false"},
            },
        },
        "DecryptThroughS3AndDynamoDb": {
            "Action": "kms:Decrypt",
            "Resource": KEYS + "data",
            "Condition": {"StringEquals": {"kms:ViaService": [VIA_S3, VIA_DYNAMODB]}, "Null": NO_CLINIC},
        },
    }
    return {sid: {"Sid": sid, "Effect": "Allow", **statement} for sid, statement in found.items()}


def test_tenant_role_allows_exactly_this(shipped: Access) -> None:
    """The whole list, so that no statement can be added, widened or lose a condition unseen."""
    allowed = {sid: s for sid, s in _by_sid(shipped.tenant()).items() if s["Effect"] == "Allow"}
    assert allowed == {**_tier_statements("basic"), **_tier_statements("premium"), **_data_statements()}


def test_tenant_role_denies_untagged_sessions_and_further_roles(shipped: Access) -> None:
    denied = {sid: s for sid, s in _by_sid(shipped.tenant()).items() if s["Effect"] == "Deny"}
    expected: dict[str, Statement] = {
        "DenyFurtherRoles": {
            "Sid": "DenyFurtherRoles",
            "Effect": "Deny",
            "Action": ["sts:AssumeRole*", "sts:SetSourceIdentity", "sts:TagSession"],
            "Resource": "*",
        }
    }
    for tag in ("ClinicId", "Tier", "UserId"):
        expected[f"DenyWithout{tag}"] = {
            "Sid": f"DenyWithout{tag}",
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {"Null": {f"aws:PrincipalTag/{tag}": "true"}},
        }
    assert denied == expected


def test_one_more_block_in_the_catalog_adds_exactly_its_statements(shipped: Access, enterprise: Access) -> None:
    before, after = _by_sid(shipped.tenant()), _by_sid(enterprise.tenant())
    assert {sid: s for sid, s in after.items() if sid not in before} == _tier_statements("enterprise")
    assert {sid: after[sid] for sid in before} == before


def test_one_more_block_adds_two_resources_and_one_tier_to_the_trust(shipped: Access, enterprise: Access) -> None:
    assert enterprise.addresses() - shipped.addresses() == {
        'aws_iam_policy.tier["enterprise"]',
        'aws_iam_role_policy_attachment.tier["enterprise"]',
    }
    assert shipped.addresses() <= enterprise.addresses()
    before, after = json.dumps(shipped.roles()["tenant"]), json.dumps(enterprise.roles()["tenant"])
    assert after == before.replace('["basic", "premium"]', '["basic", "enterprise", "premium"]') != before
    settings = tier_settings(enterprise.functions()["broker"]["environment"][0]["variables"]["TIERS"])
    assert settings["enterprise"] == {
        "model_id": MODELS["premium"],
        "memory_id": "clinic_test_enterprise-abcdefghij",
        "max_output_tokens": 8192,
        "context_window": 128000,
        "long_term_memory": True,
        "history_turns": 20,
        "guardrail_id": "enterprise12345",
        "guardrail_version": "7",
        "guardrail_message": "Stopped by the guardrail.",
        "price_input_usd_per_million": 0.15,
        "price_output_usd_per_million": 0.6,
    }


def test_only_the_broker_may_make_tenant_sessions_and_only_with_the_three_tags(shipped: Access) -> None:
    present = {f"aws:RequestTag/{tag}": "false" for tag in ("ClinicId", "Tier", "UserId")}
    uuid = "????????-????-????-????-????????????"
    statements = _by_sid(shipped.roles()["tenant"])
    assert all(s["Effect"] == "Allow" and s["Principal"] == {"AWS": BROKER} for s in statements.values())
    assert {sid: (s["Action"], s["Condition"]) for sid, s in statements.items()} == {
        "BrokerAssumes": (
            "sts:AssumeRole",
            {
                "Null": present,
            },
        ),
        "BrokerTags": (
            "sts:TagSession",
            {
                "ForAllValues:StringEquals": {"aws:TagKeys": ["ClinicId", "Tier", "UserId"]},
                "Null": present,
                "StringEquals": {"aws:RequestTag/Tier": ["basic", "premium"]},
                "StringLike": {"aws:RequestTag/ClinicId": "?*", "aws:RequestTag/UserId": uuid},
            },
        ),
        "BrokerNamesSource": ("sts:SetSourceIdentity", {"StringLike": {"sts:SourceIdentity": uuid}}),
    }


def test_no_role_trusts_anybody_else(shipped: Access) -> None:
    """Scans every trust policy: one role that trusts the execution role would be a way out of the microVM."""
    principals = {name: [s["Principal"] for s in trust] for name, trust in shipped.roles().items()}
    assert principals == {
        "tenant": [{"AWS": BROKER}] * 3,
        "broker": [{"Service": "lambda.amazonaws.com"}],
        "runtime": [{"Service": "bedrock-agentcore.amazonaws.com"}],
    }


def test_execution_role_is_for_runtimes_of_this_account(shipped: Access) -> None:
    (statement,) = shipped.roles()["runtime"]
    assert statement["Action"] == "sts:AssumeRole"
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "111122223333"},
        "ArnLike": {"aws:SourceArn": "arn:aws:bedrock-agentcore:eu-west-1:111122223333:runtime/*"},
    }


def test_execution_role_allows_exactly_this(shipped: Access) -> None:
    statements = _by_sid(shipped.policy("aws_iam_role_policy.execution"))
    logs = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/bedrock-agentcore/runtimes/clinic_test_agent-*"
    log_actions = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    allowed = {
        sid: (s["Action"], s["Resource"], s.get("Condition")) for sid, s in statements.items() if s["Effect"] == "Allow"
    }
    assert allowed == {
        "AskBroker": (
            "lambda:InvokeFunction",
            "arn:aws:lambda:eu-west-1:111122223333:function:clinic-test-broker",
            None,
        ),
        "ReadOwnBundle": ("s3:GetObject", "arn:aws:s3:::clinic-test-artifacts/agents/clinic-agent/*", None),
        "DecryptOwnBundle": ("kms:Decrypt", KEYS + "artifacts", {"StringEquals": {"kms:ViaService": VIA_S3}}),
        "WriteOwnLogs": (log_actions, logs, None),
    }


def test_execution_role_denies_every_way_to_a_tenant(shipped: Access) -> None:
    statements = shipped.policy("aws_iam_role_policy.execution")
    denies = [s for s in statements if s["Effect"] == "Deny"]
    assert all("Condition" not in s for s in denies)
    assert _actions(statements, "Deny") == {
        "sts:AssumeRole*",
        "sts:SetSourceIdentity",
        "sts:TagSession",
        "bedrock-agentcore:GetWorkloadAccessTokenForUserId",
        "bedrock:Invoke*",
        "bedrock:Retrieve*",
        "bedrock-mantle:*",
        "dynamodb:*",
        "s3:*",
        "kms:*",
        *FENCED,
        *UNFENCED,
    }
    narrow = {s["Sid"]: s["Resource"] for s in denies if s["Resource"] != "*"}
    assert narrow == {
        "DenyDocuments": ["arn:aws:s3:::clinic-test-documents", "arn:aws:s3:::clinic-test-documents/*"],
        "DenyTenantKeys": [KEYS + "data", KEYS + "registry"],
    }


def test_broker_allows_exactly_this(shipped: Access) -> None:
    statements = _by_sid(shipped.policy("module.broker.aws_iam_role_policy.this"))
    logs = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/clinic-test-broker:*"
    registry = "arn:aws:dynamodb:eu-west-1:111122223333:table/clinic-test-registry"
    assert {sid: (s["Effect"], s["Action"], s["Resource"], s.get("Condition")) for sid, s in statements.items()} == {
        "MakeTenantSessions": ("Allow", ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"], TENANT, None),
        "ReadRegistry": ("Allow", "dynamodb:GetItem", registry, None),
        "DecryptRegistry": (
            "Allow",
            "kms:Decrypt",
            KEYS + "registry",
            {"StringEquals": {"kms:ViaService": VIA_DYNAMODB}},
        ),
        "WriteOwnLogs": ("Allow", ["logs:CreateLogStream", "logs:PutLogEvents"], logs, None),
    }


@pytest.mark.parametrize("tiers", ["shipped", "enterprise"])
def test_policies_fit_into_iam(request: pytest.FixtureRequest, tiers: str) -> None:
    """Limits of an account without raised quotas: trust 2048 characters, managed 6144, inline 10240."""
    access: Access = request.getfixturevalue(tiers)
    limits = {"aws_iam_role": ("assume_role_policy", 2048), "aws_iam_policy": ("policy", 6144)}
    limits["aws_iam_role_policy"] = ("policy", 10240)
    for resource in access.resources:
        if resource["type"] in limits:
            attribute, limit = limits[resource["type"]]
            assert len(resource["values"][attribute]) <= limit, resource["address"]
