"""The JWT authorizer in front of a runtime or a gateway, as `custom_jwt_authorizer` configures it.

As on AWS it decides who may knock, not who they are: every user of an allowed client passes, and the agent, the
interceptor and the tools verify the token again for themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import jwt

from local_aws.agentcore.errors import forbidden, unauthorized
from local_aws.agentcore.jwt_rules import AuthorizerConfig
from local_aws.agentcore.signing_keys import SigningKeys

LEEWAY_SECONDS: Final = 5
"""How far the issuer's clock may be from ours, for `exp`, `nbf` and `iat`."""
_MAX_TOKEN_CHARACTERS: Final = 4096  # a header value may have 4 KB on AWS


class JwtAuthorizer:
    """Admits or refuses a request by its bearer token.

    Args:
        config: The rules.
        keys: The issuer's keys.
    """

    def __init__(self, config: AuthorizerConfig, *, keys: SigningKeys) -> None:
        self._config = config
        self._keys = keys

    async def authorize(self, authorization: str | None) -> Mapping[str, Any]:
        """Check the value of an `Authorization` header.

        Returns:
            The token's claims, verified.

        Raises:
            RequestError: 401 without a valid token, 403 if it is valid but not admitted, 503 if the issuer's keys
                cannot be fetched.
        """
        if not authorization:
            raise unauthorized("A bearer token is required.")
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > _MAX_TOKEN_CHARACTERS:
            raise unauthorized("A bearer token is required.")
        claims = await self._claims(token)
        self._check_rules(claims)
        return claims

    async def _claims(self, token: str) -> Mapping[str, Any]:
        refusal = unauthorized("The token is invalid or has expired.")
        try:
            header = jwt.get_unverified_header(token)
            key_id = header.get("kid")
            if header.get("alg") != "RS256" or not isinstance(key_id, str):
                raise refusal
            found = await self._keys.find(key_id)
            if found is None:
                raise refusal
            issuer, key = found
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                issuer=issuer,
                leeway=LEEWAY_SECONDS,
                # `aud` is compared below: Cognito's access tokens have none, which PyJWT would refuse.
                options={"require": ["exp", "iss"], "verify_aud": False},
            )
        except jwt.PyJWTError:
            # Not chained: a traceback with PyJWT's message could end up in a log.
            raise refusal from None
        return claims

    def _check_rules(self, claims: Mapping[str, Any]) -> None:
        config = self._config
        client, scope, audience = claims.get("client_id"), claims.get("scope"), claims.get("aud")
        admitted = (
            (not config.allowed_clients or (isinstance(client, str) and client in config.allowed_clients))
            and (not config.allowed_audience or not config.allowed_audience.isdisjoint(_texts(audience)))
            and (not config.allowed_scopes or not config.allowed_scopes.isdisjoint(" ".join(_texts(scope)).split()))
            and all(rule.admits(claims) for rule in config.custom_claims)
        )
        if not admitted:
            raise forbidden()


def _texts(claim: Any) -> list[str]:
    """Return the strings of a claim that is one string or a list of them."""
    return [item for item in (claim if isinstance(claim, list) else [claim]) if isinstance(item, str)]
