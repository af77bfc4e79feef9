"""The Gateway on the laptop: calls, listings, connections; and what a Cedar decision takes."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt

from clinic_agent.gateway import GatewayConnection
from local_aws.gateway.engine import PolicyEngine
from local_aws.gateway.principal import principal_of
from local_aws.gateway.recorded import read_gateway
from local_aws.recorded_state import RecordedState
from scripts.clients.runtime import Stack
from tests.perf.measure import Figure, figure

PROFILE = "clinic-data___clinic_profile"
NOON = datetime(2026, 8, 12, 12, tzinfo=UTC)


def measure_gateway(stack: Stack, state_dir: Path, token: str, runs: int) -> list[Figure]:
    """Measure what an agent asks of the Gateway, and the policy engine behind it in this process."""
    connection = GatewayConnection(url=stack["gateway_url"], token=lambda: token)

    def connect() -> None:
        fresh = GatewayConnection(url=stack["gateway_url"], token=lambda: token)
        fresh.list_tools()
        fresh.close()

    calls = {
        "gateway: a tool call on an open session (interceptor, Cedar, tool function)": lambda: connection.call_tool(
            PROFILE, {}, tool="clinic_profile"
        ),
        "gateway: listing the tools on an open session": connection.list_tools,
        "gateway: connecting and listing": connect,
    }
    figures = [figure(name, _times(call, runs)) for name, call in calls.items()]
    connection.close()
    return [*figures, *_decisions(state_dir, token, runs)]


def _decisions(state_dir: Path, token: str, runs: int) -> Sequence[Figure]:
    config = read_gateway(RecordedState.load(state_dir / "agentcore.json"))
    engine = PolicyEngine(config.policies, tools=config.tools.values(), gateway_arn=config.arn)
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    principal = principal_of(claims)

    def decide() -> None:
        if not engine.decide(principal, tool=PROFILE, arguments={}, now=NOON).allowed:
            raise RuntimeError("the policy engine denies what is measured")

    microseconds = [1000 * value for value in _times(decide, 20 * runs)]
    return [figure("Cedar: a decision, handles reused", microseconds, "us")]


def _times(call: Callable[[], object], runs: int) -> list[float]:
    """Return how long each call took in ms, after a few that warm things up."""
    for _ in range(5):
        call()
    found = []
    for _ in range(runs):
        started = time.perf_counter()
        call()
        found.append((time.perf_counter() - started) * 1000)
    return found
