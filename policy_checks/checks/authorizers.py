"""Who gets in: the JWT authorizer of runtimes and gateways."""

from collections.abc import Iterator
from typing import Any, Final

from policy_checks.check import Check, Severity
from policy_checks.plan import UNKNOWN, Plan, Resource, Undecided, listed

_TYPES: Final = ("aws_bedrockagentcore_agent_runtime", "aws_bedrockagentcore_gateway")
_OPERATOR: Final = ("authorizing_claim_match_value", "claim_match_operator")
_JWT: Final = ("authorizer_configuration", "custom_jwt_authorizer")


def _verified_tokens(resource: Resource, plan: Plan) -> Iterator[str]:
    if resource.type == "aws_bedrockagentcore_gateway":
        kind = resource.known("authorizer_type")
        if kind != "CUSTOM_JWT":
            yield f"authorizer_type is {kind!r}, so no token of a user is verified"
            return
    if not resource.blocks(*_JWT):
        yield "authorizer_configuration has no custom_jwt_authorizer, so no token of a user is verified"
        return
    address = resource.get(*_JWT, "discovery_url")
    if isinstance(address, str) and not address.startswith("https://"):
        yield "discovery_url is no https address, so whoever is on the way decides which keys sign"


def _clients(resource: Resource, plan: Plan) -> Iterator[str]:
    if not resource.blocks(*_JWT):
        yield "there is no custom_jwt_authorizer that could name clients"
        return
    clients = listed(resource.known(*_JWT, "allowed_clients"), what="allowed_clients")
    if not clients:
        yield "allowed_clients is empty, so tokens of every client of the user pool get in"
    elif any(client == "*" for client in clients):
        yield "allowed_clients names *, which is no client"


def _claims(resource: Resource, plan: Plan) -> Iterator[str]:
    if not resource.blocks(*_JWT):
        yield "there is no custom_jwt_authorizer that could ask for claims"
        return
    found: dict[Any, Any] = {}
    for block in resource.blocks(*_JWT, "custom_claim"):
        claim = Resource(address="", type="", name="", values=block)
        name = claim.get("inbound_token_claim_name")
        if name is UNKNOWN:
            raise Undecided("custom_claim.inbound_token_claim_name")
        found[name] = claim
    value = ("authorizing_claim_match_value", "claim_match_value")
    use = found.get("token_use")
    if use is None or use.known(*value, "match_value_string") != "access" or use.known(*_OPERATOR) != "EQUALS":
        yield "no custom_claim asks that token_use equals access, so ID tokens may get in"
    tier = found.get("tiers") or found.get("tier")
    tiers = [] if tier is None else listed(tier.known(*value, "match_value_string_list"), what="tiers")
    if tier is None or not (all(tiers) and (tiers or tier.known(*value, "match_value_string"))):
        yield "no custom_claim compares the tier with those of this deployment, so users without a tier get in"


CHECKS: Final = (
    Check(
        id="CKV_AGENTCORE_1",
        name="Runtime and gateway let in callers with a verified token only",
        severity=Severity.CRITICAL,
        why="Who calls is read from the token. Without a JWT authorizer the invoke URL, which is public, takes callers "
        "that no identity provider has seen, or IAM callers that may name any user.",
        fix="Set authorizer_type = CUSTOM_JWT (gateway) and authorizer_configuration.custom_jwt_authorizer.",
        types=_TYPES,
        rule=_verified_tokens,
    ),
    Check(
        id="CKV_AGENTCORE_2",
        name="The authorizer names the clients whose tokens it takes",
        severity=Severity.HIGH,
        why="Issuer and signature hold for every client of a user pool. Without a list, a token that was made for "
        "another application opens this one.",
        fix="Set custom_jwt_authorizer.allowed_clients to the ids of this platform's clients.",
        types=_TYPES,
        rule=_clients,
    ),
    Check(
        id="CKV_AGENTCORE_3",
        name="The authorizer asks for an access token and for a known tier",
        severity=Severity.HIGH,
        why="The authorizer checks the listed claims and nothing else: an ID token, or a user who belongs to no tier, "
        "passes unless a claim says otherwise.",
        fix="Add custom_claim for token_use EQUALS access and for tiers CONTAINS_ANY of the deployment's tiers.",
        types=_TYPES,
        rule=_claims,
    ),
)
