"""What a plan changes in settings that guard something, and what of it is wider."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.plans.summary import summarise

from .plan_support import (
    GATEWAY,
    MEMORY,
    POOL,
    RUNTIME,
    change,
    jwt,
    plan_document,
    printed,
)


def claim(name: str, *values: str) -> dict[str, Any]:
    match = [{"claim_match_operator": "CONTAINS_ANY", "claim_match_value": [{"match_value_string_list": list(values)}]}]
    return {"inbound_token_claim_name": name, "authorizing_claim_match_value": match}


def guardrail_filter(**strengths: str) -> dict[str, Any]:
    return {"content_policy_config": [{"filters_config": [{"type": "HATE", **strengths}]}]}


def about_email(action: str) -> dict[str, Any]:
    return {"sensitive_information_policy_config": [{"pii_entities_config": [{"type": "EMAIL", "action": action}]}]}


def wider(resource: str, before: dict[str, Any], after: dict[str, Any], **more: Any) -> list[str]:
    """Lines of settings that a change of a resource marks as wider."""
    summary = summarise(plan_document(change(resource, ["update"], before=before, after=after, **more)))
    changes = [c for found in summary.settings for c in found.changes]
    return [f"{line.sign} {line.text}" for c in changes for line in c.lines if line.wider]


SETTINGS: dict[str, tuple[str, dict[str, Any], dict[str, Any], list[str]]] = {
    "a client more": (
        GATEWAY,
        jwt(allowed_clients=["a"]),
        jwt(allowed_clients=["b", "a"]),
        ["+ authorizer: allowed client b"],
    ),
    "no client list": (
        RUNTIME,
        jwt(allowed_clients=["a"]),
        jwt(allowed_clients=None),
        ["- authorizer: allowed client a"],
    ),
    "a tier more": (
        RUNTIME,
        jwt(custom_claim=[claim("tiers", "basic")]),
        jwt(custom_claim=[claim("tiers", "basic", "premium")]),
        ["+ authorizer: claim tiers CONTAINS_ANY premium"],
    ),
    "a claim less": (
        RUNTIME,
        jwt(custom_claim=[claim("tiers", "basic")]),
        jwt(custom_claim=[]),
        ["- authorizer: claim tiers CONTAINS_ANY basic"],
    ),
    "no authorizer": (
        GATEWAY,
        {"authorizer_type": "CUSTOM_JWT", **jwt(allowed_clients=["a"])},
        {"authorizer_type": "NONE", "authorizer_configuration": []},
        ["+ authorizer type NONE", "- authorizer: allowed client a"],
    ),
    "policies that only log": (
        GATEWAY,
        {"policy_engine_configuration": [{"arn": "e", "mode": "ENFORCE"}]},
        {"policy_engine_configuration": [{"arn": "e", "mode": "LOG_ONLY"}]},
        ["+ policy engine mode LOG_ONLY"],
    ),
    "no policy engine": (
        GATEWAY,
        {"policy_engine_configuration": [{"arn": "e", "mode": "ENFORCE"}]},
        {"policy_engine_configuration": []},
        ["- policy engine mode ENFORCE", "- policy engine e"],
    ),
    "no interceptor": (
        GATEWAY,
        {
            "interceptor_configuration": [
                {"interception_points": ["REQUEST"], "interceptor": [{"lambda": [{"arn": "f"}]}]}
            ]
        },
        {"interceptor_configuration": []},
        ["- interception of REQUEST"],
    ),
    "a header more": (
        RUNTIME,
        {"request_header_configuration": [{"request_header_allowlist": ["Authorization"]}]},
        {"request_header_configuration": [{"request_header_allowlist": ["Authorization", "X-Clinic"]}]},
        ["+ allowed header X-Clinic"],
    ),
    "a weaker filter": (
        "aws_bedrock_guardrail.a",
        {
            "content_policy_config": [
                {"filters_config": [{"type": "HATE", "input_strength": "HIGH", "output_strength": "LOW"}]}
            ]
        },
        {
            "content_policy_config": [
                {"filters_config": [{"type": "HATE", "input_strength": "LOW", "output_strength": "LOW"}]}
            ]
        },
        ["+ filter HATE input LOW"],
    ),
    "a word less, and masked in place of blocked": (
        "aws_bedrock_guardrail.a",
        {
            "word_policy_config": [{"words_config": [{"text": "w"}]}],
            "sensitive_information_policy_config": [{"pii_entities_config": [{"type": "EMAIL", "action": "BLOCK"}]}],
        },
        {
            "word_policy_config": [],
            "sensitive_information_policy_config": [
                {"pii_entities_config": [{"type": "EMAIL", "action": "ANONYMIZE"}]}
            ],
        },
        ["+ information EMAIL ANONYMIZE", "- guards word w"],
    ),
    "passwords without MFA": (
        POOL,
        {"mfa_configuration": "ON", "deletion_protection": "ACTIVE"},
        {"mfa_configuration": "OPTIONAL", "deletion_protection": "INACTIVE"},
        ["+ MFA OPTIONAL", "+ deletion protection INACTIVE"],
    ),
    "another way to sign in": (
        "aws_cognito_user_pool_client.a",
        {"explicit_auth_flows": ["ALLOW_USER_SRP_AUTH"], "access_token_validity": 5},
        {"explicit_auth_flows": ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH"], "access_token_validity": 60},
        ["+ way to sign in ALLOW_USER_PASSWORD_AUTH", "+ access token lives 60"],
    ),
    "events kept shorter": (
        MEMORY,
        {"event_expiry_duration": 90, "encryption_key_arn": "k"},
        {"event_expiry_duration": 7, "encryption_key_arn": None},
        ["+ events kept (days) 7", "- key k"],
    ),
    "a public bucket": (
        "aws_s3_bucket_public_access_block.a",
        {"block_public_policy": True},
        {"block_public_policy": False},
        ["+ block public policy false"],
    ),
    "a table that can go": (
        "aws_dynamodb_table.a",
        {"deletion_protection_enabled": True, "point_in_time_recovery": [{"enabled": True}]},
        {"deletion_protection_enabled": False, "point_in_time_recovery": []},
        ["+ deletion protection false", "- point-in-time recovery true"],
    ),
}


@pytest.mark.parametrize("case", sorted(SETTINGS))
def test_a_wider_setting_is_marked_and_its_reverse_is_not(case: str) -> None:
    resource, before, after, lines = SETTINGS[case]
    assert wider(resource, before, after) == lines
    if case != "no authorizer":  # a first client list says nothing of what was open before
        assert wider(resource, after, before) == []


def test_what_opens_another_resource_shows_when_it_comes_and_what_shuts_one_when_it_goes() -> None:
    rule = change("aws_vpc_security_group_ingress_rule.a", ["create"], after={"cidr_ipv4": "0.0.0.0/0"})
    url = change("aws_lambda_function_url.a", ["create"], after={"function_name": "f", "authorization_type": "NONE"})
    shutter = change("aws_s3_bucket_public_access_block.a", ["delete"], before={"block_public_policy": True})
    said = printed(rule, url, shutter)
    assert "+ ingress cidr ipv4 0.0.0.0/0  <- wider" in said
    assert "+ URL of function f  <- wider" in said
    assert "- block public policy true  <- wider" in said
    assert "0.0.0.0/0" not in printed(rule, there=False)


def test_what_a_reviewer_must_look_at_is_shown_without_a_hint() -> None:
    said = printed(
        change(GATEWAY, ["update"], before=jwt(discovery_url="https://a"), after=jwt(discovery_url="https://b")),
        change(
            "aws_bedrockagentcore_agent_runtime_endpoint.this",
            ["update"],
            before={"agent_runtime_version": "1"},
            after={"agent_runtime_version": "2"},
        ),
    )
    assert "    - authorizer: discovery URL https://a\n    + authorizer: discovery URL https://b" in said
    assert "    - serves version 1\n    + serves version 2" in said
    assert "<- wider" not in said


def test_an_unknown_setting_is_shown_as_unknown_and_not_called_wider() -> None:
    resource = change(
        GATEWAY,
        ["update"],
        before=jwt(allowed_clients=["a"]),
        after=jwt(),
        after_unknown={"authorizer_configuration": [{"custom_jwt_authorizer": [{"allowed_clients": True}]}]},
    )
    said = printed(resource)
    assert "+ authorizer: allowed client (known after the apply)" in said
    assert "<- wider" not in said
