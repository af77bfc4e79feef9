"""The issuer's public keys, by way of its discovery document."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from local_aws.agentcore.errors import unavailable

logger = logging.getLogger(__name__)

_MIN_KEY_BITS: Final = 2048
_REFRESH_SECONDS: Final = 600.0  # so that a key the issuer withdrew does not stay trusted
_UNKNOWN_KEY_SECONDS: Final = 60.0  # tokens with invented key ids must not make the stand-in hammer the issuer
_RETRY_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerKeys:
    """What one look at the issuer gave."""

    issuer: str
    keys: dict[str, RSAPublicKey] = field(repr=False)  # by key id


class SigningKeys:
    """Fetches the keys when they are needed, and keeps them.

    Args:
        discovery_url: Address of the OpenID Connect discovery document.
        client: For fetching.
        now: A monotonic clock in seconds.
    """

    def __init__(
        self, discovery_url: str, *, client: httpx.AsyncClient, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = discovery_url
        self._client = client
        self._now = now
        self._known: IssuerKeys | None = None
        self._fetched_at = 0.0
        self._failed_at: float | None = None
        self._lock = asyncio.Lock()

    async def find(self, key_id: str) -> tuple[str, RSAPublicKey] | None:
        """Return the issuer and its key of this id, or None if it has no such key.

        Raises:
            RequestError: 503, if that cannot be said because the issuer does not answer. Known keys stay usable.
        """
        known = self._known
        if known is None or self._is_due(known, key_id):
            async with self._lock:
                known = self._known
                if known is None or self._is_due(known, key_id):  # the one before us may have fetched
                    known = await self._fetch()
        key = None if known is None else known.keys.get(key_id)
        if known is None or (key is None and self._failed_at is not None):
            raise unavailable("authorizer_unavailable", "The token issuer's keys cannot be fetched.")
        return None if key is None else (known.issuer, key)

    def _failed_just_now(self) -> bool:
        return self._failed_at is not None and self._now() - self._failed_at < _RETRY_SECONDS

    def _is_due(self, known: IssuerKeys, key_id: str) -> bool:
        age = self._now() - self._fetched_at
        return age >= _REFRESH_SECONDS or (key_id not in known.keys and age >= _UNKNOWN_KEY_SECONDS)

    async def _fetch(self) -> IssuerKeys | None:
        """Fetch the keys; return those known before if that fails, or failed within the last second."""
        if self._failed_just_now():
            return self._known
        try:
            document = await self._get(self._url)
            keys = await self._get(document["jwks_uri"])
            fresh = IssuerKeys(issuer=str(document["issuer"]), keys=_rsa_keys(keys["keys"]))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError, AttributeError) as failure:
            self._failed_at = self._now()
            logger.warning("url=<%s>, error=<%s> | signing keys not fetched", self._url, type(failure).__name__)
            return self._known
        self._known, self._fetched_at, self._failed_at = fresh, self._now(), None
        return fresh

    async def _get(self, url: str) -> Any:
        response = await self._client.get(url, timeout=5.0)
        response.raise_for_status()
        return response.json()


def _rsa_keys(entries: Any) -> dict[str, RSAPublicKey]:
    found: dict[str, RSAPublicKey] = {}
    for entry in entries:
        if entry.get("kty") != "RSA" or entry.get("use", "sig") != "sig" or entry.get("alg", "RS256") != "RS256":
            continue
        try:
            key = jwt.PyJWK(entry, algorithm="RS256").key
        except jwt.PyJWTError:
            continue
        if isinstance(key, RSAPublicKey) and key.key_size >= _MIN_KEY_BITS and isinstance(entry.get("kid"), str):
            found[entry["kid"]] = key
    return found
