"""What a laptop has to be told, read from the file that the stand-in is started with."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from typing import Any

from local_aws.agentcore.errors import InvalidConfigError
from local_aws.agentcore.reader import Reader
from local_aws.gateway.clock import parse_start
from local_aws.gateway.limits import RequestLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """Everything that Terraform does not decide."""

    state: Path  # what `terraform show -json` printed
    aws_endpoint_url: str
    region: str
    account_id: str
    log_dir: Path
    policy_clock: time | None = None  # where the policies' clock starts today; None: the real time
    max_payload_bytes: int = 6_291_456
    """Largest request. Source: AgentCore quotas, "maximum payload size" of a gateway, 6 MB."""
    target_timeout_seconds: float = 30.0  # AWS: 15 minutes
    interceptor_timeout_seconds: float = 10.0
    limits: RequestLimits = field(default_factory=RequestLimits)


def load_settings(path: Path) -> GatewaySettings:
    """Read a configuration file.

    Raises:
        InvalidConfigError: If it cannot be read or a value is missing or malformed.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as failure:
        raise InvalidConfigError(field=str(path), problem=f"cannot be read as JSON ({failure})") from failure
    return parse_settings(data)


def parse_settings(data: Any) -> GatewaySettings:
    """Check a configuration.

    Raises:
        InvalidConfigError: With the path of the field and what is wrong with it.
    """
    top = Reader("config", data)
    standard = RequestLimits()
    limits = RequestLimits(
        calls_per_second=top.number("calls_per_second", standard.calls_per_second),
        tenant_calls_per_second=top.number("tenant_calls_per_second", standard.tenant_calls_per_second),
        tenant_in_flight=int(top.number("tenant_in_flight", standard.tenant_in_flight)),
        in_flight=int(top.number("in_flight", standard.in_flight)),
    )
    plain = GatewaySettings(state=Path(), aws_endpoint_url="", region="", account_id="", log_dir=Path())
    return GatewaySettings(
        state=Path(top.text("state")),
        aws_endpoint_url=top.text("aws_endpoint_url").rstrip("/"),
        region=top.text("region"),
        account_id=top.text("account_id"),
        log_dir=Path(top.text("log_dir")),
        policy_clock=parse_start(top.optional_text("policy_clock")),
        max_payload_bytes=int(top.number("max_payload_bytes", plain.max_payload_bytes)),
        target_timeout_seconds=top.number("target_timeout_seconds", plain.target_timeout_seconds),
        interceptor_timeout_seconds=top.number("interceptor_timeout_seconds", plain.interceptor_timeout_seconds),
        limits=limits,
    )
