"""A metered turn, and where lines go to."""

from __future__ import annotations

from typing import Any

from clinic_agent.metering import MetricsLog, UsageEvent
from tests.unit import emf_rules

TURN = UsageEvent(
    request_id="r-1",
    tier="basic",
    clinic_id="clinic-a",
    user_hash="0123456789abcdef",
    model_id="mistral.ministral-3-8b-instruct",
    outcome="answered",
    error_code=None,
    error_status=None,
    model_calls=2,
    input_tokens=1000,
    output_tokens=50,
    estimated=False,
    tools={"search_documents": 2, "get_patient": 1},
    duration_ms=420,
    estimated_cost_usd=0.0001575,
)


class Lines:
    """Where a `MetricsLog` writes to."""

    def __init__(self, platform: str = "clinic-test") -> None:
        self.lines: list[str] = []
        self.log = MetricsLog(platform=platform, write=self.lines.append)

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [emf_rules.parse(line) for line in self.lines]
