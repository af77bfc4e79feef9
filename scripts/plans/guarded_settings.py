"""Arguments that decide who gets in, what is checked and what is protected; and which way of them is the wider one.

Policies are compared in `statement_diff.py`. Here is everything else that a reviewer of security has to see:
authorizers, header allowlists, the policy engine's mode, guardrails, sign-in, and what keeps data from being lost.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from scripts.plans.statement_diff import Line

Values = Mapping[str, Any]
Kind = Literal["limits", "opens", "guards", "present", "rank", "lifetime", "retention", "watch"]
"""What a change of values means.

    limits     a list that only lets in what it names: one more is wider, and so is none, which checks nothing
    opens      a list of what is open: one more is wider
    guards     a list of what is refused or checked: one less is wider
    present    a guard of which another may take the place: none at all is wider
    rank       values from the weakest to the strongest
    lifetime   a number: more is wider
    retention  a number: less loses data or time to undo
    watch      a reviewer has to look; no way of it is wider for certain
"""

UNKNOWN: Final = "(known after the apply)"
"""Stands for a planned value that only the apply knows."""
_NONE: Final = "NONE"
_STRENGTHS: Final = (_NONE, "LOW", "MEDIUM", "HIGH")
_ACTIONS: Final = (_NONE, "ANONYMIZE", "BLOCK")
_SWITCH: Final = ("false", "true")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One argument, or what is read out of several."""

    label: str
    kind: Kind
    read: Callable[[Values], Any]  # a scalar, a list, or None where it is not set
    ranks: Sequence[str] = ()  # of kind rank, weakest first


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChange:
    """How one changes."""

    label: str
    lines: tuple[Line, ...]
    wider: bool


OPENINGS: Final = frozenset(
    {"aws_lambda_function_url", "aws_vpc_security_group_egress_rule", "aws_vpc_security_group_ingress_rule"}
)
"""Types of which a new resource opens another that is there already."""
SHUTTERS: Final = frozenset({"aws_s3_bucket_public_access_block"})
"""Types of which a resource that goes opens another."""


def at(values: Any, path: str) -> Any:
    """Follow a dotted path through blocks, whose first element counts; a text in the way is what is there."""
    for name in path.split("."):
        if isinstance(values, list):
            values = values[0] if values else None
        if isinstance(values, str):  # unknown or sensitive as a whole
            return values
        values = values.get(name) if isinstance(values, Mapping) else None
    return values


def compare(resource_type: str, before: Values, after: Values) -> list[SettingChange]:
    """Compare what is guarded of a resource that is there before and after.

    Args:
        resource_type: Of Terraform.
        before: Its values; what is sensitive is a text that says so.
        after: Its planned values; what is not known yet is a text that says so.
    """
    found = []
    for setting in _settings(resource_type, before, after):
        old, new = setting.read(before), setting.read(after)
        change = _compare(setting, _listed(old), _listed(new))
        if change.lines:
            found.append(change)
    return found


