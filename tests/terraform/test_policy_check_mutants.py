"""Weakened copies of the plan of production: each weakness is found by the check that is for it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from policy_checks.check import Result
from policy_checks.checks import CHECKS
from policy_checks.plan import read_plan
from scripts.plan import offline_workspace
from scripts.scan import as_written
from scripts.scanning.network import plan_network

pytestmark = pytest.mark.timeout(600)  # plans twice and records once, on a machine that may have other work too

Values = dict[str, Any]
Change = Callable[[Values], None]


@pytest.fixture(scope="module")
def network() -> dict[str, Any]:
    """The plan of the network's root that `make scan` reads."""
    with offline_workspace() as workspace:
        fresh, later = plan_network(workspace)
        return as_written(later, fresh=fresh)


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The plan that `make scan` reads."""
    with offline_workspace() as workspace:
        fresh = workspace.plan("prod").document
        state = workspace.apply("prod", into=tmp_path_factory.mktemp("state"))
        return as_written(workspace.plan("prod", state=state).document, fresh=fresh)


def _failures(document: dict[str, Any]) -> set[tuple[str, str]]:
    plan = read_plan(document)
    return {
        (check.id, resource.type)
        for check in CHECKS
        for resource in plan.resources
        if resource.type in check.types and check.run(resource, plan).result is Result.FAILED
    }


def test_production_passes_and_nothing_of_it_is_undecided(production: dict[str, Any]) -> None:
    plan = read_plan(production)
    assert plan.production is True
    seen = set()
    for check in CHECKS:
        for resource in plan.resources:
            if resource.type in check.types:
                outcome = check.run(resource, plan)
                assert outcome.result in (Result.PASSED, Result.NOT_ASKED), (check.id, resource.address, outcome)
                seen |= {check.id} if outcome.result is Result.PASSED else set()
    # No function has an address, so this check has nothing to look at.
    assert {check.id for check in CHECKS} - seen == {"CKV_AGENTCORE_30"}


def test_the_network_is_asked_as_production_how_long_it_keeps_logs(network: dict[str, Any]) -> None:
    plan = read_plan(network)
    assert (plan.production, plan.account) == (True, "444455556666")
    outcomes = [
        (check.id, resource.type, check.run(resource, plan).result)
        for check in CHECKS
        for resource in plan.resources
        if resource.type in check.types
    ]
    assert {result for _, _, result in outcomes} == {Result.PASSED, Result.NOT_ASKED}
    logs = "aws_cloudwatch_log_group"
    assert {("CKV_AGENTCORE_39", logs, Result.PASSED), ("CKV_AGENTCORE_28", logs, Result.PASSED)} <= set(outcomes)
    for weakness, check in (({"retention_in_days": 180}, "CKV_AGENTCORE_39"), ({"kms_key_id": ""}, "CKV_AGENTCORE_28")):
        document = copy.deepcopy(network)
        (group,) = [r for r in _resources(document["planned_values"]["root_module"]) if r["type"] == logs]
        group["values"] |= weakness
        assert (check, logs) in _failures(document)


def _in_policy(argument: str, sid: str, change: Change) -> Change:
    """Change a statement of a JSON document."""

    def apply(values: Values) -> None:
        document = json.loads(values[argument])
        (statement,) = [s for s in document["Statement"] if s["Sid"] == sid]
        change(statement)
        document["Statement"] = [s for s in document["Statement"] if s]
        values[argument] = json.dumps(document)

    return apply


def _without(*path: str) -> Change:
    def apply(values: Values) -> None:
        inner = values
        for step in path[:-1]:
            inner = inner[step]
        del inner[path[-1]]

    return apply


def _with(value: Any, *path: str | int) -> Change:
    def apply(values: Values) -> None:
        inner: Any = values
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value

    return apply


def _replaced(argument: str, old: str, new: str) -> Change:
    def apply(values: Values) -> None:
        assert old in values[argument]
        values[argument] = values[argument].replace(old, new)

    return apply


def _allowing(*actions: str, resource: str | list[str] = "*") -> Change:
    """Add an Allow to a policy."""

    def apply(values: Values) -> None:
        document = json.loads(values["policy"])
        document["Statement"].append({"Effect": "Allow", "Action": list(actions), "Resource": resource})
        values["policy"] = json.dumps(document)

    return apply


def _cedar(old: str, new: str) -> Change:
    def apply(values: Values) -> None:
        definition = values["definition"][0]["cedar"][0]
        assert old in definition["statement"]
        definition["statement"] = definition["statement"].replace(old, new)

    return apply


JWT = ("authorizer_configuration", 0, "custom_jwt_authorizer", 0)
GATEWAY = "aws_bedrockagentcore_gateway.this"
RUNTIME = "aws_bedrockagentcore_agent_runtime.this"
TIER = 'aws_iam_policy.tier["premium"]'
COMMON = "aws_iam_role_policy.tenant"
TENANT = "module.tenant_access.aws_iam_role.tenant"
EXECUTION = "module.tenant_access.aws_iam_role_policy.execution"
BROKER = "module.broker.aws_iam_role_policy.this"
GATEWAY_ROLE = "module.gateway_access.aws_iam_role_policy.gateway"
GATEWAY_TRUST = "module.gateway_access.aws_iam_role.gateway"
PERMISSION = "aws_lambda_permission.claims"
ATTACHMENT = 'aws_iam_role_policy_attachment.tier["basic"]'
TIER_IS_BASIC = 'principal.getTag("tier") == "basic"'
CEDAR = 'aws_bedrockagentcore_policy.tier["basic"]'
OWN_CLINIC = "/actors/${aws:PrincipalTag/ClinicId}/${aws:PrincipalTag/UserId}/*"
NAMESPACE = ("Condition", "StringLike", "bedrock-agentcore:namespace")

MUTANTS: dict[str, tuple[str, Change, str]] = {
    "gateway takes anybody": (GATEWAY, _with("NONE", "authorizer_type"), "CKV_AGENTCORE_1"),
    "runtime takes anybody": (RUNTIME, _with([], "authorizer_configuration"), "CKV_AGENTCORE_1"),
    "no list of clients": (RUNTIME, _with([], *JWT, "allowed_clients"), "CKV_AGENTCORE_2"),
    "no claims": (GATEWAY, _with([], *JWT, "custom_claim"), "CKV_AGENTCORE_3"),
    "no policy engine": (GATEWAY, _with([], "policy_engine_configuration"), "CKV_AGENTCORE_4"),
    "LOG_ONLY": (GATEWAY, _with("LOG_ONLY", "policy_engine_configuration", 0, "mode"), "CKV_AGENTCORE_5"),
    "errors for callers": (GATEWAY, _with("DEBUG", "exception_level"), "CKV_AGENTCORE_6"),
    "every memory": (TIER, _in_policy("policy", "MemoryEventsPremium", _with("*", "Resource")), "CKV_AGENTCORE_7"),
    "any namespace": (TIER, _in_policy("policy", "MemoryNamespacePremium", _with("*", *NAMESPACE)), "CKV_AGENTCORE_8"),
    "namespace without slash": (
        TIER,
        _in_policy("policy", "MemoryNamespacePremium", _with(OWN_CLINIC.removesuffix("/*") + "*", *NAMESPACE)),
        "CKV_AGENTCORE_8",
    ),
    "namespace of a tier": (
        TIER,
        _in_policy("policy", "MemoryNamespacePremium", _with("/tiers/${aws:PrincipalTag/Tier}/*", *NAMESPACE)),
        "CKV_AGENTCORE_8",
    ),
    "namespace of a clinic": (
        TIER,
        _in_policy("policy", "MemoryNamespacePremium", _with("/actors/${aws:PrincipalTag/ClinicId}/*", *NAMESPACE)),
        "CKV_AGENTCORE_8",
    ),
    "no actor": (TIER, _in_policy("policy", "MemoryEventsPremium", _without("Condition")), "CKV_AGENTCORE_8"),
    "actors listed": (
        TIER,
        _in_policy("policy", "MemoryEventsPremium", _with(["bedrock-agentcore:ListActors"], "Action")),
        "CKV_AGENTCORE_9",
    ),
    "shared namespace": (
        'aws_bedrockagentcore_memory_strategy.tier["premium/preferences"]',
        _with(["/preferences/"], "namespace_templates"),
        "CKV_AGENTCORE_10",
    ),
    "documents without slash": (COMMON, _replaced("policy", "ClinicId}/*", "ClinicId}*"), "CKV_AGENTCORE_11"),
    "no null test": (COMMON, _in_policy("policy", "ReadOwnDocuments", _without("Condition")), "CKV_AGENTCORE_12"),
    "rows without leading key": (
        COMMON,
        _in_policy("policy", "ReadOwnPatients", _without("Condition", "Null", "dynamodb:LeadingKeys")),
        "CKV_AGENTCORE_13",
    ),
    "execution role becomes others": (
        EXECUTION,
        _in_policy("policy", "AskBroker", _with("sts:AssumeRole", "Action")),
        "CKV_AGENTCORE_14",
    ),
    "execution role reads rows": (
        EXECUTION,
        _in_policy("policy", "AskBroker", _with("dynamodb:GetItem", "Action")),
        "CKV_AGENTCORE_15",
    ),
    "execution role reads documents": (
        EXECUTION,
        _in_policy("policy", "ReadOwnBundle", _with("arn:aws:s3:::*", "Resource")),
        "CKV_AGENTCORE_15",
    ),
    **{
        f"execution role may {action}": (EXECUTION, _allowing(action), check)
        for action, check in {
            "bedrock-mantle:*": "CKV_AGENTCORE_15",
            "bedrock:InvokeAgent": "CKV_AGENTCORE_15",
            "bedrock:RetrieveAndGenerate": "CKV_AGENTCORE_15",
            "dynamodb:PartiQLSelect": "CKV_AGENTCORE_15",
            "dynamodb:PartiQLUpdate": "CKV_AGENTCORE_15",
            "dynamodb:UpdateItem": "CKV_AGENTCORE_15",
            "dynamodb:DeleteItem": "CKV_AGENTCORE_15",
            "dynamodb:BatchWriteItem": "CKV_AGENTCORE_15",
            "dynamodb:ExportTableToPointInTime": "CKV_AGENTCORE_15",
            "s3:GetObjectVersion": "CKV_AGENTCORE_15",
            "s3:DeleteObjectVersion": "CKV_AGENTCORE_15",
            "secretsmanager:GetSecretValue": "CKV_AGENTCORE_15",
            "lambda:*": "CKV_AGENTCORE_15",
            "kms:*": "CKV_AGENTCORE_15",
            "iam:PassRole": "CKV_AGENTCORE_14",
            "*": "CKV_AGENTCORE_14",
        }.items()
    },
    "execution role calls the tools": (
        EXECUTION,
        _replaced("policy", "function:clinic-prod-use1-broker", "function:clinic-prod-use1-tools"),
        "CKV_AGENTCORE_15",
    ),
    "execution role decrypts for anybody": (
        EXECUTION,
        _in_policy("policy", "DecryptOwnBundle", _without("Condition")),
        "CKV_AGENTCORE_15",
    ),
    "gateway's role reads objects": (GATEWAY_ROLE, _allowing("s3:GetObject"), "CKV_AGENTCORE_15"),
    "gateway's role calls every function": (
        GATEWAY_ROLE,
        _in_policy("policy", "CallInterceptorAndTools", _with("*", "Resource")),
        "CKV_AGENTCORE_15",
    ),
    "deny of another bucket": (
        EXECUTION,
        _in_policy(
            "policy", "DenyDocuments", _with(["arn:aws:s3:::clinic-other", "arn:aws:s3:::clinic-other/*"], "Resource")
        ),
        "CKV_AGENTCORE_16",
    ),
    "deny of the bucket without its objects": (
        EXECUTION,
        _in_policy("policy", "DenyDocuments", lambda s: s.update(Resource=s["Resource"][:1])),
        "CKV_AGENTCORE_16",
    ),
    "execution role without deny": (
        EXECUTION,
        _in_policy("policy", "DenyTables", _with("Allow", "Effect")),
        "CKV_AGENTCORE_16",
    ),
    "everybody is trusted": (
        TENANT,
        _in_policy("assume_role_policy", "BrokerAssumes", _with({"AWS": "*"}, "Principal")),
        "CKV_AGENTCORE_17",
    ),
    "role of another account": (
        TENANT,
        _replaced("assume_role_policy", "444455556666", "111122223333"),
        "CKV_AGENTCORE_17",
    ),
    "anybody of an identity provider": (
        TENANT,
        _in_policy(
            "assume_role_policy",
            "BrokerAssumes",
            lambda s: s.update(
                Principal={"Federated": "arn:aws:iam::444455556666:oidc-provider/token.example"},
                Action="sts:AssumeRoleWithWebIdentity",
            ),
        ),
        "CKV_AGENTCORE_17",
    ),
    "service of any account": (
        "aws_iam_role.execution",
        _in_policy(
            "assume_role_policy",
            "AgentCoreForRuntimesOfThisAccount",
            _with(
                {"StringLike": {"aws:SourceAccount": "????????????"}, "ArnLike": {"aws:SourceArn": "arn:aws:*"}},
                "Condition",
            ),
        ),
        "CKV_AGENTCORE_18",
    ),
    "service without source": (
        "aws_iam_role.execution",
        _in_policy("assume_role_policy", "AgentCoreForRuntimesOfThisAccount", _without("Condition")),
        "CKV_AGENTCORE_18",
    ),
    "any tag": (
        TENANT,
        _in_policy("assume_role_policy", "BrokerTags", _without("Condition", "ForAllValues:StringEquals")),
        "CKV_AGENTCORE_19",
    ),
    "no tags": (TENANT, _in_policy("assume_role_policy", "BrokerAssumes", _without("Condition")), "CKV_AGENTCORE_20"),
    "microVM is trusted": (TENANT, _replaced("assume_role_policy", "-broker", "-runtime"), "CKV_AGENTCORE_21"),
    "microVM's session is trusted": (
        TENANT,
        _replaced(
            "assume_role_policy",
            "arn:aws:iam::444455556666:role/clinic-prod-use1-broker",
            "arn:aws:sts::444455556666:assumed-role/clinic-prod-use1-runtime/session",
        ),
        "CKV_AGENTCORE_21",
    ),
    "broker trusts the microVM": (
        "module.broker.aws_iam_role.this",
        _in_policy(
            "assume_role_policy",
            "LambdaService",
            _with({"AWS": "arn:aws:iam::444455556666:role/clinic-prod-use1-runtime"}, "Principal"),
        ),
        "CKV_AGENTCORE_21",
    ),
    "token stays outside": (RUNTIME, _with([], "request_header_configuration"), "CKV_AGENTCORE_22"),
    "idle for hours": (
        RUNTIME,
        _with(7200, "lifecycle_configuration", 0, "idle_runtime_session_timeout"),
        "CKV_AGENTCORE_23",
    ),
    "endpoint moves": (
        'aws_bedrockagentcore_agent_runtime_endpoint.this["live"]',
        _without("agent_runtime_version"),
        "CKV_AGENTCORE_24",
    ),
    "secret": (RUNTIME, _with("not-a-real-one", "environment_variables", "SEARCH_API_KEY"), "CKV_AGENTCORE_25"),
    "memory without key": (
        'aws_bedrockagentcore_memory.tier["basic"]',
        _without("encryption_key_arn"),
        "CKV_AGENTCORE_26",
    ),
    "logs for ever": ("module.broker.aws_cloudwatch_log_group.this", _without("retention_in_days"), "CKV_AGENTCORE_27"),
    "logs without key": ("module.broker.aws_cloudwatch_log_group.this", _without("kms_key_id"), "CKV_AGENTCORE_28"),
    "trigger of another account": (
        PERMISSION,
        _replaced("source_arn", "444455556666", "111122223333"),
        "CKV_AGENTCORE_29",
    ),
    "trigger for everybody": (PERMISSION, _with("*", "principal"), "CKV_AGENTCORE_29"),
    "tools for every tier": (CEDAR, _cedar('principal.getTag("tier") == "basic"', "true"), "CKV_AGENTCORE_31"),
    "tier turned round": (CEDAR, _cedar(TIER_IS_BASIC, f"!({TIER_IS_BASIC})"), "CKV_AGENTCORE_31"),
    "tier compared with false": (CEDAR, _cedar(TIER_IS_BASIC, f"({TIER_IS_BASIC}) == false"), "CKV_AGENTCORE_31"),
    "tier or anything": (CEDAR, _cedar(TIER_IS_BASIC, f"({TIER_IS_BASIC} || true)"), "CKV_AGENTCORE_31"),
    "any tool besides": (
        CEDAR,
        _cedar('AgentCore::Action::"clinic-data___clinic_profile"', 'AgentCore::Action::"CallTool"'),
        "CKV_AGENTCORE_32",
    ),
    "tools of every gateway": (CEDAR, _cedar("resource == ", "resource != "), "CKV_AGENTCORE_32"),
    "tier from the model": (
        CEDAR,
        _cedar('principal.getTag("tier") == ', "context.input.tier == "),
        "CKV_AGENTCORE_33",
    ),
    "no guardrail": (
        TIER,
        _in_policy("policy", "ModelPremium", _without("Condition", "StringEquals", "bedrock:GuardrailIdentifier")),
        "CKV_AGENTCORE_34",
    ),
    "model by another service": (TIER, _allowing("bedrock-mantle:*"), "CKV_AGENTCORE_34"),
    "every model": (TIER, _in_policy("policy", "ModelPremium", _with("*", "Resource")), "CKV_AGENTCORE_35"),
    "sign-up": ("aws_cognito_user_pool.this", _with([], "admin_create_user_config"), "CKV_AGENTCORE_36"),
    "passwords": (
        "aws_cognito_user_pool_client.this",
        _with(["ALLOW_USER_PASSWORD_AUTH"], "explicit_auth_flows"),
        "CKV_AGENTCORE_37",
    ),
    "implicit flow": (
        "aws_cognito_user_pool_client.this",
        _with(["implicit"], "allowed_oauth_flows"),
        "CKV_AGENTCORE_38",
    ),
    "documents of every clinic": (
        COMMON,
        _replaced("policy", "/clinics/${aws:PrincipalTag/ClinicId}/*", "/clinics/*"),
        "CKV_AGENTCORE_40",
    ),
    "list of every clinic": (
        COMMON,
        _in_policy("policy", "ListOwnDocuments", _without("Condition", "StringLike")),
        "CKV_AGENTCORE_40",
    ),
    "rows of every clinic": (
        COMMON,
        _in_policy("policy", "ReadOwnPatients", _without("Condition", "ForAllValues:StringEquals")),
        "CKV_AGENTCORE_40",
    ),
    "scan of rows": (
        COMMON,
        _in_policy("policy", "ReadOwnPatients", _with("dynamodb:Scan", "Action")),
        "CKV_AGENTCORE_40",
    ),
    "broker reads patients": (BROKER, _replaced("policy", "use1-registry", "use1-patients"), "CKV_AGENTCORE_40"),
    "broker scans the registry": (
        BROKER,
        _in_policy("policy", "ReadRegistry", _with("dynamodb:Scan", "Action")),
        "CKV_AGENTCORE_40",
    ),
    "bucket's policy lets somebody in": (
        "aws_s3_bucket_policy.documents",
        _in_policy("policy", "TlsOnly", lambda s: s.update(Effect="Allow", Principal={"AWS": "444455556666"})),
        "CKV_AGENTCORE_40",
    ),
    "administrator": (
        ATTACHMENT,
        _with("arn:aws:iam::aws:policy/AdministratorAccess", "policy_arn"),
        "CKV_AGENTCORE_41",
    ),
    "somebody's role": (RUNTIME, _with("arn:aws:iam::444455556666:role/Admin", "role_arn"), "CKV_AGENTCORE_42"),
    "function in somebody's role": (
        "module.tools.aws_lambda_function.this",
        _with("arn:aws:iam::444455556666:role/Admin", "role"),
        "CKV_AGENTCORE_42",
    ),
    "policy without a statement": (CEDAR, _with([], "definition"), "CKV_AGENTCORE_31"),
    "any source besides the gateway": (
        GATEWAY_TRUST,
        _replaced("assume_role_policy", ":gateway/clinic-prod-use1-gateway-*", ":*"),
        "CKV_AGENTCORE_15",
    ),
    "logs for a month": (
        "module.broker.aws_cloudwatch_log_group.this",
        _with(30, "retention_in_days"),
        "CKV_AGENTCORE_39",
    ),
}


def _resources(module: dict[str, Any]) -> list[dict[str, Any]]:
    inner = [r for child in module.get("child_modules", []) for r in _resources(child)]
    return [*module.get("resources", []), *inner]


@pytest.mark.parametrize("name", MUTANTS)
def test_a_weakened_plan_is_found(name: str, production: dict[str, Any]) -> None:
    address, change, check = MUTANTS[name]
    document = copy.deepcopy(production)
    found = _resources(document["planned_values"]["root_module"])
    (resource,) = [r for r in found if f".{r['address']}".endswith(f".{address}")]
    change(resource["values"])
    assert check in {identifier for identifier, _ in _failures(document)}


def test_there_is_a_mutant_for_every_check() -> None:
    assert {check.id for check in CHECKS} - {check for _, _, check in MUTANTS.values()} == {"CKV_AGENTCORE_30"}
