"""Decide every case that a policy can tell apart, and write the result so that people can review it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from local_aws.gateway.engine import PolicyEngine
from local_aws.gateway.principal import Principal, principal_of
from local_aws.gateway.recorded import GatewayConfig, Tool
from local_aws.gateway.tool_schema import ValueSchema

_DAY: Final = datetime(2026, 8, 12, tzinfo=UTC)
_OTHER_TOOL: Final = "any other tool"
_OTHER_GATEWAY: Final = "any tool of another gateway"
_PROBE: Final = "probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the policies say about one claim and one tool, for all hours of a day."""

    claim: str | None  # None: the token has no tier
    tool: str
    hours: tuple[bool, ...]  # 48: the first and the last second of each hour
    policies: frozenset[str]  # names of those that permit

    @property
    def times(self) -> str:
        """The hours in which it is allowed, such as `06-20`."""
        if all(self.hours):
            return "always"
        if not any(self.hours):
            return "never"
        ends = [at for at in range(1, 48) if self.hours[at] is not self.hours[at - 1]]
        edges = [*([0] if self.hours[0] else []), *ends, *([48] if self.hours[-1] else [])]
        return ", ".join(f"{_clock(begin)}-{_clock(end)}" for begin, end in zip(edges[::2], edges[1::2], strict=True))


def claims(tiers: Sequence[str]) -> list[str | None]:
    """Return the values of the claim `tier` that are decided: every tier, none at all, and some that no tier has."""
    first = tiers[0]
    return [*tiers, None, "", first.capitalize(), f"{first} ", f"{first}2", "*", "admin"]


def decide_all(config: GatewayConfig, *, tiers: Sequence[str]) -> Iterator[Case]:
    """Decide the complete table, case by case.

    Args:
        config: The gateway, its policies and its tools.
        tiers: All tiers.

    Raises:
        PolicyError: If a policy does not fit the tools.
    """
    nothing = ValueSchema(type="object", properties={})
    # Tools that nobody granted, in each target and in one more: what a policy says about them it says about all that
    # will be added one day.
    targets = [*(target.name for target in config.targets), _PROBE]
    probes = {f"{name}___{_PROBE}": Tool(name=_PROBE, target=name, description="", schema=nothing) for name in targets}
    tools = {**config.tools, **probes}
    engine = PolicyEngine(config.policies, tools=tools.values(), gateway_arn=config.arn)
    other = PolicyEngine(config.policies, tools=tools.values(), gateway_arn=f"{config.arn}x")
    names = {policy.id: policy.name for policy in config.policies}
    for claim in claims(tiers):
        principal = _principal(claim)
        for name in sorted(config.tools):
            yield _case(engine, principal, claim, name, [name], names)
        yield _case(engine, principal, claim, _OTHER_TOOL, list(probes), names)
        if claim in tiers:  # for the others the rows above say it all
            yield _case(other, principal, claim, _OTHER_GATEWAY, list(tools), names)


def render(cases: Sequence[Case], *, tiers: Sequence[str]) -> str:
    """Write the table in Markdown: a row for each tier and tool, and what all other claims have in common in one."""
    lines = [
        "# What the policies decide",
        "",
        "Written by `python -m scripts.policies --update` from the rendered policies, and compared with them by",
        "`make validate` and `make test`. A change here is a change of what tenants may do: review it as one.",
        "",
        "Hours are UTC: 06-20 is from 06:00:00 to 19:59:59. Claims below the tiers' stand for all that are no tier.",
        "",
        "| claim `tier` | tool | allowed | by policy |",
        "| --- | --- | --- | --- |",
    ]
    for claim in [claim for claim in claims(tiers) if claim in tiers]:
        own = [case for case in cases if case.claim == claim]
        lines += [_row(f"`{claim}`", f"`{case.tool}`" if "___" in case.tool else case.tool, [case]) for case in own]
    for claim in [claim for claim in claims(tiers) if claim not in tiers]:
        own = [case for case in cases if case.claim == claim]
        label = "absent" if claim is None else f"`{claim}`" if claim else "empty"
        if len({case.times for case in own}) == 1:
            lines.append(_row(label, "every tool", own))
        else:
            lines += [_row(label, f"`{case.tool}`", [case]) for case in own]
    return "\n".join([*lines, ""])


def _row(claim: str, tool: str, cases: Sequence[Case]) -> str:
    policies = sorted(frozenset[str]().union(*(case.policies for case in cases)))
    return f"| {claim} | {tool} | {cases[0].times} | {', '.join(policies) or '-'} |"


def _principal(claim: str | None) -> Principal:
    given = {} if claim is None else {"tier": claim}
    return principal_of({"sub": "00000000-0000-4000-8000-000000000000", "token_use": "access", **given})


def _case(
    engine: PolicyEngine,
    principal: Principal,
    claim: str | None,
    label: str,
    tools: Sequence[str],
    names: Mapping[str, str],
) -> Case:
    policies: set[str] = set()

    def allowed(hour: int, minute: int = 0, second: int = 0) -> bool:
        now = _DAY.replace(hour=hour, minute=minute, second=second)
        decisions = [engine.may_call(principal, tool=tool, now=now) for tool in tools]
        policies.update(names[key] for decision in decisions if decision.allowed for key in decision.policy_ids)
        return any(decision.allowed for decision in decisions)

    starts = [allowed(hour) for hour in range(24)]
    halves: list[bool] = []
    for hour, start in enumerate(starts):
        # Whole hours are checked elsewhere, so an hour can end differently only where the next one begins differently.
        edge = start is not starts[(hour + 1) % 24]
        halves += [start, allowed(hour, 59, 59) if edge else start]
    return Case(claim=claim, tool=label, hours=tuple(halves), policies=frozenset(policies))


def _clock(half: int) -> str:
    return f"{half // 2:02d}" if half % 2 == 0 else f"{half // 2:02d}:59:59"
