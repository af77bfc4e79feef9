"""Which sentences state how their author wants to be answered: plain rules, for the offline model and its memory."""

from __future__ import annotations

import re
from typing import Final

MAX_STATEMENT_CHARS: Final = 1000
"""Longer "sentences" are pasted text, not statements."""

_PREFERENCE: Final = re.compile(
    r"\bi (would )?prefer\b|\bi('d)? like (short|brief|long|detailed|concise)|\bremember (that|my|i)\b"
    r"|\bfrom now on\b|\bplease (always|keep|answer|use)\b|\bcall me\b",
    re.IGNORECASE,
)
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+|\n+")


def is_preference(text: str) -> bool:
    """Tell whether a text states how its author wants to be answered."""
    return bool(_PREFERENCE.search(text)) and not text.rstrip().endswith("?")


def preferences_in(text: str) -> list[str]:
    """Find the sentences of a text that are such statements, in their order."""
    sentences = (sentence.strip() for sentence in _SENTENCE_END.split(text))
    return [found for found in sentences if len(found) <= MAX_STATEMENT_CHARS and is_preference(found)]
