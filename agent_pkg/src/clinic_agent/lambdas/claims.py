"""Pre-token-generation trigger (V2): writes `tier`, `clinic_id` and `tiers` into the access token, from the registry.

Neither user attributes nor what the client sends (`clientMetadata`) is looked at.
"""

import logging
import os
from functools import lru_cache
from typing import Any

import boto3

from clinic_agent.aws_errors import AWS_ERRORS, error_code
from clinic_agent.contract import check_contract
from clinic_agent.keys import InvalidKey
from clinic_agent.lambdas.registry import CLIENT_CONFIG, NotActive, Registry

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

check_contract(os.environ)  # when the function starts: on a platform of another contract it takes no request


class SignInRefused(Exception):
    """Ends the sign-in; Cognito shows the message to the user."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer Cognito's trigger event. Source: Cognito developer guide, "Pre token generation", event version 2.

    Raises:
        SignInRefused: If the user has no active membership in an active clinic; Cognito then issues no token.
    """
    return add_claims(event, _registry())


def add_claims(event: dict[str, Any], registry: Registry) -> dict[str, Any]:
    """Put the claims of the user's membership into the answer.

    Raises:
        SignInRefused: As `handler`.
    """
    user_id = event.get("request", {}).get("userAttributes", {}).get("sub")
    try:
        membership = registry.active_membership(user_id)
    except (NotActive, InvalidKey):
        logger.warning("trigger=<%s> | sign-in refused", event.get("triggerSource"))
        raise SignInRefused("Your account is not active. Ask your administrator.") from None
    except AWS_ERRORS as error:
        logger.error("error=<%s> | registry cannot be read", error_code(error))
        raise SignInRefused("Sign-in is not possible at the moment. Try again shortly.") from None
    claims = {
        "tier": membership.tier,
        "clinic_id": membership.clinic_id,
        # The same as a list, for AgentCore's authorizers: they compare a string with one value only, a list with any of
        # several.
        "tiers": [membership.tier],
    }
    event["response"] = {
        "claimsAndScopeOverrideDetails": {
            "accessTokenGeneration": {"claimsToAddOrOverride": claims},
            # An ID token is no credential here; it carries no tenant.
            "idTokenGeneration": {"claimsToSuppress": list(claims)},
        }
    }
    return event


@lru_cache(maxsize=1)
def _registry() -> Registry:
    return Registry(client=boto3.client("dynamodb", config=CLIENT_CONFIG), table=os.environ["REGISTRY_TABLE"])
