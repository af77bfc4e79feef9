"""One usage event a request: who used which model and how much, also when it failed or the client hung up."""

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from clinic_agent.credentials import TierSettings

CHARS_PER_TOKEN: Final = 4
"""How many characters a token is taken for where the model did not report its usage (a call that was cut off)."""

logger = logging.getLogger("clinic_agent.usage")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageEvent:
    """What one request used. It names the clinic, hashes the user, and holds no text of anybody."""

    request_id: str
    tier: str
    clinic_id: str
    user_hash: str
    model_id: str
    outcome: str  # answered, refused (an error code stands in error_code), disconnected
    error_code: str | None
    model_calls: int
    input_tokens: int
    output_tokens: int
    estimated: bool  # True if a call was cut off, and its tokens are counted from characters
    tools: dict[str, int]  # calls by tool name
    duration_ms: int
    estimated_cost_usd: float  # model tokens at list price; no AgentCore, storage or transfer


UsageSink = Callable[[UsageEvent], None]


def log_usage(event: UsageEvent) -> None:
    """Write the event as one JSON line to the process's log, from where CloudWatch turns it into metrics."""
    logger.info(json.dumps({"event": "inference_usage", **asdict(event)}, separators=(",", ":")))


class UsageMeter:
    """Counts tokens and tool calls from the model's stream, call by call."""

    def __init__(self) -> None:
        self.model_calls = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.estimated = False
        self.tools: dict[str, int] = {}
        self._prompt_chars = 0
        self._open_call_chars: int | None = None

    def sent(self, chars: int) -> None:
        """Note how much text goes to the model with each call from now on; used for a call that is cut off."""
        self._prompt_chars += chars

    def calling(self) -> None:
        """Note that the model is being called: from here on it works, and somebody pays for it."""
        self.model_calls += 1
        self._open_call_chars = 0

    def see(self, chunk: dict[str, Any]) -> None:
        """Count one chunk of the Converse stream."""
        if "contentBlockDelta" in chunk:
            delta = chunk["contentBlockDelta"]["delta"]
            text = delta.get("text") or delta.get("toolUse", {}).get("input") or ""
            self._open_call_chars = (self._open_call_chars or 0) + len(text)
        elif "contentBlockStart" in chunk:
            tool = chunk["contentBlockStart"].get("start", {}).get("toolUse")
            if tool:
                self.tools[tool["name"]] = self.tools.get(tool["name"], 0) + 1
        elif "metadata" in chunk:
            usage = chunk["metadata"].get("usage", {})
            self.input_tokens += usage.get("inputTokens", 0)
            self.output_tokens += usage.get("outputTokens", 0)
            self._open_call_chars = None

    def close(self) -> None:
        """Estimate the call that is still open: the model worked for it, and the tenant pays for it."""
        if self._open_call_chars is None:
            return
        self.estimated = True
        self.input_tokens += _tokens(self._prompt_chars)
        self.output_tokens += _tokens(self._open_call_chars)
        self._open_call_chars = None

    def cost_usd(self, tier: TierSettings) -> float:
        """Return the list price of the tokens so far."""
        dollars = (
            self.input_tokens * tier.price_input_usd_per_million
            + self.output_tokens * tier.price_output_usd_per_million
        ) / 1_000_000
        return round(dollars, 9)


def _tokens(chars: int) -> int:
    return -(-chars // CHARS_PER_TOKEN)
