"""What is metered: each turn, also one that failed or whose client hung up, and each refusal outside of a turn.

A refusal can pass through several layers: the broker refuses the tool function, that the Gateway, that the agent, that
the caller. Each layer has metrics of its own and counts it once, so no metric counts it twice, and metrics of different
layers are never added up. Layer `agent` is what a user of the runtime meets, `gateway` what a caller of the Gateway
meets (interceptor and tool function; a request that the first refuses never reaches the second), `broker` what a caller
of the broker meets.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from clinic_agent.emf import MODEL, PLATFORM, TIER, UNKNOWN_TIER, LineSink, MetricGroup, directive, line, write_line

if TYPE_CHECKING:  # functions meter too, and not all of them need what these bring with them
    from clinic_agent.credentials import TierSettings
    from clinic_agent.identity import TenantContext

CHARS_PER_TOKEN: Final = 4
"""How many characters a token is taken for where the model did not report its usage (a call that was cut off)."""

CROSS_TENANT_CODES: Final = frozenset({"identity_conflict", "session_owner", "direct_call"})
"""Refusals that nobody meets by mistake: another identity than the token's, another's session, a way round the Gateway.
Each is decided in one layer only. Expired tokens, closed hours and changed plans are denials, but no such attempts."""

Layer = Literal["agent", "gateway", "broker"]


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
    error_status: int | None  # HTTP status that stands for error_code
    model_calls: int
    input_tokens: int
    output_tokens: int
    estimated: bool  # True if a call was cut off, and its tokens are counted from characters
    tools: dict[str, int]  # calls by tool name
    duration_ms: int
    estimated_cost_usd: float  # model tokens at list price; no AgentCore, storage or transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalEvent:
    """A request that was refused before there was a turn, or in a layer behind the agent."""

    layer: Layer
    request_id: str
    error_code: str
    error_status: int  # HTTP status that stands for error_code
    tenant: "TenantContext | None"  # whose verified token it came with; None if there was none


UsageSink = Callable[[UsageEvent], None]
RefusalSink = Callable[[RefusalEvent], None]

_PREFIXES: Final[dict[Layer, str]] = {"agent": "", "gateway": "Gateway", "broker": "Broker"}
_WORK: Final = {
    "Latency": "Milliseconds",
    "ModelCalls": "Count",
    "InputTokens": "Count",
    "OutputTokens": "Count",
    "EstimatedCost": "None",  # US dollars, for which CloudWatch has no unit
    "ToolCalls": "Count",
}


def _outcomes(layer: Layer, code: str | None, status: int) -> dict[str, int]:
    """Count how a request ended. What is wrong with the request itself, such as its size, counts as none of these."""
    prefix = _PREFIXES[layer]
    return {
        f"{prefix}Errors": int(status >= 500),
        f"{prefix}Throttles": int(status == 429),
        f"{prefix}DeniedAttempts": int(status in (401, 403)),
        "CrossTenantAttempts": int(code in CROSS_TENANT_CODES),
    }


def _counts(layer: Layer) -> dict[str, str]:
    names = [*(["Requests", "Turns"] if layer == "agent" else []), *_outcomes(layer, None, 0)]
    return dict.fromkeys(names, "Count")


class MetricsLog:
    """Writes events to the process's log, from where CloudWatch turns them into metrics."""

    def __init__(self, *, platform: str, write: LineSink = write_line, now: Callable[[], float] = time.time) -> None:
        """Prepare what all lines share.

        Args:
            platform: Name of this platform in the account, the value of dimension Platform.
            write: Takes the lines.
            now: Unix time in seconds.
        """
        self._platform = platform
        self._write = write
        self._now = now
        of_tier, of_model = (PLATFORM, TIER), (PLATFORM, TIER, MODEL)
        self._of_turn = directive(
            [
                MetricGroup(dimensions=of_tier, units={**_counts("agent"), **_WORK}),
                MetricGroup(dimensions=of_model, units=_WORK),
            ]
        )
        self._of_layer = {
            layer: directive([MetricGroup(dimensions=of_tier, units=_counts(layer))]) for layer in _PREFIXES
        }

    def turn(self, event: UsageEvent) -> None:
        """Write one turn."""
        self._line(
            self._of_turn,
            {TIER: event.tier, MODEL: event.model_id},
            {
                "Requests": 1,
                "Turns": 1,
                **_outcomes("agent", event.error_code, event.error_status or 0),
                "Latency": event.duration_ms,
                "ModelCalls": event.model_calls,
                "InputTokens": event.input_tokens,
                "OutputTokens": event.output_tokens,
                "EstimatedCost": event.estimated_cost_usd,
                "ToolCalls": sum(event.tools.values()),
                "event": "inference_usage",
                **asdict(event),
            },
        )

    def refusal(self, event: RefusalEvent) -> None:
        """Write one refusal."""
        tenant = event.tenant
        tier = UNKNOWN_TIER if tenant is None else tenant.tier
        whose = {} if tenant is None else {"clinic_id": tenant.clinic_id, "user_hash": tenant.user_hash}
        self._line(
            self._of_layer[event.layer],
            {TIER: tier},
            {
                **({"Requests": 1, "Turns": 0} if event.layer == "agent" else {}),
                **_outcomes(event.layer, event.error_code, event.error_status),
                "event": "request_refused",
                "layer": event.layer,
                "request_id": event.request_id,
                "tier": tier,
                **whose,
                "error_code": event.error_code,
                "error_status": event.error_status,
            },
        )

    def _line(self, metrics: list[dict[str, Any]], dimensions: dict[str, str], fields: dict[str, Any]) -> None:
        self._write(
            line(
                metrics=metrics,
                timestamp_ms=int(self._now() * 1000),
                dimensions={PLATFORM: self._platform, **dimensions},
                fields=fields,
            )
        )


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

    def cost_usd(self, tier: "TierSettings") -> float:
        """Return the list price of the tokens so far."""
        dollars = (
            self.input_tokens * tier.price_input_usd_per_million
            + self.output_tokens * tier.price_output_usd_per_million
        ) / 1_000_000
        return round(dollars, 9)


def _tokens(chars: int) -> int:
    return -(-chars // CHARS_PER_TOKEN)
