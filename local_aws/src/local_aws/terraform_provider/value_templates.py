"""What AWS assigns, by type: ids and ARNs in the form of the service model.

A template may use the resource's own texts and the values above it, besides `{partition}`, `{region}`, `{account}`,
`{domain}` and, derived from the type and the naming arguments, `{lower10}`, `{mixed10}`, `{upper17}` and `{uuid}`. A
name that is no attribute of the type is a helper for the lines below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_AGENTCORE: Final = "arn:{partition}:bedrock-agentcore:{region}:{account}:"
_WORKLOAD: Final = _AGENTCORE + "workload-identity-directory/default/workload-identity/"

RESOURCES: Final[Mapping[str, Mapping[str, Any]]] = {
    "aws_bedrock_guardrail": {
        "guardrail_id": "{lower10:.10}{lower10:.2}",
        "guardrail_arn": "arn:{partition}:bedrock:{region}:{account}:guardrail/{guardrail_id}",
        "version": "DRAFT",
        "status": "READY",
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    },
    "aws_bedrock_guardrail_version": {"version": "1"},
    "aws_bedrockagentcore_agent_runtime": {
        "agent_runtime_id": "{agent_runtime_name}-{mixed10}",
        "agent_runtime_arn": _AGENTCORE + "runtime/{agent_runtime_id}",
        "workload_identity_details": [{"workload_identity_arn": _WORKLOAD + "{agent_runtime_id}"}],
        "lifecycle_configuration": [{"idle_runtime_session_timeout": 900, "max_lifetime": 28800}],
        "platform_version": "V2",
    },
    "aws_bedrockagentcore_agent_runtime_endpoint": {
        "agent_runtime_arn": _AGENTCORE + "runtime/{agent_runtime_id}",
        "agent_runtime_version": "1",
        "agent_runtime_endpoint_arn": "{agent_runtime_arn}/runtime-endpoint/{name}",
    },
    "aws_bedrockagentcore_gateway": {
        "gateway_id": "{lower_name}-{lower10}",
        "gateway_arn": _AGENTCORE + "gateway/{gateway_id}",
        "gateway_url": "https://{gateway_id}.gateway.bedrock-agentcore.{region}.{domain}/mcp",
        "protocol_type": "MCP",
        "workload_identity_details": [{"workload_identity_arn": _WORKLOAD + "{gateway_id}"}],
    },
    "aws_bedrockagentcore_gateway_target": {"target_id": "{mixed10}"},
    "aws_bedrockagentcore_memory": {"id": "{name}-{mixed10}", "arn": _AGENTCORE + "memory/{id}"},
    "aws_bedrockagentcore_memory_strategy": {"memory_strategy_id": "{name}-{mixed10}"},
    "aws_bedrockagentcore_policy_engine": {
        "policy_engine_id": "{name}-{lower10}",
        "policy_engine_arn": _AGENTCORE + "policy-engine/{policy_engine_id}",
    },
    "aws_bedrockagentcore_policy": {
        "policy_id": "{name}-{lower10}",
        "policy_arn": _AGENTCORE + "policy-engine/{policy_engine_id}/policy/{policy_id}",
    },
    "aws_bedrockagentcore_workload_identity": {"workload_identity_arn": _WORKLOAD + "{name}"},
    "aws_api_gateway_rest_api": {
        "id": "{lower10}",
        "root_resource_id": "{lower10:.9}",
        "arn": "arn:{partition}:apigateway:{region}::/restapis/{id}",
        "execution_arn": "arn:{partition}:execute-api:{region}:{account}:{id}",
    },
    "aws_cloudwatch_log_group": {
        "id": "{name}",
        "arn": "arn:{partition}:logs:{region}:{account}:log-group:{name}",
    },
    "aws_cognito_user_pool": {
        "id": "{region}_{mixed10:.9}",
        "arn": "arn:{partition}:cognito-idp:{region}:{account}:userpool/{id}",
        "endpoint": "cognito-idp.{region}.{domain}/{id}",
    },
    "aws_cognito_user_pool_client": {"id": "{lower10}{lower10}{lower10:.6}"},
    "aws_dynamodb_table": {"id": "{name}", "arn": "arn:{partition}:dynamodb:{region}:{account}:table/{name}"},
    "aws_iam_policy": {
        "path": "/",
        "arn": "arn:{partition}:iam::{account}:policy{path}{name}",
        "id": "{arn}",
        "policy_id": "ANPA{upper17}",
    },
    "aws_iam_role": {
        "id": "{name}",
        "path": "/",
        "arn": "arn:{partition}:iam::{account}:role{path}{name}",
        "unique_id": "AROA{upper17}",
    },
    "aws_iam_role_policy": {"id": "{role}:{name}"},
    "aws_kms_alias": {
        "id": "{name}",
        "arn": "arn:{partition}:kms:{region}:{account}:{name}",
        "target_key_arn": "arn:{partition}:kms:{region}:{account}:key/{target_key_id}",
    },
    "aws_kms_key": {
        "key_id": "{uuid}",
        "id": "{uuid}",
        "arn": "arn:{partition}:kms:{region}:{account}:key/{uuid}",
    },
    "aws_lambda_function": {
        "id": "{function_name}",
        "arn": "arn:{partition}:lambda:{region}:{account}:function:{function_name}",
        "version": "$LATEST",
        "qualified_arn": "{arn}:{version}",
        "code_sha256": "{source_code_hash}",
        "last_modified": "2026-01-01T00:00:00.000+0000",
        "invoke_arn": "arn:{partition}:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations",
    },
    "aws_s3_bucket": {
        "id": "{bucket}",
        "arn": "arn:{partition}:s3:::{bucket}",
        "bucket_domain_name": "{bucket}.s3.{domain}",
        "bucket_regional_domain_name": "{bucket}.s3.{region}.{domain}",
        "bucket_region": "{region}",
    },
    "aws_secretsmanager_secret": {
        "arn": "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-{mixed10:.6}",
        "id": "{arn}",
    },
}
DATA_SOURCES: Final[Mapping[str, Mapping[str, Any]]] = {
    "aws_caller_identity": {
        "account_id": "{account}",
        "id": "{account}",
        "user_id": "AIDA{upper17}",
        "arn": "arn:{partition}:iam::{account}:user/recording",
    },
    "aws_iam_policy_document": {"id": "{lower10}"},
    "aws_kms_alias": {
        "id": "arn:{partition}:kms:{region}:{account}:{name}",
        "arn": "{id}",
        "target_key_id": "{uuid}",
        "target_key_arn": "arn:{partition}:kms:{region}:{account}:key/{uuid}",
    },
    "aws_partition": {
        "partition": "{partition}",
        "id": "{partition}",
        "dns_suffix": "{domain}",
        "reverse_dns_prefix": "com.amazonaws",
    },
    "aws_region": {
        "id": "{region}",
        "name": "{region}",
        "region": "{region}",
        "description": "{region}",
        "endpoint": "ec2.{region}.{domain}",
    },
}
"""The data sources that can be answered without an account; any other is refused."""

COUNTERS: Final[Mapping[str, str]] = {"aws_bedrockagentcore_agent_runtime": "agent_runtime_version"}
"""Attributes that an update gives the number after the previous one."""
FOLLOWERS: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "aws_lambda_function": (
        frozenset({"image_uri", "s3_bucket", "s3_key", "s3_object_version", "source_code_hash"}),
        frozenset({"code_sha256", "last_modified"}),
    )
}
"""Attributes that AWS assigns anew whenever one of some arguments changes."""
MIRRORS: Final[Mapping[str, tuple[str, str]]] = {
    "aws_bedrockagentcore_memory_strategy": ("namespaces", "namespace_templates")
}
"""Two names of one argument: whichever is given, the other shows the same value."""
