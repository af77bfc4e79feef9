from clinic_agent.identity.context import TenantContext
from clinic_agent.identity.signing_keys import FETCH_TIMEOUT_SECONDS, KeySource, KeysUnavailable, SigningKeys
from clinic_agent.identity.tokens import TokenVerifier, TrustedIssuer, bearer_token

__all__ = [
    "FETCH_TIMEOUT_SECONDS",
    "KeySource",
    "KeysUnavailable",
    "SigningKeys",
    "TenantContext",
    "TokenVerifier",
    "TrustedIssuer",
    "bearer_token",
]
