"""What the laptop recognises in place of the classifiers behind AWS's guardrails: a few patterns, and only these.

They make the way through a guardrail visible and testable; they protect nobody. What is written here never hits a word
inside another one, nor a number without the marks or the check digits of its kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

NOTE: Final = (
    "guardrails are evaluated by a few rules on the laptop: words, regexes, some kinds of sensitive information and "
    "obvious prompt attacks; content filters, topics and grounding are accepted and not evaluated"
)

PROFANITY: Final = ("arsehole", "asshole", "bastard", "bullshit", "fuck", "fucking", "motherfucker", "shit", "wanker")
"""Stands for AWS's managed list PROFANITY, which is longer and not published."""

PROMPT_ATTACKS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(ignore|disregard|forget)\s+(all\s+|any\s+)?(of\s+)?(your|the|my|these|those)?\s*"
        r"(previous|prior|earlier|above|preceding|system|former)\s+(instructions?|rules?|prompts?|messages?|directions?)\b",
        r"\b(ignore|disregard|forget)\s+(all\s+(of\s+)?)?(your|the)\s+(instructions?|rules|guidelines|guardrails?)\b",
        r"\b(reveal|print|show|repeat|output|tell\s+me|give\s+me|what\s+(is|are))\s+(me\s+)?(all\s+(of\s+)?)?(your|the)\s+"
        r"(system|developer|hidden|initial|secret)\s+(prompts?|instructions?|messages?)\b",
        r"\byou\s+are\s+now\s+(DAN\b|in\s+developer\s+mode\b|unrestricted\b|jailbroken\b)",
        r"\bpretend\s+(that\s+)?you\s+(have\s+no|are\s+without)\s+(rules|restrictions|guidelines|limits)\b",
    )
)
"""Stand for the content filter PROMPT_ATTACK."""


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isdigit())


def _is_card(text: str) -> bool:
    digits = [int(char) for char in _digits(text)][::-1]
    doubled = [value if index % 2 == 0 else sum(divmod(2 * value, 10)) for index, value in enumerate(digits)]
    return 13 <= len(digits) <= 19 and sum(doubled) % 10 == 0


def _is_iban(text: str) -> bool:
    compact = re.sub(r"\s", "", text).upper()
    moved = compact[4:] + compact[:4]
    return 15 <= len(compact) <= 34 and int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


def _is_secret_key(text: str) -> bool:
    # Checksums in hexadecimal and words of one case have this length too.
    kinds = (str.isupper, str.islower, str.isdigit)
    return all(any(kind(char) for char in text) for kind in kinds) and not re.fullmatch(r"[0-9a-fA-F]+", text)


def _is_address(text: str) -> bool:
    return all(int(part) <= 255 for part in text.split("."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A kind of sensitive information: its pattern, whose group `value` is masked, and what else must hold for it."""

    pattern: re.Pattern[str]
    check: Callable[[str], bool] = lambda text: True

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Find where it occurs, as start and end."""
        for match in self.pattern.finditer(text):
            if self.check(match["value"]):
                yield match.span("value")


def _entity(pattern: str, **more: Any) -> Entity:
    return Entity(pattern=re.compile(pattern, re.IGNORECASE if more.pop("ignore_case", False) else 0), **more)


ENTITIES: Final = {
    "EMAIL": _entity(r"(?P<value>[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,})"),
    "PHONE": _entity(r"(?<![\w.-])(?P<value>\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]?\d{2,4}){2,3})(?!\w)"),
    "US_SOCIAL_SECURITY_NUMBER": _entity(r"(?<![\w-])(?P<value>(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4})(?![\w-])"),
    "CREDIT_DEBIT_CARD_NUMBER": _entity(r"(?<![\w-])(?P<value>\d(?:[ -]?\d){12,18})(?![\w-])", check=_is_card),
    "CREDIT_DEBIT_CARD_CVV": _entity(
        r"\b(?:CVV2?|CVC2?|card (?:verification|security) (?:code|value|number))\W{0,3}(?:is\W{1,3})?"
        r"(?P<value>\d{3,4})\b",
        ignore_case=True,
    ),
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": _entity(
        r"(?<!\w)(?P<value>[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?)(?!\w)", check=_is_iban
    ),
    "IP_ADDRESS": _entity(r"(?<![\w.])(?P<value>\d{1,3}(?:\.\d{1,3}){3})(?![\w.])", check=_is_address),
    "URL": _entity(r"(?P<value>https?://[^\s<>\"]+)"),
    "AWS_ACCESS_KEY": _entity(r"(?<!\w)(?P<value>(?:AKIA|ASIA)[0-9A-Z]{16})(?!\w)"),
    "AWS_SECRET_KEY": _entity(
        r"(?<![A-Za-z0-9/+=])(?P<value>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])", check=_is_secret_key
    ),
    "PASSWORD": _entity(
        r"\b(?:password|passwd|passphrase)(?:\s+(?:is|was)\s+|\s*[:=]\s*)[\"“']?(?P<value>(?=\S*\d)[^\s\"”']{6,})",
        ignore_case=True,
    ),
}
"""Kinds of sensitive information by AWS's names. Other kinds, such as NAME or ADDRESS, are accepted and not found."""
