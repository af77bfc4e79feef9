"""Verification of Cognito access tokens: the only way into a `TenantContext`."""

import base64
import json
from dataclasses import dataclass
from typing import Any, Final

import jwt

from clinic_agent.errors import NotAuthenticated, Unavailable
from clinic_agent.identity.context import TenantContext
from clinic_agent.identity.signing_keys import KeySource, KeysUnavailable
from clinic_agent.keys import InvalidKey, check_clinic_id, check_tier, check_user_id

LEEWAY_SECONDS: Final = 10
"""How far clocks may differ when `exp`, `iat` and `nbf` are checked."""
MAX_TOKEN_CHARS: Final = 8192
"""Longest token looked at; Cognito's are about 1,100. AgentCore passes header values up to 4 KB on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer:
    """Whose tokens are accepted."""

    issuer: str  # exact value of the claim iss
    client_id: str  # exact value of the claim client_id (access tokens of Cognito have no aud)


class TokenVerifier:
    """Turns an access token into the `TenantContext` of its signer, or refuses it.

    All refusals look alike from outside: which check failed is of no use to an honest caller.
    """

    def __init__(self, trusted: TrustedIssuer, keys: KeySource) -> None:
        self._trusted = trusted
        self._keys = keys
        self._jwt = _StrictJwt()

    def verify(self, token: str) -> TenantContext:
        """Verify a token: RS256 signature, issuer, client, use, times, and the grammar of the claims.

        Args:
            token: The compact JWT, without `Bearer`.

        Raises:
            NotAuthenticated: If anything about the token is wrong.
            Unavailable: If the issuer's keys can't be fetched and the one needed is not known.
        """
        kid = _key_id(token)
        try:
            key = self._keys.key(kid) if kid is not None else None
        except KeysUnavailable:
            raise Unavailable("identity_unavailable", "Sign-in keys cannot be checked at the moment.") from None
        if key is None:
            raise NotAuthenticated
        return self._verified(token, key)

    def expired_within(self, token: str, seconds: int) -> bool:
        """Whether nothing but its expiry is wrong with a token that `verify` refused, and that not for long.

        Args:
            token: The compact JWT, without `Bearer`.
            seconds: How long ago it may have expired.
        """
        try:
            kid = _key_id(token)
            key = self._keys.key(kid) if kid is not None else None
            return key is not None and bool(self._verified(token, key, leeway_seconds=seconds))
        except (NotAuthenticated, KeysUnavailable):
            return False

    def verify_if_key_known(self, token: str) -> TenantContext | None:
        """Verify a token like `verify`, but return None where the issuer's keys would have to be fetched first.

        Never blocks, so it may be called in an event loop.
        """
        kid = _key_id(token)
        return self._verified(token, self._keys.key(kid)) if kid is not None and self._keys.known(kid) else None

    def _verified(self, token: str, key: Any, *, leeway_seconds: int = LEEWAY_SECONDS) -> TenantContext:
        try:
            claims: dict[str, Any] = self._jwt.decode(
                token,
                key,
                algorithms=["RS256"],  # pinned: neither "none" nor HS256 with the public key as secret
                issuer=self._trusted.issuer,
                leeway=leeway_seconds,
                # PyJWT accepts a token that lacks a claim it would check, unless it is required. A Cognito access token
                # has no audience; the client is compared below.
                options={"require": ["exp", "iat", "iss", "sub"], "verify_aud": False},
            )
            return self._context(claims, token)
        except (jwt.PyJWTError, InvalidKey, ValueError, RecursionError):
            # No cause: it may quote the token, and tracebacks end up in logs.
            raise NotAuthenticated from None

    def _context(self, claims: dict[str, Any], token: str) -> TenantContext:
        if claims.get("token_use") != "access" or claims.get("client_id") != self._trusted.client_id:
            raise NotAuthenticated
        if type(claims["exp"]) is not int:  # PyJWT turns "1700000000" into a number; the other readers might not
            raise NotAuthenticated
        return TenantContext(
            issuer=self._trusted.issuer,
            client_id=self._trusted.client_id,
            tier=check_tier(claims.get("tier")),
            clinic_id=check_clinic_id(claims.get("clinic_id")),
            user_id=check_user_id(claims.get("sub")),
            expires_at=claims["exp"],
            token=token,
        )


def bearer_token(authorization: str | None) -> str:
    """Take the token out of an `Authorization` header.

    Raises:
        NotAuthenticated: If there is no header, or it is not `Bearer <token>`.
    """
    scheme, _, token = (authorization or "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated
    return token


class _StrictJwt(jwt.PyJWT):
    """Refuses a claim that stands twice: JSON readers disagree on which one counts, and every hop must agree."""

    def _decode_payload(self, decoded: dict[str, Any]) -> Any:  # PyJWT's documented place to decode differently
        claims = json.loads(decoded["payload"], object_pairs_hook=_unique)
        if not isinstance(claims, dict):
            raise ValueError("claims must be an object")
        return claims


def _key_id(token: str) -> str | None:
    """Read the key id from a token's header; None if it has none.

    Raises:
        NotAuthenticated: If the token is too long, its header is no JSON object, or a name in it stands twice.
    """
    if len(token) > MAX_TOKEN_CHARS:
        raise NotAuthenticated
    part = token.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), object_pairs_hook=_unique)
        kid = header.get("kid")
    except (ValueError, RecursionError, AttributeError):  # binascii.Error is a ValueError
        raise NotAuthenticated from None
    return kid if isinstance(kid, str) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated name")
    return found
