"""What the broker grants for a verified token: credentials of one tenant, and the settings of its tier."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TierSettings:
    """How the platform serves a tier, from the catalog by way of the broker."""

    model_id: str
    memory_id: str
    max_output_tokens: int
    context_window: int  # tokens
    long_term_memory: bool
    history_turns: int  # turns of the session that are given to the model again
    guardrail_id: str
    guardrail_version: str  # a number, never DRAFT
    guardrail_message: str  # with this text the guardrail answers in place of what it blocked
    price_input_usd_per_million: float  # per million tokens
    price_output_usd_per_million: float

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TierSettings":
        """Build the settings from the broker's answer.

        Raises:
            KeyError: If a setting is missing. Unknown ones are ignored, so that a newer broker serves an older agent.
        """
        return cls(**{name: values[name] for name in cls.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Short-lived credentials of the tenant role, tagged with one owner, and that owner's tier settings."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: datetime  # with time zone
    tier: TierSettings

    def as_metadata(self) -> dict[str, str]:
        """Return the credentials in the form that botocore's `RefreshableCredentials` takes."""
        return {
            "access_key": self.access_key_id,
            "secret_key": self.secret_access_key,
            "token": self.session_token,
            "expiry_time": self.expires_at.isoformat(),
        }
