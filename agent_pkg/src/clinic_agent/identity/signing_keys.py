"""The public keys of the token issuer, fetched and kept with bounds."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import jwt

REFETCH_SECONDS: Final = 60.0
"""Shortest time between two fetches for key ids that are not known, successful or not: a storm of tokens with made-up
key ids must not turn into a storm of requests at the issuer."""
FIRST_FETCH_SECONDS: Final = 2.0
"""The same while no keys are known at all: an instance that started in a bad moment must not be lost for a minute."""
REFRESH_SECONDS: Final = 900.0
"""Age after which known keys are fetched again, so that a key that the issuer withdrew stops being trusted."""
FETCH_TIMEOUT_SECONDS: Final = 3.0


class KeysUnavailable(Exception):
    """The key set could not be fetched, and the key asked for is not known from before."""


class KeySource(Protocol):
    """Where signing keys come from; a test passes its own."""

    def known(self, kid: str) -> bool:
        """Whether `key` answers without a request."""

    def key(self, kid: str) -> Any | None:
        """Return the public key of a key id, None if the issuer has none such."""


class SigningKeys:
    """The issuer's key set, by key id.

    Known keys are served from memory, and go on being served while the issuer is down: keys rotate seldom, and a token
    is still checked for its expiry. An unknown key id leads to at most one fetch in `REFETCH_SECONDS`. Safe to share
    between threads; must not be filled at import (a snapshot of the process would freeze it).
    """

    def __init__(
        self,
        url: str,
        *,
        fetch: Callable[[], Mapping[str, Any]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # PyJWKClient does the transport (no redirects, http(s) only, time limit). Its cache is not used: it lets failed
        # fetches repeat without bound and drops known keys when the issuer is down.
        client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=FETCH_TIMEOUT_SECONDS)
        self._fetch = fetch or client.fetch_data
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, Any] = {}
        self._tried_at: float | None = None
        self._fetched_at: float | None = None
        self._last_failed = False

    def known(self, kid: str) -> bool:
        """Whether `key(kid)` answers from memory, without a request."""
        return kid in self._keys and not self._due()

    def key(self, kid: str) -> Any | None:
        """Return the public key of a key id, None if the issuer has none such.

        Blocks for a fetch (at most `FETCH_TIMEOUT_SECONDS`) when the key id is not known, or the keys are old, and the
        last try is long enough ago.

        Raises:
            KeysUnavailable: If the key set could not be fetched and the key is not known.
        """
        if self.known(kid):
            return self._keys[kid]
        with self._lock:
            if not self.known(kid) and self._may_try():
                self._refetch()
            found = self._keys.get(kid)
            if found is None and self._last_failed:
                raise KeysUnavailable("the issuer's signing keys could not be fetched")
            return found

    def _due(self) -> bool:
        return self._fetched_at is None or self._clock() - self._fetched_at >= REFRESH_SECONDS

    def _may_try(self) -> bool:
        wait = REFETCH_SECONDS if self._keys else FIRST_FETCH_SECONDS
        return self._tried_at is None or self._clock() - self._tried_at >= wait

    def _refetch(self) -> None:
        self._tried_at = self._clock()
        try:
            # Replaced as a whole: a key that the issuer has withdrawn is no longer trusted.
            self._keys = _rsa_keys(self._fetch())
        except (jwt.PyJWTError, OSError, ValueError, TypeError, AttributeError, KeyError):
            self._last_failed = True
        else:
            self._fetched_at = self._tried_at
            self._last_failed = False


def _rsa_keys(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        entry["kid"]: jwt.PyJWK(entry, algorithm="RS256").key
        for entry in document["keys"]
        if entry.get("kty") == "RSA" and entry.get("use", "sig") == "sig" and isinstance(entry.get("kid"), str)
    }
