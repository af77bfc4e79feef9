"""A guardrail around one model call: what it looks at, and what comes back if it intervenes.

It looks at the texts of the messages and of the answer. Tool results, tool definitions and the arguments of tool calls
are not evaluated, as AWS documents it; neither is the system prompt. With `guardContent` blocks only these are, in
system prompt and messages. Without them it is the whole conversation, where only a user's words can be a prompt attack.

A blocked input never reaches the model and costs no tokens. A blocked answer comes back as the guardrail's message; the
stop reason of a masked one is `guardrail_intervened` too, unless the answer asks for tools.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from local_aws.emulator.converse_events import Event
from local_aws.emulator.guardrails import Evaluation, evaluate

INTERVENED: Final = "guardrail_intervened"
HOLD_BACK_CHARS: Final = 120
"""More than the longest word or phrase that a guardrail can deny, which has 100 characters."""

_PORTION_CHARS: Final = 60  # evaluate when so much is new, not at every word
_TRACED: Final = ("enabled", "enabled_full")
_NOTHING: Final = {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """A text of the request, and the object that holds it under `text`."""

    holder: dict[str, Any]
    by_user: bool


def _blocks(request: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    turns = [("system", request.get("system")), *((m["role"], m["content"]) for m in request.get("messages") or ())]
    for role, content in turns:
        for block in content or ():
            if isinstance(block, dict):
                yield role, block


def _guarded(block: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the text object of a `guardContent` block."""
    content = block.get("guardContent")
    text = content.get("text") if isinstance(content, dict) else None
    return text if isinstance(text, dict) and isinstance(text.get("text"), str) else None


def evaluated_texts(request: Mapping[str, Any]) -> list[_Text]:
    """Find what of a Converse request a guardrail evaluates."""
    marked = [(role, text) for role, block in _blocks(request) if (text := _guarded(block)) is not None]
    found = [
        _Text(holder=text, by_user=role != "assistant")
        for role, text in marked
        if not text.get("qualifiers") or "guard_content" in text["qualifiers"]
    ]
    if any(role != "system" for role, _ in marked):
        return found
    plain = [(role, block) for role, block in _blocks(request) if isinstance(block.get("text"), str)]
    return found + [_Text(holder=block, by_user=role == "user") for role, block in plain if role != "system"]


def without_marks(request: Mapping[str, Any]) -> dict[str, Any]:
    """Give the request as the model sees it: `guardContent` blocks are texts."""

    def shown(content: Any) -> list[Any]:
        return [
            {"text": text["text"]} if isinstance(block, dict) and (text := _guarded(block)) else block
            for block in content or ()
        ]

    messages = [{**message, "content": shown(message["content"])} for message in request.get("messages") or ()]
    return {**request, "messages": messages, "system": shown(request.get("system"))}


@dataclass(slots=True, kw_only=True)
class Guard:
    """A guardrail for one call."""

    guardrail: Mapping[str, Any]  # as it is stored
    trace: str | None
    _input: list[Evaluation] = field(default_factory=list)
    _output: list[Evaluation] = field(default_factory=list)

    def check_input(self, request: Mapping[str, Any]) -> bool:
        """Evaluate a request, and mask what is to be masked in it; False if it must not reach the model."""
        for text in evaluated_texts(request):
            found = evaluate(self.guardrail, "INPUT", text.holder["text"], prompt_attacks=text.by_user)
            text.holder["text"] = found.masked_text
            self._input.append(found)
        return not any(found.blocked for found in self._input)

    def check_output(self, text: str) -> Evaluation:
        """Evaluate a text of an answer."""
        return evaluate(self.guardrail, "OUTPUT", text)

    def note_output(self, found: Evaluation) -> None:
        """Keep an evaluation of the answer for the trace."""
        self._output.append(found)

    def check_answer(self, events: list[Event]) -> list[Event]:
        """Evaluate a whole answer; gives what may be sent in its place."""
        gate = AnswerGate(self, hold_back=None)
        sent = gate.feed(events)
        return (
            self.message(self.guardrail["BlockedOutputsMessaging"], dict(events)["metadata"]) if gate.blocked else sent
        )

    def refusal(self) -> list[Event]:
        """Give the answer to a blocked input."""
        metadata = {"usage": dict(_NOTHING), "metrics": {"latencyMs": 1}}
        return self.message(self.guardrail["BlockedInputMessaging"], metadata)

    def message(self, text: str, metadata: Mapping[str, Any]) -> list[Event]:
        """Give an answer that consists of one of the guardrail's messages."""
        return [
            ("messageStart", {"role": "assistant"}),
            ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}}),
            ("contentBlockStop", {"contentBlockIndex": 0}),
            ("messageStop", {"stopReason": INTERVENED}),
            ("metadata", {**metadata, **self.traced()}),
        ]

    def traced(self) -> dict[str, Any]:
        """Give the trace, if the request asked for one."""
        if self.trace not in _TRACED:
            return {}
        identifier = self.guardrail["GuardrailId"]
        found: dict[str, Any] = {}
        if self._input:
            found["inputAssessment"] = {identifier: _merged(self._input)}
        if self._output:
            found["outputAssessments"] = {identifier: [one.assessment for one in self._output]}
        return {"trace": {"guardrail": found}}


