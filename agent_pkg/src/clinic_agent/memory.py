"""What the assistant remembers, on AgentCore Memory: the turns of a session, and long-term records of its user.

A thin adapter of our own: the SDK's session manager reads other actors (denied to a tenant role), hides read errors and
makes four calls a turn. Here a read is one call, a turn is one event, and a failure is an error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from clinic_agent.aws_errors import AWS_ERRORS, as_agent_error
from clinic_agent.identity import TenantContext
from clinic_agent.keys import actor_id, check_session_id, preferences_namespace

TEXT_LIMIT_CHARS: Final = 100_000
"""Longest conversational text of an event. Source: `CreateEvent`, AgentCore Memory quotas."""
PREFERENCES_LIMIT: Final = 20
"""Preferences that a turn is given, the newest."""
PAGE_LIMIT: Final = 100
"""Most records of one call. Source: `ListMemoryRecords`, botocore service model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A question and its answer."""

    question: str
    answer: str


class Memory(Protocol):
    """The memory of one user."""

    def recent_turns(self, session_id: str, limit: int) -> Sequence[Turn]:
        """Return the latest turns of a session, oldest first. One blocking call.

        Raises:
            Throttled, Unavailable: If memory can't be read. There is no answer "without memory".
        """

    def preferences(self) -> Sequence[str]:
        """Return the user's preferences as known from earlier sessions, newest first. One blocking call.

        Raises:
            Throttled, Unavailable: If memory can't be read.
        """

    def remember(self, session_id: str, turn: Turn, *, request_id: str) -> None:
        """Store a turn, all of it or nothing. One blocking call; a repeated `request_id` stores it once.

        Raises:
            Throttled, Unavailable: If it was not stored.
        """


class AgentCoreMemory:
    """Memory of one user on AgentCore. The tenant role lets it reach this actor and these namespaces only."""

    def __init__(self, *, client: Any, memory_id: str, tenant: TenantContext) -> None:
        self._client = client  # a boto3 `bedrock-agentcore` client with the tenant's credentials
        self._memory_id = memory_id
        self._actor = actor_id(tenant.clinic_id, tenant.user_id)
        self._preferences = preferences_namespace(tenant.clinic_id, tenant.user_id)

    def recent_turns(self, session_id: str, limit: int) -> Sequence[Turn]:
        try:
            response = self._client.list_events(
                memoryId=self._memory_id,
                actorId=self._actor,
                sessionId=check_session_id(session_id),
                includePayloads=True,
                maxResults=limit,
            )
        except AWS_ERRORS as error:
            raise as_agent_error(error, part="memory") from None
        # The service lists the newest event first; a conversation reads the other way.
        turns = [_turn(event) for event in reversed(response["events"])]
        return [turn for turn in turns if turn is not None]

    def preferences(self) -> Sequence[str]:
        # Listed, not searched for: how somebody wants to be answered concerns every question. The order of a listing is
        # not documented, hence a whole page, and the newest of it.
        try:
            response = self._client.list_memory_records(
                memoryId=self._memory_id, namespace=self._preferences, maxResults=PAGE_LIMIT
            )
        except AWS_ERRORS as error:
            raise as_agent_error(error, part="memory") from None
        newest = sorted(response["memoryRecordSummaries"], key=lambda record: record["createdAt"], reverse=True)
        return [record["content"]["text"] for record in newest[:PREFERENCES_LIMIT]]

    def remember(self, session_id: str, turn: Turn, *, request_id: str) -> None:
        try:
            self._client.create_event(
                memoryId=self._memory_id,
                actorId=self._actor,
                sessionId=check_session_id(session_id),
                eventTimestamp=datetime.now(UTC),
                clientToken=request_id,
                payload=[_message("USER", turn.question), _message("ASSISTANT", turn.answer)],
            )
        except AWS_ERRORS as error:
            raise as_agent_error(error, part="memory") from None


def _message(role: str, text: str) -> dict[str, Any]:
    return {"conversational": {"role": role, "content": {"text": text[:TEXT_LIMIT_CHARS]}}}


def _turn(event: dict[str, Any]) -> Turn | None:
    """Read a turn back; None for an event that holds none, such as one that another program wrote."""
    texts = {
        item["conversational"]["role"]: item["conversational"]["content"].get("text", "")
        for item in event.get("payload", [])
        if "conversational" in item
    }
    if not texts.get("USER") or not texts.get("ASSISTANT"):
        return None
    return Turn(question=texts["USER"], answer=texts["ASSISTANT"])
