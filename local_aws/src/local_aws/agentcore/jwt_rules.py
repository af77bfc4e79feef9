"""Which tokens an authorizer admits, read from a recorded `authorizer_configuration` block."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from local_aws.agentcore.errors import InvalidConfigError
from local_aws.agentcore.reader import Reader

_UNCHECKED: Final = ("allowed_workload_configuration", "private_endpoint", "private_endpoint_overrides")
"""Refused rather than ignored: a rule that only AWS enforces would make the laptop admit more than AWS does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRule:
    """One `custom_claim`: the token's claim has to be a string, or a list that holds one of these strings."""

    name: str
    is_list: bool
    accepted: frozenset[str]

    def admits(self, claims: Mapping[str, Any]) -> bool:
        """Tell whether a token with these claims passes."""
        value = claims.get(self.name)
        if not self.is_list:
            return isinstance(value, str) and value in self.accepted
        return isinstance(value, list) and any(isinstance(item, str) and item in self.accepted for item in value)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizerConfig:
    """`authorizer_configuration.custom_jwt_authorizer`; an empty set means that the field is not checked."""

    discovery_url: str
    allowed_clients: frozenset[str] = frozenset()
    allowed_audience: frozenset[str] = frozenset()
    allowed_scopes: frozenset[str] = frozenset()
    custom_claims: tuple[ClaimRule, ...] = ()


def parse_authorizer(block: Reader) -> AuthorizerConfig:
    """Read an `authorizer_configuration` block, as Terraform writes it: as objects or as lists of one.

    Raises:
        InvalidConfigError: If it is incomplete, has a field that is not checked here, or would admit everybody.
    """
    authorizer = block.object("custom_jwt_authorizer")
    for name in _UNCHECKED:
        if authorizer.has(name):
            raise InvalidConfigError(field=f"{authorizer.path}.{name}", problem="is not checked on the laptop")
    url = authorizer.text("discovery_url")
    if not re.fullmatch(r"https?://[^?#]+/\.well-known/openid-configuration", url):
        problem = f"{url!r} has to end in /.well-known/openid-configuration, with no query and no fragment"
        raise InvalidConfigError(field=f"{authorizer.path}.discovery_url", problem=problem)
    config = AuthorizerConfig(
        discovery_url=url,
        allowed_clients=frozenset(authorizer.texts("allowed_clients", optional=True)),
        allowed_audience=frozenset(authorizer.texts("allowed_audience", optional=True)),
        allowed_scopes=frozenset(authorizer.texts("allowed_scopes", optional=True)),
        custom_claims=tuple(_claim_rule(rule) for rule in authorizer.objects("custom_claim")),
    )
    if not (config.allowed_clients or config.allowed_audience or config.allowed_scopes or config.custom_claims):
        raise InvalidConfigError(field=authorizer.path, problem="admits every token of the issuer; name a rule")
    return config


def _claim_rule(rule: Reader) -> ClaimRule:
    kind = rule.text("inbound_token_claim_value_type")
    match = rule.object("authorizing_claim_match_value")
    operator, value = match.text("claim_match_operator"), match.object("claim_match_value")
    if (kind, operator) not in {("STRING", "EQUALS"), ("STRING_ARRAY", "CONTAINS"), ("STRING_ARRAY", "CONTAINS_ANY")}:
        problem = f"{operator!r} does not go with {kind!r}"
        raise InvalidConfigError(field=f"{match.path}.claim_match_operator", problem=problem)
    accepted = (
        value.texts("match_value_string_list") if operator == "CONTAINS_ANY" else [value.text("match_value_string")]
    )
    return ClaimRule(
        name=rule.text("inbound_token_claim_name"), is_list=kind == "STRING_ARRAY", accepted=frozenset(accepted)
    )