def _merged(evaluations: list[Evaluation]) -> dict[str, Any]:
    findings = tuple(finding for one in evaluations for finding in one.findings)
    return Evaluation(findings=findings, masked_text="").assessment


class AnswerGate:
    """Lets the events of an answer through once their text has been evaluated, as AWS's mode `sync` does.

    The last characters of a text are held back until it goes on or ends: what a guardrail blocks is not sent, nor its
    beginning, unless a regex matches more than that. Text in front of it may be on its way by then. Mode `async` is
    served like this too.
    """

    def __init__(self, guard: Guard, *, hold_back: int | None = HOLD_BACK_CHARS) -> None:
        """Make the gate of one answer.

        Args:
            guard: The guardrail of the call.
            hold_back: Characters to hold back; None holds back each text until its end.
        """
        self._guard, self._hold_back = guard, hold_back
        self._text = self._pending = ""  # of the text block under way: all of it, and what was not yet sent
        self._waiting: list[Event] = []  # the start of the message goes with what follows it
        self._masked = False
        self.blocked = False

    def feed(self, events: list[Event]) -> list[Event]:
        """Take events in their order; gives those that may be sent by now."""
        for name, body in events:
            self._waiting += self._after_block(name, body) if self.blocked else self._event(name, body)
        if [name for name, _ in self._waiting] == ["messageStart"]:
            return []
        sent, self._waiting = self._waiting, []
        return sent

    def _after_block(self, name: str, body: dict[str, Any]) -> Iterator[Event]:
        if name == "metadata":  # only now is known what the call cost
            yield "messageStop", {"stopReason": INTERVENED}
            yield name, {**body, **self._guard.traced()}

    def _event(self, name: str, body: dict[str, Any]) -> Iterator[Event]:
        if name == "contentBlockDelta" and "text" in body["delta"]:
            self._text += body["delta"]["text"]
            self._pending += body["delta"]["text"]
            if self._hold_back is not None and len(self._pending) >= self._hold_back + _PORTION_CHARS:
                yield from self._release(body["contentBlockIndex"], keep=self._hold_back)
            return
        if name == "contentBlockStop" and self._text:
            yield from self._release(body["contentBlockIndex"], keep=0)
            self._text = ""
            if self.blocked:
                return
        if name == "messageStop" and self._masked and body["stopReason"] != "tool_use":
            body = {**body, "stopReason": INTERVENED}
        if name == "metadata":
            body = {**body, **self._guard.traced()}
        yield name, body

    def _release(self, index: int, *, keep: int) -> Iterator[Event]:
        # What was sent already needs no second look before the end: nothing of what may be found reaches back so far.
        waiting = self._guard.check_output(self._pending)
        found = waiting if keep else self._guard.check_output(self._text)
        if not keep or found.blocked:
            self._guard.note_output(found)
        if found.blocked:
            self.blocked = True
            text = self._guard.guardrail["BlockedOutputsMessaging"]
            yield "contentBlockDelta", {"contentBlockIndex": index, "delta": {"text": text}}
            yield "contentBlockStop", {"contentBlockIndex": index}
        elif ready := self._ready(keep, waiting.masked_text):
            sent = self._guard.check_output(self._pending[:ready])
            self._pending = self._pending[ready:]
            self._masked = self._masked or sent.masked
            yield "contentBlockDelta", {"contentBlockIndex": index, "delta": {"text": sent.masked_text}}

    def _ready(self, keep: int, masked: str) -> int:
        """How much of what waits can go: up to a blank, and not through the middle of what is to be masked."""
        if keep == 0:
            return len(self._pending)
        until = self._pending.rfind(" ", 0, len(self._pending) - keep) + 1
        parts = (self._pending[:until], self._pending[until:])
        apart = "".join(self._guard.check_output(part).masked_text for part in parts)
        return until if apart == masked else 0
