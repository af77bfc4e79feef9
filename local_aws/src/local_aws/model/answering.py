"""The text of the offline model's answers. Tool results are quoted, never followed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from local_aws.model.conversation import Conversation, ToolResult
from local_aws.model.planning import Kind, classify
from local_aws.preferences import is_preference

LABEL: Final = "(Answer of the offline model: put together from the results by rules, not written by a language model.)"

_SHORT: Final = re.compile(r"\b(short|brief|concise|terse)", re.IGNORECASE)
_EXTRACT_CHARS: Final = {False: 320, True: 120}
_DOCUMENTS: Final = {False: 3, True: 1}
_WEB_RESULTS: Final = {False: 3, True: 1}
_PATIENTS_LISTED: Final = 50
_DETAILS: Final = ("conditions", "allergies", "medications", "last_visit", "last_visit_reason", "provider")


def preferences(conversation: Conversation) -> list[str]:
    """Collect what the user said about how to be answered: in earlier sessions, and in this one."""
    stated = [text for text in (*conversation.earlier_questions, conversation.question) if is_preference(text)]
    return list(dict.fromkeys([*conversation.remembered, *(text.strip() for text in stated)]))


def _parse(result: ToolResult) -> dict[str, Any] | None:
    try:
        found = json.loads(result.content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _line(text: Any, limit: int) -> str:
    flat = " ".join(str(text).split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def _value(value: Any) -> str:
    return ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)


def _patient(patient: Mapping[str, Any], *, short: bool) -> str:
    head = f"{patient.get('name', 'Unknown')} ({patient.get('patient_id', '?')}), born {patient.get('birth_year', '?')}"
    shown = _DETAILS[:3] if short else _DETAILS
    details = [f"{name.replace('_', ' ')}: {_value(patient[name])}" for name in shown if patient.get(name)]
    return ". ".join([head, *details]) + "."


def _documents(documents: Sequence[Any], *, short: bool) -> str:
    found = [document for document in documents if isinstance(document, Mapping)][: _DOCUMENTS[short]]
    if not found:
        return "I found no document of this clinic on that."
    lines = [
        f"- {document.get('title') or 'Untitled'} [{document.get('document_id', '?')}]: "
        f"“{_line(document.get('excerpt', ''), _EXTRACT_CHARS[short])}”"
        for document in found
    ]
    return "\n".join(["From this clinic's documents:", *lines])


def _profile(profile: Mapping[str, Any], *, short: bool) -> str:
    specialty, hours, services = (profile.get(name) for name in ("specialty", "opening_hours", "services"))
    lines = [f"{profile.get('name', 'This clinic')}{f', {specialty}' if specialty else ''}."]
    if services:
        lines.append(f"Services: {_value(services)}.")
    if isinstance(hours, Mapping) and hours and not short:
        lines.append("Opening hours: " + "; ".join(f"{days}: {_value(when)}" for days, when in hours.items()) + ".")
    return "\n".join(lines)


def _web(results: Sequence[Any], *, short: bool) -> str:
    found = [result for result in results if isinstance(result, Mapping)][: _WEB_RESULTS[short]]
    if not found:
        return "I found no public guidance on that on the web."
    lines = []
    for result in found:
        published = result.get("publishedDate") or result.get("published") or "unknown"
        text = _line(result.get("text") or result.get("snippet") or "", _EXTRACT_CHARS[short])
        source = f"{result.get('url') or 'no address'}, published: {published}"
        lines.append(f"- {_line(result.get('title') or 'Untitled', 120)} [{source}]: “{text}”")
    return "\n".join(["Public guidance from the web, not this clinic's own:", *lines])


def _error(result: ToolResult, error: Any) -> str:
    code = error.get("code") if isinstance(error, Mapping) else None
    if code == "not_found":
        asked = result.arguments.get("patient_id")
        return f"This clinic has no patient {asked}." if asked else "I found nothing under that name in this clinic."
    return f"The tool {result.tool or 'asked'} could not answer ({code or 'error'}), so I cannot tell."


def _from_result(result: ToolResult, *, short: bool) -> str:
    data = _parse(result)
    if data is None:
        return f"The tool {result.tool or 'asked'} failed, so I cannot tell."
    if "error" in data:
        return _error(result, data["error"])
    if isinstance(data.get("patient"), Mapping):
        return _patient(data["patient"], short=short)
    if isinstance(data.get("patients"), list):
        listed = [patient for patient in data["patients"] if isinstance(patient, Mapping)][:_PATIENTS_LISTED]
        lines = [f"- {patient.get('patient_id', '?')} {patient.get('name', 'Unknown')}" for patient in listed]
        more = ["There are more on the next page."] if data.get("next_cursor") else []
        return "\n".join([f"{len(listed)} patients:", *lines, *more])
    if isinstance(data.get("documents"), list):
        return _documents(data["documents"], short=short)
    if isinstance(data.get("profile"), Mapping):
        return _profile(data["profile"], short=short)
    if isinstance(data.get("results"), list):
        return _web(data["results"], short=short)
    return f"The tool {result.tool or 'asked'} answered in a form I do not know."


def _recall(conversation: Conversation) -> str:
    lines = []
    if conversation.earlier_questions:
        lines += ["Earlier in this conversation you asked:"]
        lines += [f"- {_line(question, 200)}" for question in conversation.earlier_questions]
    if conversation.remembered:
        lines += ["From earlier sessions I remember:"]
        lines += [f"- {_line(record, 200)}" for record in conversation.remembered]
    return "\n".join(lines) or "This is the start of our conversation, and I remember nothing from earlier ones."


def _paragraphs(conversation: Conversation) -> Iterator[str]:
    known = preferences(conversation)
    short = any(_SHORT.search(text) for text in known)
    kind = classify(conversation.question)
    if conversation.results:
        for result in conversation.results:
            yield _from_result(result, short=short)
    elif kind is Kind.RECALL:
        yield _recall(conversation)
    elif kind is Kind.PREFERENCE:
        yield f"Noted: {_line(conversation.question, 200)}"
    elif kind is Kind.SMALL_TALK:
        yield "Hello. Ask me about this clinic's documents, or about a patient by an id such as P-1234."
    else:
        yield "I have no tool to look that up with."
    if known and kind is Kind.LOOK_UP:
        yield "Preferences I keep to: " + "; ".join(_line(text, 120).rstrip(".!") for text in known) + "."


def answer(conversation: Conversation) -> str:
    """Write the answer to a conversation that needs no more tools; the last line says where it comes from."""
    return "\n\n".join([*_paragraphs(conversation), LABEL])
