"""Who is calling: read from a verified access token, and from nothing else."""

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantContext:
    """The identity of one request, made by `TokenVerifier` only.

    It is frozen because identity must not change in mid-request. The token stays out of `repr`, which ends up in logs.
    """

    issuer: str  # claim iss
    client_id: str  # claim client_id
    tier: str  # claim tier, written by the pre-token-generation Lambda from the registry
    clinic_id: str  # claim clinic_id, likewise
    user_id: str  # claim sub
    expires_at: int  # claim exp, Unix time in seconds
    token: str = field(repr=False, compare=False)

    @property
    def owner(self) -> tuple[str, str, str, str, str]:
        """The whole identity: what sessions are pinned to and credentials are cached by.

        Neither the token nor its expiry belongs to it: a renewed token is the same owner.
        """
        return (self.issuer, self.client_id, self.tier, self.clinic_id, self.user_id)

    @property
    def user_hash(self) -> str:
        """A stable stand-in for the user in logs and metering: 16 hex digits, not to be turned back into the `sub`."""
        return hashlib.sha256(f"{self.clinic_id}/{self.user_id}".encode()).hexdigest()[:16]
