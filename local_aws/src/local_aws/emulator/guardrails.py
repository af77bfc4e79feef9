"""What a guardrail makes of a text: whether it is blocked, and what is masked in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from local_aws.emulator.guardrail_rules import ENTITIES, PROFANITY, PROMPT_ATTACKS
from local_aws.emulator.patching import wrap

Source = Literal["INPUT", "OUTPUT"]

_WIRE: Final = {"BLOCK": "BLOCKED", "ANONYMIZE": "ANONYMIZED", "NONE": "NONE"}
_MANAGED: Final = {"PROFANITY": PROFANITY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a guardrail found."""

    policy: str  # of the assessment: contentPolicy, wordPolicy or sensitiveInformationPolicy
    listing: str  # of the policy: filters, customWords, managedWordLists, piiEntities or regexes
    detail: Mapping[str, Any]
    action: str  # BLOCK, ANONYMIZE or NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The outcome for one text."""

    findings: tuple[Finding, ...]
    masked_text: str  # the text itself, if there is nothing to mask

    @property
    def blocked(self) -> bool:
        """Whether the text must not pass."""
        return any(finding.action == "BLOCK" for finding in self.findings)

    @property
    def masked(self) -> bool:
        """Whether something in the text was replaced."""
        return any(finding.action == "ANONYMIZE" for finding in self.findings)

    @property
    def assessment(self) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """What was found, in the form of AWS's assessments."""
        found: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for finding in self.findings:
            entry = {**finding.detail, "action": _WIRE[finding.action], "detected": True}
            found.setdefault(finding.policy, {}).setdefault(finding.listing, []).append(entry)
        return found


def _action(rule: Mapping[str, Any], source: Source) -> str | None:
    """Give what a rule does about a text from this side; None if it does not look at it."""
    side = source.lower()
    if not rule.get(f"{side}Enabled", True):
        return None
    action = str(rule.get(f"{side}Action") or rule.get("action") or "BLOCK")
    return action if action in _WIRE else "BLOCK"


def _find_word(word: str, text: str) -> re.Match[str] | None:
    spaced = r"\s+".join(re.escape(part) for part in word.split())
    return re.search(rf"(?<!\w){spaced}(?!\w)", text, re.IGNORECASE) if spaced else None


def _words(policy: Mapping[str, Any], source: Source, text: str) -> Iterator[Finding]:
    for rule in policy.get("wordsConfig") or ():
        action, word = _action(rule, source), str(rule.get("text") or "")
        if action and _find_word(word, text):
            yield Finding(policy="wordPolicy", listing="customWords", detail={"match": word}, action=action)
    for rule in policy.get("managedWordListsConfig") or ():
        action, kind = _action(rule, source), str(rule.get("type"))
        found = next((word for word in _MANAGED.get(kind, ()) if _find_word(word, text)), None)
        if action and found:
            detail = {"match": found, "type": kind}
            yield Finding(policy="wordPolicy", listing="managedWordLists", detail=detail, action=action)


def _prompt_attacks(policy: Mapping[str, Any], source: Source, text: str) -> Iterator[Finding]:
    for rule in policy.get("filtersConfig") or ():
        strength = rule.get(f"{source.lower()}Strength", "NONE")
        action = _action(rule, source)
        if rule.get("type") != "PROMPT_ATTACK" or strength == "NONE" or action is None:
            continue
        if any(pattern.search(text) for pattern in PROMPT_ATTACKS):
            detail = {"type": "PROMPT_ATTACK", "confidence": "HIGH", "filterStrength": strength}
            yield Finding(policy="contentPolicy", listing="filters", detail=detail, action=action)


def _spans(rule: Mapping[str, Any], text: str) -> list[tuple[int, int]]:
    if "pattern" in rule:
        return [match.span() for match in re.finditer(rule["pattern"], text) if match[0]]
    entity = ENTITIES.get(str(rule.get("type")))
    return list(entity.find(text)) if entity else []


def _mask(text: str, spans: list[tuple[int, int]], label: str) -> str:
    for start, end in reversed(spans):
        text = f"{text[:start]}{{{label}}}{text[end:]}"
    return text


def evaluate(guardrail: Mapping[str, Any], source: Source, text: str, *, prompt_attacks: bool = True) -> Evaluation:
    """Evaluate a text.

    Args:
        guardrail: The guardrail as it is stored.
        source: Whether the text goes to the model or comes from it.
        text: The text.
        prompt_attacks: Whether it may be one: the words of a user may, those that a model once wrote may not.
    """
    findings = list(_words(guardrail.get("WordPolicy") or {}, source, text))
    if prompt_attacks:
        findings += _prompt_attacks(guardrail.get("ContentPolicy") or {}, source, text)
    masked = text
    policy = guardrail.get("SensitiveInformationPolicy") or {}
    for listing, rules in (("regexes", "regexesConfig"), ("piiEntities", "piiEntitiesConfig")):
        for rule in policy.get(rules) or ():
            action, spans = _action(rule, source), _spans(rule, masked)
            if action is None or not spans:
                continue
            start, end = spans[0]
            names = {"name": rule.get("name"), "regex": rule.get("pattern"), "type": rule.get("type")}
            detail = {"match": masked[start:end], **{name: value for name, value in names.items() if value}}
            findings.append(Finding(policy="sensitiveInformationPolicy", listing=listing, detail=detail, action=action))
            if action == "ANONYMIZE":
                masked = _mask(masked, spans, str(rule.get("name") or rule.get("type")))
    return Evaluation(findings=tuple(findings), masked_text=masked)


def install() -> None:
    """Make the emulator's ApplyGuardrail evaluate as a model call does."""
    from ministack.services import bedrock_runtime

    @wrap(bedrock_runtime, "_evaluate_guardrail")
    def evaluate_guardrail(original: Any, guardrail: Mapping[str, Any], source: Source, text: str) -> dict[str, Any]:
        found = evaluate(guardrail, source, text)
        units = max(1, -(-len(text) // 1000))
        return {
            "assessment": found.assessment,
            "blocked": found.blocked,
            "anonymized": found.masked,
            "masked_text": found.masked_text,
            "word_units": units if guardrail.get("WordPolicy") else 0,
            "sip_units": units if guardrail.get("SensitiveInformationPolicy") else 0,
        }
