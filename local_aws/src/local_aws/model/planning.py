"""Which tools the offline model calls for a question. Plain rules over the user's words, and over nothing else."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from local_aws.model.conversation import Conversation
from local_aws.preferences import is_preference

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


# Opening hours are not among these: every clinic has a document on them, with more in it than the profile.
_PROFILE: Final = re.compile(
    r"\babout (this|our|the|my) (own )?(clinic|hospital|practice|centre)( itself)?\s*[.?!]*$"
    r"|\b(what|which) (kind|type|sort) of (a )?(clinic|hospital|practice|centre)\b"
    r"|\b(clinic|hospital|practice|centre)('s)? (profile|specialt(y|ies))\b"
    r"|\bprofile of (this|our|the) (clinic|hospital|practice|centre)\b"
    r"|\b(what|which) specialt(y|ies)\b|\bour (specialt(y|ies)|services|profile)\b"
    r"|\b(what|which) (other )?services\b.*\b(we|clinic|hospital|practice|centre|offered)\b",
    re.IGNORECASE | re.DOTALL,
)
_ADVICE: Final = r"(guidance|guidelines?|advice|recommend(s|ed|ations?)?|position|schedules?|says?|statements?)"
_PUBLIC_BODY: Final = r"(WHO|CDC|ECDC|NICE|NHS|UKHSA|World Health Organi[sz]ation)"
_WEB: Final = re.compile(
    rf"(?i:\b(search|look|check|find|ask)\b.{{0,60}}\b(the web|the internet|online)\b|\b(on|from) the (web|internet)\b"
    rf"|\b(public|public[- ]health|national|international|official|government)\b.{{0,40}}\b{_ADVICE}\b"
    rf"|\b(latest|newest|most recent|up[- ]to[- ]date)\b.{{0,40}}\b{_ADVICE}\b)"
    # Case counts: "who" asks for a person.
    rf"|\b{_PUBLIC_BODY}\b.{{0,60}}\b{_ADVICE}\b|\b{_ADVICE}\b.{{0,60}}\b{_PUBLIC_BODY}\b",
    re.DOTALL,
)
_OWN: Final = re.compile(r"\b(our|this (clinic|hospital)|(clinic|hospital)'s)\b", re.IGNORECASE)
_WEB_QUERY_CHARS: Final = 200
"""Longest query that the web search takes."""


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
    question, tools = conversation.question.strip(), conversation.tools
    if conversation.results or classify(question) is not Kind.LOOK_UP:
        return []
    calls = []
    patients = list(dict.fromkeys(_PATIENT_ID.findall(question)))[:MAX_PATIENTS]
    if "get_patient" in tools:
        calls += [ToolCall(tool="get_patient", arguments={"patient_id": patient}) for patient in patients]
    if not patients and "list_patients" in tools and _LISTING.search(question):
        calls.append(ToolCall(tool="list_patients", arguments={}))
    if "clinic_profile" in tools and _PROFILE.search(question):
        calls.append(ToolCall(tool="clinic_profile", arguments={}))
    documents = _DOCUMENTS.search(question)
    if "web_search" in tools and _WEB.search(question):
        calls.append(ToolCall(tool="web_search", arguments={"query": question[:_WEB_QUERY_CHARS]}))
        documents = documents if _OWN.search(question) else None  # a guideline, but not one of the clinic
    if "search_documents" in tools and (not calls or documents):
        calls.append(ToolCall(tool="search_documents", arguments={"query": question[:500]}))
    return calls
