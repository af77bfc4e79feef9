"""`PUT /_local/memories`: the emulator's memories are from then on exactly those that Terraform recorded.

    {"memories": [{"id": "…", "arn": "…", "name": "…", "event_expiry_days": 90, "strategies": [
        {"id": "…", "name": "…", "type": "USER_PREFERENCE", "namespace_templates": ["/…/"]}]}]}

On AWS the provider creates memories itself. Here the provider of AgentCore records them, under ids that it makes, and
the emulator is told. What a memory holds is kept as long as its ARN stays in the list.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from local_aws.emulator.control_endpoint import Application, InvalidRequestError, with_endpoint

PATH: Final = "/_local/memories"
MAX_BODY_BYTES: Final = 1_000_000
MAX_STRATEGIES: Final = 6
MIN_EXPIRY_DAYS, MAX_EXPIRY_DAYS = 3, 365
"""Source: AgentCore Memory quotas, and `CreateMemory` in the service model."""

STRATEGY_TYPES: Final = ("SEMANTIC", "SUMMARIZATION", "USER_PREFERENCE", "EPISODIC", "CUSTOM")
_ID: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9-_]{0,99}-[a-zA-Z0-9]{10}")
_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,47}")
_ARN: Final = re.compile(r"arn:[a-z-]+:bedrock-agentcore:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):memory/(?P<id>.+)")
_TEMPLATE: Final = re.compile(r"(?=.{1,512}\Z)[a-zA-Z0-9\-_/]*(\{[a-zA-Z][a-zA-Z0-9]*\}[a-zA-Z0-9\-_/]*)*")

logger = logging.getLogger("local_aws.memory")


def _fields(value: Any, at: str, *names: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or set(value) != set(names):
        raise InvalidRequestError(f"{at}: an object with {', '.join(names)} and nothing else is needed")
    return value


def _text(value: Any, at: str, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise InvalidRequestError(f"{at}: text that matches {pattern.pattern} is needed")
    return value


def _list(value: Any, at: str, *, most: int | None = None) -> list[Any]:
    if not isinstance(value, list) or (most is not None and len(value) > most):
        raise InvalidRequestError(f"{at}: a list{f' of at most {most}' if most is not None else ''} is needed")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedStrategy:
    """A long-term strategy of a memory."""

    identifier: str
    name: str
    kind: str  # one of STRATEGY_TYPES
    namespace_template: str

    @classmethod
    def parse(cls, value: Any, at: str) -> RecordedStrategy:
        """Read a strategy.

        Raises:
            InvalidRequestError: If it is none that AWS would have.
        """
        fields = _fields(value, at, "id", "name", "type", "namespace_templates")
        if fields["type"] not in STRATEGY_TYPES:
            raise InvalidRequestError(f"{at}.type: one of {', '.join(STRATEGY_TYPES)} is needed")
        templates = _list(fields["namespace_templates"], f"{at}.namespace_templates")
        if len(templates) != 1:
            raise InvalidRequestError(f"{at}.namespace_templates: exactly one is needed, there are {len(templates)}")
        return cls(
            identifier=_text(fields["id"], f"{at}.id", _ID),
            name=_text(fields["name"], f"{at}.name", _NAME),
            kind=fields["type"],
            namespace_template=_text(templates[0], f"{at}.namespace_templates[0]", _TEMPLATE),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedMemory:
    """A memory as Terraform recorded it."""

    identifier: str
    arn: str
    region: str
    account: str
    name: str
    event_expiry_days: int
    strategies: tuple[RecordedStrategy, ...]

    @classmethod
    def parse(cls, value: Any, at: str) -> RecordedMemory:
        """Read a memory.

        Raises:
            InvalidRequestError: If it is none that AWS would have.
        """
        fields = _fields(value, at, "id", "arn", "name", "event_expiry_days", "strategies")
        identifier, arn = _text(fields["id"], f"{at}.id", _ID), _text(fields["arn"], f"{at}.arn", _ARN)
        parts = _ARN.fullmatch(arn)
        if parts is None or parts["id"] != identifier:
            raise InvalidRequestError(f"{at}.arn: the ARN of {identifier} is needed")
        days = fields["event_expiry_days"]
        if not isinstance(days, int) or isinstance(days, bool) or not MIN_EXPIRY_DAYS <= days <= MAX_EXPIRY_DAYS:
            raise InvalidRequestError(
                f"{at}.event_expiry_days: a whole number from {MIN_EXPIRY_DAYS} to {MAX_EXPIRY_DAYS} is needed"
            )
        listed = _list(fields["strategies"], f"{at}.strategies", most=MAX_STRATEGIES)
        strategies = tuple(RecordedStrategy.parse(one, f"{at}.strategies[{n}]") for n, one in enumerate(listed))
        _distinct([strategy.identifier for strategy in strategies], f"{at}.strategies", "id")
        _distinct([strategy.name for strategy in strategies], f"{at}.strategies", "name")
        built_in = [strategy.kind for strategy in strategies if strategy.kind != "CUSTOM"]
        _distinct(built_in, f"{at}.strategies", "type")
        return cls(
            identifier=identifier,
            arn=arn,
            region=parts["region"],
            account=parts["account"],
            name=_text(fields["name"], f"{at}.name", _NAME),
            event_expiry_days=days,
            strategies=strategies,
        )

    def record(self, *, created_at: int, now: int) -> dict[str, Any]:
        """Give the memory as the emulator keeps it; times in Unix seconds."""
        times = {"createdAt": created_at, "updatedAt": now}
        return {
            "id": self.identifier,
            "arn": self.arn,
            "name": self.name,
            "eventExpiryDuration": self.event_expiry_days,
            "status": "ACTIVE",
            **times,
            "strategies": [
                {
                    "strategyId": strategy.identifier,
                    "name": strategy.name,
                    "type": strategy.kind,
                    "namespaces": [strategy.namespace_template],
                    "namespaceTemplates": [strategy.namespace_template],
                    "status": "ACTIVE",
                    **times,
                }
                for strategy in self.strategies
            ],
            "_tags": {},
        }


def _distinct(values: list[str], at: str, name: str) -> None:
    repeated = {value for value in values if values.count(value) > 1}
    if repeated:
        raise InvalidRequestError(f"{at}: {name} {min(repeated)!r} occurs twice")


def parse_memories(body: bytes) -> tuple[RecordedMemory, ...]:
    """Read the memories that are to exist.

    Raises:
        InvalidRequestError: If the body is not such an object, or two memories have one id or one name in a Region.
    """
    try:
        data = json.loads(body)
    except ValueError as failure:
        raise InvalidRequestError("the body has to be JSON") from failure
    listed = _list(_fields(data, "body", "memories")["memories"], "memories")
    memories = tuple(RecordedMemory.parse(value, f"memories[{n}]") for n, value in enumerate(listed))
    _distinct([memory.arn for memory in memories], "memories", "arn")
    _distinct([f"{m.account}/{m.region}/{m.name}" for m in memories], "memories", "name")
    return memories


def replace_memories(memories: tuple[RecordedMemory, ...]) -> None:
    """Let exactly these memories exist, and forget what others held."""
    from ministack.services import bedrock_agentcore as agentcore

    wanted = {(memory.account, memory.region, memory.identifier): memory for memory in memories}
    now = int(time.time())
    for scope, _ in agentcore._memories.all_items():
        if scope not in wanted:
            for store in (agentcore._memories, agentcore._memory_events, agentcore._memory_records):
                store.pop_scoped(*scope, None)
    for scope, memory in wanted.items():
        there = agentcore._memories.get_scoped(*scope) or {}
        agentcore._memories.set_scoped(*scope, memory.record(created_at=there.get("createdAt", now), now=now))
        for strategy in memory.strategies:
            if strategy.kind != "USER_PREFERENCE":
                logger.warning(
                    "memory=<%s>, strategy=<%s>, type=<%s> | accepted, but the laptop extracts nothing for it",
                    memory.identifier,
                    strategy.name,
                    strategy.kind,
                )


def with_memories(application: Application, *, secret: str | None) -> Application:
    """Put the endpoint in front of an application; without `secret` it answers 404 to everybody."""

    def replace(body: bytes) -> tuple[int, dict[str, Any]]:
        memories = parse_memories(body)
        replace_memories(memories)
        return 200, {"memories": [memory.arn for memory in memories]}

    return with_endpoint(application, replace, method="PUT", path=PATH, secret=secret, max_body_bytes=MAX_BODY_BYTES)