def _listed(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(sorted({_text(item) for item in value}))
    return (_text(value),)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _compare(setting: Setting, old: Sequence[str], new: Sequence[str]) -> SettingChange:
    gone, added = [v for v in old if v not in new], [v for v in new if v not in old]
    told = UNKNOWN not in new  # what is not known yet may be what was there
    minus = plus = False
    match setting.kind:
        case "limits":
            # From nothing, everything was let in before.
            minus, plus = bool(old and not new), bool(old and added and told)
        case "opens":
            plus = bool(added) and told
        case "guards":
            minus = bool(gone) and told
        case "present":
            minus = bool(old and not new)
        case "rank":
            plus = _rank(setting, new) < _rank(setting, old)
            minus = plus and not new
        case "lifetime" | "retention":
            ours, theirs = _number(old), _number(new)
            if ours is not None and theirs is not None:
                plus = theirs > ours if setting.kind == "lifetime" else theirs < ours
        case "watch":
            pass
    lines = [Line(sign="-", text=f"{setting.label} {value}", wider=minus) for value in gone]
    lines += [Line(sign="+", text=f"{setting.label} {value}", wider=plus) for value in added]
    return SettingChange(label=setting.label, lines=tuple(lines), wider=any(line.wider for line in lines))


def _rank(setting: Setting, values: Sequence[str]) -> int:
    value = values[0] if values else setting.ranks[0]
    return setting.ranks.index(value) if value in setting.ranks else len(setting.ranks)  # unknown yet: not weaker


def _number(values: Sequence[str]) -> float | None:
    try:
        return float(values[0]) if values else None
    except ValueError:
        return None


def _plain(label: str, kind: Kind, path: str, ranks: Sequence[str] = ()) -> Setting:
    return Setting(label=label, kind=kind, read=lambda values: at(values, path), ranks=ranks)


_JWT: Final = "authorizer_configuration.custom_jwt_authorizer"
_AUTHORIZER: Final = (
    _plain("authorizer: discovery URL", "watch", f"{_JWT}.discovery_url"),
    _plain("authorizer: allowed client", "limits", f"{_JWT}.allowed_clients"),
    _plain("authorizer: allowed audience", "limits", f"{_JWT}.allowed_audience"),
    _plain("authorizer: allowed scope", "limits", f"{_JWT}.allowed_scopes"),
)
_SETTINGS: Final[Mapping[str, Sequence[Setting]]] = {
    "aws_bedrockagentcore_agent_runtime": (
        *_AUTHORIZER,
        _plain("allowed header", "opens", "request_header_configuration.request_header_allowlist"),
        _plain("network mode", "watch", "network_configuration.network_mode"),
        _plain("role", "watch", "role_arn"),
        Setting(label="bundle", kind="watch", read=lambda values: _bundle(values)),
        _plain("idle time-out (s)", "lifetime", "lifecycle_configuration.idle_runtime_session_timeout"),
        _plain("longest life (s)", "lifetime", "lifecycle_configuration.max_lifetime"),
    ),
    "aws_bedrockagentcore_agent_runtime_endpoint": (_plain("serves version", "watch", "agent_runtime_version"),),
    "aws_bedrockagentcore_gateway": (
        _plain("authorizer type", "rank", "authorizer_type", ("NONE", "AWS_IAM", "CUSTOM_JWT")),
        *_AUTHORIZER,
        _plain("policy engine mode", "rank", "policy_engine_configuration.mode", ("", "LOG_ONLY", "ENFORCE")),
        _plain("policy engine", "present", "policy_engine_configuration.arn"),
        Setting(label="interception of", kind="guards", read=lambda values: _interceptors(values, "point")),
        Setting(label="interceptor", kind="watch", read=lambda values: _interceptors(values, "function")),
        _plain("role", "watch", "role_arn"),
        _plain("error detail", "opens", "exception_level"),
        _plain("key", "present", "kms_key_arn"),
    ),
    "aws_bedrockagentcore_gateway_target": (
        _plain("header to the target", "opens", "metadata_configuration.allowed_request_headers"),
        _plain("query parameter to the target", "opens", "metadata_configuration.allowed_query_parameters"),
        _plain("header from the target", "opens", "metadata_configuration.allowed_response_headers"),
        _plain("function", "watch", "target_configuration.mcp.lambda.lambda_arn"),
    ),
    "aws_bedrockagentcore_policy": (
        _plain("validation", "rank", "validation_mode", ("IGNORE_ALL_FINDINGS", "FAIL_ON_ANY_FINDINGS")),
    ),
    "aws_bedrockagentcore_memory": (
        _plain("events kept (days)", "retention", "event_expiry_duration"),
        _plain("key", "present", "encryption_key_arn"),
    ),
    "aws_bedrockagentcore_memory_strategy": (
        _plain("namespace", "watch", "namespaces"),
        _plain("namespace", "watch", "namespace_templates"),
    ),
    "aws_cognito_user_pool": (
        _plain("MFA", "rank", "mfa_configuration", ("OFF", "OPTIONAL", "ON")),
        _plain("deletion protection", "rank", "deletion_protection", ("INACTIVE", "ACTIVE")),
        _plain(
            "administrators alone create users",
            "rank",
            "admin_create_user_config.allow_admin_create_user_only",
            _SWITCH,
        ),
        _plain("claims function", "watch", "lambda_config.pre_token_generation_config.lambda_arn"),
        _plain("shortest password", "retention", "password_policy.minimum_length"),
    ),
    "aws_cognito_user_pool_client": (
        _plain("way to sign in", "opens", "explicit_auth_flows"),
        _plain("OAuth flow", "opens", "allowed_oauth_flows"),
        _plain("OAuth scope", "opens", "allowed_oauth_scopes"),
        _plain("call-back URL", "opens", "callback_urls"),
        _plain("attribute that users may write", "opens", "write_attributes"),
        _plain("access token lives", "lifetime", "access_token_validity"),
        _plain("refresh token lives", "lifetime", "refresh_token_validity"),
        _plain("tokens can be revoked", "rank", "enable_token_revocation", _SWITCH),
    ),
    "aws_dynamodb_table": (
        _plain("deletion protection", "rank", "deletion_protection_enabled", _SWITCH),
        _plain("point-in-time recovery", "rank", "point_in_time_recovery.enabled", _SWITCH),
        _plain("key", "watch", "server_side_encryption.kms_key_arn"),
        _plain("time to live attribute", "watch", "ttl.attribute_name"),
    ),
    "aws_iam_role": (
        _plain("permissions boundary", "present", "permissions_boundary"),
        _plain("longest session (s)", "lifetime", "max_session_duration"),
    ),
    "aws_kms_key": (
        _plain("rotation", "rank", "enable_key_rotation", _SWITCH),
        _plain("enabled", "rank", "is_enabled", _SWITCH),
        _plain("days until a deletion", "retention", "deletion_window_in_days"),
    ),
    "aws_s3_bucket": (_plain("deleted with its objects", "opens", "force_destroy"),),
    "aws_s3_bucket_public_access_block": tuple(
        _plain(name.replace("_", " "), "rank", name, _SWITCH)
        for name in ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    ),
    "aws_s3_bucket_versioning": (
        _plain("versions", "rank", "versioning_configuration.status", ("Disabled", "Suspended", "Enabled")),
    ),
    "aws_cloudwatch_log_group": (
        _plain("logs kept (days)", "retention", "retention_in_days"),
        _plain("key", "present", "kms_key_id"),
    ),
    **{
        f"aws_vpc_security_group_{way}_rule": tuple(
            _plain(f"{way} {kind.replace('_', ' ')}", "opens", kind)
            for kind in ("cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id")
        )
        for way in ("ingress", "egress")
    },
    "aws_lambda_function_url": (
        _plain("URL of function", "opens", "function_name"),
        _plain("authorization", "rank", "authorization_type", ("NONE", "AWS_IAM")),
    ),
    "aws_lambda_function": (
        _plain("role", "watch", "role"),
        _plain("code (SHA-256)", "watch", "source_code_hash"),
        _plain("code", "watch", "s3_key"),
    ),
}


def _settings(resource_type: str, before: Values, after: Values) -> Iterator[Setting]:
    yield from _SETTINGS.get(resource_type, ())
    if resource_type in ("aws_bedrockagentcore_agent_runtime", "aws_bedrockagentcore_gateway"):
        for name in sorted({*_claims(before), *_claims(after)}):
            yield Setting(label=f"authorizer: claim {name}", kind="limits", read=partial(_claim, name))
    if resource_type == "aws_bedrock_guardrail":
        for label, ranks in sorted(_guardrail(before).ranked() | _guardrail(after).ranked()):
            yield Setting(label=label, kind="rank", read=partial(_guardrail_rank, label), ranks=ranks)
        yield Setting(label="guards", kind="guards", read=lambda values: _guardrail(values).entries)


def _claim(name: str, values: Values) -> list[str] | None:
    return _claims(values).get(name)


def _guardrail_rank(label: str, values: Values) -> str | None:
    return _guardrail(values).ranks.get(label)


def _claims(values: Values) -> dict[str, list[str]]:
    """Values that each claim of a token must have, by operator and name of the claim."""
    claims = at(values, f"{_JWT}.custom_claim")
    if isinstance(claims, str):
        return {"(all)": [claims]}
    found: dict[str, list[str]] = {}
    for claim in claims or []:
        operator = at(claim, "authorizing_claim_match_value.claim_match_operator")
        value = at(claim, "authorizing_claim_match_value.claim_match_value")
        if isinstance(value, str):
            wanted: Any = value
        else:
            wanted = at(value, "match_value_string") or at(value, "match_value_string_list")
        found[f"{claim.get('inbound_token_claim_name')} {operator}"] = list(_listed(wanted))
    return found


def _bundle(values: Values) -> list[Any]:
    paths = ("code_configuration.code.s3.prefix", "container_configuration.container_uri")
    found = [at(values, f"agent_runtime_artifact.{path}") for path in paths]
    return [value for value in found if value is not None]


def _interceptors(values: Values, what: Literal["point", "function"]) -> list[str] | str:
    configured = values.get("interceptor_configuration")
    if isinstance(configured, str):
        return configured
    return [
        point if what == "point" else str(at(entry, "interceptor.lambda.arn"))
        for entry in configured or []
        for point in entry.get("interception_points") or []
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Guardrail:
    ranks: Mapping[str, str]  # strength or action by what it is for
    entries: Sequence[str]  # what is refused besides

    def ranked(self) -> set[tuple[str, Sequence[str]]]:
        return {(label, _STRENGTHS if label.startswith("filter") else _ACTIONS) for label in self.ranks}


def _guardrail(values: Values) -> _Guardrail:
    ranks: dict[str, str] = {}
    entries: list[str] = []
    for entry in _entries(values, "content_policy_config", "filters_config", entries):
        for side in ("input", "output"):
            ranks[f"filter {entry.get('type')} {side}"] = str(entry.get(f"{side}_strength"))
    for entry in _entries(values, "sensitive_information_policy_config", "pii_entities_config", entries):
        ranks[f"information {entry.get('type')}"] = str(entry.get("action"))
    for entry in _entries(values, "sensitive_information_policy_config", "regexes_config", entries):
        ranks[f"information pattern {entry.get('name')}"] = str(entry.get("action"))
        entries.append(f"pattern {entry.get('name')}: {entry.get('pattern')}")
    for block, inner, word, name in (
        ("word_policy_config", "words_config", "word", "text"),
        ("word_policy_config", "managed_word_lists_config", "word list", "type"),
        ("topic_policy_config", "topics_config", "topic", "name"),
    ):
        entries += [f"{word} {entry.get(name)}" for entry in _entries(values, block, inner, entries)]
    for entry in _entries(values, "contextual_grounding_policy_config", "filters_config", entries):
        entries.append(f"grounding {entry.get('type')} from {entry.get('threshold')}")
    return _Guardrail(ranks=ranks, entries=tuple(entries))


def _entries(values: Values, block: str, inner: str, unread: list[str]) -> list[Mapping[str, Any]]:
    """Inner blocks; a text in their place goes to the entries."""
    found = at(values, f"{block}.{inner}")
    if isinstance(found, str):
        unread.append(f"{block}: {found}")
        return []
    return list(found or [])
