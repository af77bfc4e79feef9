"""Tells what the tier's guardrail stopped from what the model said, while the answer streams."""

from typing import Final

INTERVENED: Final = "guardrail_intervened"
"""Converse's stop reason, for an answer that was blocked and for one in which something was masked."""


class GuardrailWatch:
    """Holds text back as long as it may be the guardrail's own message, which comes in place of what it blocked.

    There is no trace to tell a block from a mask by: it quotes what was stopped. A call that ends with the guardrail's
    message, or with no text at all, was blocked.
    """

    def __init__(self, message: str) -> None:
        """Watch the calls of one turn.

        Args:
            message: What the tier's guardrail says in place of what it blocks.
        """
        self._message = message.strip()
        self._text = ""  # of the call under way
        self._told = 0  # how much of it was let through
        self.blocked = False

    def text(self, piece: str) -> str:
        """Take a piece of the model's text, and return what can be told by now."""
        self._text += piece
        return self._release(keep=self._may_be_the_message())

    def tool_use(self) -> str:
        """Note that the model goes on with a tool call: what was held back is its own text."""
        return self._release(keep=0)

    def stop(self, reason: str) -> str:
        """Note the end of a model call, and return what was held back if it was the model's."""
        text = self._text.strip()
        if reason == INTERVENED and (not text or text.endswith(self._message)):
            self.blocked = True
            return ""
        rest = self._release(keep=0)
        self._text, self._told = "", 0
        return rest

    def _release(self, *, keep: int) -> str:
        until = len(self._text) - keep
        released, self._told = self._text[self._told : until], max(self._told, until)
        return released

    def _may_be_the_message(self) -> int:
        """How many of the last characters could be the beginning of the message, or all of it with a blank behind."""
        pending = self._text[self._told :]
        trailing = len(pending) - len(pending.rstrip())
        if self._message and pending.rstrip().endswith(self._message):
            return len(self._message) + trailing
        longest = min(len(pending), len(self._message))
        return next((size for size in range(longest, 0, -1) if self._message.startswith(pending[-size:])), 0)
