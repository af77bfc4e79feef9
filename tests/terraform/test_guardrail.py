"""The rendered guardrails: one per tier, whose words leave clinical talk and the sample documents alone."""

from __future__ import annotations

from typing import Any

import yaml

from .support import ROOT, SOURCES, Access, changed_guardrails

TIERS = yaml.safe_load((SOURCES / "catalog" / "tiers.yaml").read_text())


def _guardrail(access: Access, tier: str) -> dict[str, Any]:
    return access.values(f'aws_bedrock_guardrail.this["{tier}"]')


def test_every_tier_has_its_filters_and_prompt_attacks_are_looked_for_in_questions(
    guardrails: dict[str, Access],
) -> None:
    for tier, settings in TIERS.items():
        (policy,) = _guardrail(guardrails["shipped"], tier)["content_policy_config"]
        found = {f["type"]: (f["input_strength"], f["output_strength"]) for f in policy["filters_config"]}
        wanted = settings["guardrail"]["filters"]
        assert found == {
            **{subject.upper(): (wanted[subject]["input"], wanted[subject]["output"]) for subject in wanted},
            "PROMPT_ATTACK": (settings["guardrail"]["prompt_attack"], "NONE"),
        }


def test_subjects_of_clinical_work_are_not_filtered_in_questions_and_hardly_in_answers() -> None:
    for settings in TIERS.values():
        for subject in ("sexual", "violence", "misconduct"):
            assert settings["guardrail"]["filters"][subject] == {"input": "NONE", "output": "LOW"}
        personal = {"NAME", "AGE", "ADDRESS", "PHONE", "EMAIL", "UK_NATIONAL_HEALTH_SERVICE_NUMBER"}
        chosen = {*settings["guardrail"]["blocked_information"], *settings["guardrail"]["masked_information"]}
        assert not personal & chosen, "clinicians work with these"


def test_denied_words_are_in_no_sample_document_profile_or_question() -> None:
    """A tool's result is part of the prompt, so a denied word in a document would block every answer about it."""
    text = " ".join(
        " ".join(file.read_text().lower().split())
        for file in (ROOT / "data" / "synthetic").rglob("*")
        if file.suffix in (".md", ".yaml")
    )
    for settings in TIERS.values():
        words = settings["guardrail"]["denied_words"]
        assert words, "the laptop shows a refusal with one of them"
        assert [word for word in words if word in text] == []


def test_one_more_tier_adds_a_guardrail_and_a_version_and_changes_no_other(guardrails: dict[str, Access]) -> None:
    before, after = guardrails["shipped"], guardrails["enterprise"]
    assert after.addresses() - before.addresses() == {
        'aws_bedrock_guardrail.this["enterprise"]',
        'aws_bedrock_guardrail_version.this["enterprise"]',
    }
    for address in before.addresses():
        assert before.values(address) == after.values(address)


def test_every_change_of_the_content_makes_a_new_version_and_keeps_the_old(changed: dict[str, Access]) -> None:
    """The description forces a new version, so it has to follow every part of the content."""
    versions = [
        resource["values"]
        for message in changed.values()
        for resource in message.resources
        if resource["type"] == "aws_bedrock_guardrail_version"
    ]
    assert len(versions) == 2 * len(changed_guardrails())
    assert len({version["description"] for version in versions}) == len(versions)
    assert all(version["skip_destroy"] is True for version in versions)
