"""Which tools the offline model calls for a question. Plain rules over the user's words, and over nothing else."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from local_aws.model.conversation import Conversation

MAX_PATIENTS: Final = 4
_PATIENT_ID: Final = re.compile(r"\bP-\d{4}\b")
_LISTING: Final = re.compile(r"\b(list|which|who are|all|show|how many)\b.*\bpatients\b", re.IGNORECASE | re.DOTALL)
_DOCUMENTS: Final = re.compile(
    r"\b(documents?|guidelines?|protocols?|polic(y|ies)|procedures?|forms?|leaflets?|according to)\b", re.IGNORECASE
)
_SMALL_TALK: Final = re.compile(
    r"\s*(hi|hello|hey|thanks?|thank you|good (morning|afternoon|evening)|bye|who are you|what can you do)\b"
    r"[\w\s,.!?']{0,40}$",
    re.IGNORECASE,
)
_RECALL: Final = re.compile(
    r"\bdid (i|we) (just )?(ask|say|tell|talk|discuss|mention)|\b(i|we) (just )?(asked|said|told|talked|discussed)\b"
    r"|\b(my|our) (last|previous|first|earlier) (question|message)|\b(do|can) you remember\b"
    r"|\bwhat do you know about me\b|\bmy preferences?\b",
    re.IGNORECASE,
)
_PREFERENCE: Final = re.compile(
    r"\bi (would )?prefer\b|\bi('d)? like (short|brief|long|detailed|concise)|\bremember (that|my|i)\b"
    r"|\bfrom now on\b|\bplease (always|keep|answer|use)\b|\bcall me\b",
    re.IGNORECASE,
)


class Kind(enum.Enum):
    """What a question is about."""

    SMALL_TALK = enum.auto()
    RECALL = enum.auto()
    PREFERENCE = enum.auto()
    LOOK_UP = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call the model asks for."""

    tool: str
    arguments: Mapping[str, Any]


def is_preference(text: str) -> bool:
    """Tell whether a text states how its author wants to be answered."""
    return bool(_PREFERENCE.search(text)) and not text.rstrip().endswith("?")


def classify(question: str) -> Kind:
    """Tell what a question is about; whatever names a patient or a document is a look-up."""
    if _PATIENT_ID.search(question):
        return Kind.LOOK_UP
    if _SMALL_TALK.match(question):
        return Kind.SMALL_TALK
    if _RECALL.search(question):
        return Kind.RECALL
    return Kind.PREFERENCE if is_preference(question) else Kind.LOOK_UP


def plan(conversation: Conversation) -> list[ToolCall]:
    """Choose the tool calls of a turn, all at once; after the first results there are none."""
    question, tools = conversation.question, conversation.tools
    if conversation.results or classify(question) is not Kind.LOOK_UP:
        return []
    calls = []
    patients = list(dict.fromkeys(_PATIENT_ID.findall(question)))[:MAX_PATIENTS]
    if "get_patient" in tools:
        calls += [ToolCall(tool="get_patient", arguments={"patient_id": patient}) for patient in patients]
    if not patients and "list_patients" in tools and _LISTING.search(question):
        calls.append(ToolCall(tool="list_patients", arguments={}))
    if "search_documents" in tools and (not calls or _DOCUMENTS.search(question)):
        calls.append(ToolCall(tool="search_documents", arguments={"query": question.strip()[:500]}))
    return calls
