"""Limits on requests: the service's calls per second, and fair shares of this laptop.

On AWS a tenant's share is a rate limit of the gateway, keyed by a claim. Terraform cannot make those yet, so the
shares here are the stand-in's own.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from local_aws.gateway.mcp_errors import throttled


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """How much at a time."""

    calls_per_second: float = 200.0
    """Tool calls of the gateway. Source: AgentCore quotas, "tool invocations per second per gateway"."""
    tenant_calls_per_second: float = 100.0
    tenant_in_flight: int = 32
    in_flight: int = 256


@dataclass(slots=True)
class _Bucket:
    rate: float
    level: float = field(init=False)
    filled_at: float = 0.0

    def __post_init__(self) -> None:
        self.level = self.rate  # a second's worth may come at once

    def has_one(self, now: float) -> bool:
        self.level = min(self.rate, self.level + (now - self.filled_at) * self.rate)
        self.filled_at = now
        return self.level >= 1


class Throttle:
    """Admits requests.

    Args:
        limits: How many.
        now: A monotonic clock in seconds.
    """

    def __init__(self, limits: RequestLimits, *, now: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._now = now
        self._busy: Counter[str] = Counter()
        self._gateway = _Bucket(limits.calls_per_second)
        self._tenants: OrderedDict[str, _Bucket] = OrderedDict()

    @property
    def busy(self) -> int:
        """How many requests are under way."""
        return self._busy.total()

    @contextmanager
    def slot(self, tenant: str) -> Iterator[None]:
        """Hold a place for the time of one request.

        Raises:
            McpRefusal: `throttled`, if the tenant or the gateway has too many under way.
        """
        if self._busy[tenant] >= self._limits.tenant_in_flight:
            raise throttled("Too many requests of this tenant are under way.")
        if self._busy.total() >= self._limits.in_flight:
            raise throttled("Too many requests are under way.")
        self._busy[tenant] += 1
        try:
            yield
        finally:
            self._busy[tenant] -= 1
            if not self._busy[tenant]:
                del self._busy[tenant]

    def count_call(self, tenant: str) -> None:
        """Count a tool call.

        Raises:
            McpRefusal: `throttled`, if the tenant or the gateway makes too many per second. The tenant is looked at
                first: calls over its share take nothing from the others'.
        """
        now = self._now()
        share = self._share(tenant)
        if not share.has_one(now):
            raise throttled("This tenant makes too many tool calls per second.")
        if not self._gateway.has_one(now):
            raise throttled("Too many tool calls per second.")
        share.level -= 1
        self._gateway.level -= 1

    def _share(self, tenant: str) -> _Bucket:
        share = self._tenants.get(tenant)
        if share is None:
            share = self._tenants[tenant] = _Bucket(self._limits.tenant_calls_per_second)
            share.filled_at = self._now()
            if len(self._tenants) > 4 * self._limits.in_flight:  # one that was not seen for long is full anyway
                self._tenants.popitem(last=False)
        else:
            self._tenants.move_to_end(tenant)
        return share
