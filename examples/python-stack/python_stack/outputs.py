"""Outputs of an environment, with the names that the HCL root gives them: programs take either."""

from typing import Any, Final

from cdktn import Precondition

from python_stack.expressions import expression

_OF_VARIABLES: Final = ("environment", "production", "region", "account_id", "name_prefix")
_OF_FOUNDATION: Final = (
    "user_pool_id",
    "client_id",
    "issuer",
    "discovery_url",
    "jwks_url",
    "roles",
    "tables",
    "functions",
    "guardrails",
    "tenant_role_policy",
    "tenant_role_trust_policy",
)
_OF_AGENTCORE: Final = ("gateway", "runtime", "newest_version", "memories", "policy_engine_arn", "policies")
_SUFFIX: Final = 'var.partition == "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com"'
_INVOCATIONS: Final = (
    f'"https://bedrock-agentcore.${{var.region}}.${{{_SUFFIX}}}'
    '/runtimes/${urlencode(module.agentcore.runtime.arn)}/invocations?qualifier=%s"'
)


def outputs() -> dict[str, dict[str, Any]]:
    """Arguments of each output, by name."""
    values: dict[str, str] = {
        **{name: f"var.{name}" for name in _OF_VARIABLES},
        **{name: f"module.foundation.{name}" for name in _OF_FOUNDATION},
        **{name: f"module.agentcore.{name}" for name in _OF_AGENTCORE},
        "sign_in_url": (
            "length(var.callback_urls) == 0 ? null : "
            '"https://${var.name_prefix}-${var.account_id}.auth.${var.region}.amazoncognito.com"'
        ),
        "runtime_url": _INVOCATIONS % "live",
        "runtime_urls": (
            f"{{ for name in keys(module.agentcore.runtime.endpoints) : name => {_INVOCATIONS % '${name}'} }}"
        ),
        "candidate_share_percent": "var.release.candidate_share_percent",
        "gateway_url": "module.agentcore.gateway.url",
        "agent_version": "var.release.agent_version",
        "contract_version": "module.contract.version",
        "buckets": "merge(module.foundation.buckets, { artifacts = var.artifacts_bucket })",
        "keys": (
            "{ platform = one(module.encryption[*].platform_key_arn), "
            "guardrails = one(module.encryption[*].guardrail_key_arn) }"
        ),
        "tools": "module.catalog.tools",
        "dashboard_url": "module.observability.dashboard_url",
        "alarm_names": (
            "{ tiers = module.observability.alarm_names, platform = module.observability.platform_alarm_names }"
        ),
    }
    made: dict[str, dict[str, Any]] = {name: {"value": expression(text)} for name, text in values.items()}
    made["contract_version"]["precondition"] = Precondition(
        condition=expression("var.release.contract_version == module.contract.version"),
        error_message=(
            "release.contract_version: must be ${module.contract.version}, which this platform offers; publish an "
            "agent of that contract, or apply a platform of the agent's; got ${var.release.contract_version}."
        ),
    )
    return made
