"""The policies that Terraform renders: checked, decided, and every weakening of them caught."""

import dataclasses
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cedarpy
import pytest

from local_aws.gateway.engine import PolicyError
from local_aws.gateway.recorded import Policy
from scripts.cedar.checks import problems
from scripts.cedar.table import decide_all, render
from scripts.policies import GOLDEN, PoliciesWrong, Rendered, checked_table, main, render_policies
from scripts.terraform.cli import TerraformError

CATALOG = GOLDEN.parents[1]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    return render_policies(work=tmp_path_factory.mktemp("policies"))


@pytest.fixture(scope="module")
def table(rendered: Rendered) -> str:
    return checked_table(rendered)


def replaced(rendered: Rendered, tier: str, text: str) -> Rendered:
    """The same with another text for one tier, in the engine and in the output alike."""
    policies = [
        dataclasses.replace(policy, statement=text) if policy.statement == rendered.policies[tier] else policy
        for policy in rendered.config.policies
    ]
    config = dataclasses.replace(rendered.config, policies=tuple(policies))
    return Rendered(config=config, policies={**rendered.policies, tier: text})


def test_the_golden_file_is_what_is_rendered(table: str) -> None:
    assert GOLDEN.read_text(encoding="utf-8") == table, "review, then python -m scripts.policies --update"


def test_the_table_says_what_the_tiers_may_do(table: str) -> None:
    lines = table.splitlines()
    assert "| `basic` | `clinic-data___get_patient` | 06-20 | clinic_example_basic_tools |" in lines
    assert "| `basic` | `web-search___WebSearch` | never | - |" in lines
    assert "| `premium` | `web-search___WebSearch` | always | clinic_example_premium_tools |" in lines
    assert "| absent | every tool | never | - |" in lines
    assert "| `Basic` | every tool | never | - |" in lines


# --- mutants ----------------------------------------------------------------------------------------------------------


def weakened(text: str) -> Iterator[tuple[str, str]]:
    """Every policy that lacks one thing: a condition, an action, a constraint of the scope, or the whole policy."""
    (policy,) = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"].values()

    def cedar(changed: dict[str, Any]) -> str:
        document = {"staticPolicies": {"p": changed}, "templates": {}, "templateLinks": []}
        return cedarpy.policies_from_json_str(json.dumps(document))

    assert [condition["kind"] for condition in policy["conditions"]] == ["when"]
    parts = conjuncts(policy["conditions"][0]["body"])
    for index, part in enumerate(parts):
        left = parts[:index] + parts[index + 1 :]
        yield f"without {json.dumps(part)}", cedar({**policy, "conditions": [{"kind": "when", "body": joined(left)}]})
        for name, looser in loosened(part):
            other = [*parts[:index], looser, *parts[index + 1 :]]
            yield name, cedar({**policy, "conditions": [{"kind": "when", "body": joined(other)}]})
    yield "without conditions", cedar({**policy, "conditions": []})
    yield "unless instead of when", cedar({**policy, "conditions": [{**policy["conditions"][0], "kind": "unless"}]})
    for part_of_scope in ("principal", "action", "resource"):
        yield f"any {part_of_scope}", cedar({**policy, part_of_scope: {"op": "All"}})
    yield "any gateway", cedar({**policy, "resource": {"op": "is", "entity_type": "AgentCore::Gateway"}})
    entities = policy["action"]["entities"]
    for index, entity in enumerate(entities):
        action = {"op": "in", "entities": entities[:index] + entities[index + 1 :]}
        yield f"without {entity['id']}", cedar({**policy, "action": action})
    for group in ("Mcp", "CallTool", "clinic-data", "web-search"):
        action = {"op": "in", "entities": [*entities, {"type": "AgentCore::Action", "id": group}]}
        yield f"and all of {group}", cedar({**policy, "action": action})
    yield "forbid instead of permit", cedar({**policy, "effect": "forbid"})
    yield "a second permit", text + "permit (principal, action, resource);"


def conjuncts(expression: dict[str, Any]) -> list[dict[str, Any]]:
    if "&&" in expression:
        return conjuncts(expression["&&"]["left"]) + conjuncts(expression["&&"]["right"])
    return [expression]


def joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    if not parts:
        return {"Value": True}
    first, *rest = parts
    for part in rest:
        first = {"&&": {"left": first, "right": part}}
    return first


def loosened(part: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same comparison with another operator or value."""
    text = json.dumps(part)
    if '"getTag"' in text:
        yield "!= tier", {"!=": part["=="]}
        yield "like tier*", {"like": {"left": part["=="]["left"], "pattern": [{"Literal": "b"}, "Wildcard"]}}
        own = json.dumps(part["=="]["right"])
        for tier in ("basic", "premium", "gold", ""):
            if (other := json.dumps({"Value": tier})) != own:
                yield f"tier {tier!r}", json.loads(text.replace(own, other))
    for old, new in ((">=", ">"), ("<", "<="), (">=", "<"), ("<", ">=")):
        if old in part:
            yield f"{new} instead of {old}", {new: part[old]}
    for hours in re.findall(r'"(\d+)h"', text):
        for hour in (int(hours) - 1, int(hours) + 1):
            yield f"{hour} h instead of {hours} h", json.loads(text.replace(f'"{hours}h"', f'"{hour}h"'))


def test_every_weakened_policy_is_caught(rendered: Rendered) -> None:
    expected = list(decide_all(rendered.config, tiers=rendered.tiers))
    survivors, count = [], 0
    for tier, text in rendered.policies.items():
        for name, mutant in weakened(text):
            count += 1
            changed = replaced(rendered, tier, mutant)
            if not problems(changed.config, tiers=changed.policies):
                cases = decide_all(changed.config, tiers=rendered.tiers)
                if all(case == other for case, other in zip(cases, expected, strict=True)):
                    survivors.append(f"{tier}: {name}")
    assert count >= 35
    assert survivors == []


# Equal in effect, and caught by the check of the form alone: only users of this kind can reach the gateway.
SAME_DECISIONS = {"any principal"}


@pytest.mark.parametrize("tier", ["basic", "premium"])
def test_the_table_itself_shows_every_weakening_that_cedar_accepts(rendered: Rendered, tier: str) -> None:
    expected = list(decide_all(rendered.config, tiers=rendered.tiers))
    for name, mutant in weakened(rendered.policies[tier]):
        cases = decide_all(replaced(rendered, tier, mutant).config, tiers=rendered.tiers)
        try:
            differs = any(case != other for case, other in zip(cases, expected, strict=True))
        except PolicyError:
            continue
        assert differs is (name not in SAME_DECISIONS), name


@pytest.mark.parametrize("tier", ["basic", "premium"])
def test_a_deleted_policy_is_caught(rendered: Rendered, table: str, tier: str) -> None:
    left = tuple(policy for policy in rendered.config.policies if policy.statement != rendered.policies[tier])
    config = dataclasses.replace(rendered.config, policies=left)
    with pytest.raises(PoliciesWrong) as refusal:
        checked_table(Rendered(config=config, policies=rendered.policies))
    assert str(refusal.value) == f"tier {tier}: its policy is not in the engine"
    both = {name: text for name, text in rendered.policies.items() if name != tier}
    with pytest.raises(PoliciesWrong) as refusal:
        checked_table(Rendered(config=config, policies=both))
    assert str(refusal.value) == f"tier {tier}: has no policy"
    assert render(list(decide_all(config, tiers=rendered.tiers)), tiers=rendered.tiers) != table


def test_a_policy_of_no_tier_is_caught(rendered: Rendered) -> None:
    stray = Policy(id="stray", name="stray", statement="permit (principal, action, resource);")
    config = dataclasses.replace(rendered.config, policies=(*rendered.config.policies, stray))
    assert problems(config, tiers=rendered.policies) == ["policy stray: belongs to no tier"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("clinic-data___get_patient", "clinic-data___get_patent", "tier basic, line 5, column 5: "),
        ('== "basic" &&', "== 5 &&", "tier basic, line "),
        ('== "basic" &&', '== "basic" && &&', "tier basic, line 13, column 42: "),
        ("};", "}", "tier basic, line 16, column 2: "),
        (
            'principal.getTag("tier") == "basic"',
            'principal.getTag("tier") == "basic" && principal.getTag("tier") like "b*"',
            "tier basic: line 13, column 67: `like`: ",
        ),
        ("when {", "unless {", "tier basic: line 11, column 1: `unless`: "),
        ('== "basic"', '== "premium"', "tier basic: lacks the condition on the tier"),
        ("gateway/", "gateway/x", "tier basic: resource has to be this gateway"),
        (
            'AgentCore::Action::"clinic-data___get_patient"',
            'AgentCore::Action::"clinic-data"',
            "tier basic: action has",
        ),
    ],
)
def test_errors_name_tier_and_place(rendered: Rendered, old: str, new: str, said: str) -> None:
    text = rendered.policies["basic"]
    assert old in text
    changed = replaced(rendered, "basic", text.replace(old, new))
    found = problems(changed.config, tiers=changed.policies)
    assert any(problem.startswith(said) for problem in found), found


def test_a_policy_on_arguments_is_refused(rendered: Rendered) -> None:
    text = rendered.policies["basic"].replace('== "basic"', '== "basic" && context.input == context.input')
    with pytest.raises(PoliciesWrong, match=r"depends on context\.input"):
        checked_table(replaced(rendered, "basic", text))


# --- the program ------------------------------------------------------------------------------------------------------


def test_a_changed_catalog_changes_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = tmp_path / "catalog"
    shutil.copytree(CATALOG, catalog)
    tiers = (catalog / "tiers.yaml").read_text(encoding="utf-8")
    changed = re.sub(r"(access_hours_utc:.*)20", r"\g<1>22", tiers, count=1)
    assert changed != tiers
    (catalog / "tiers.yaml").write_text(changed, encoding="utf-8")
    assert main(["--check", "--catalog", str(catalog)]) == 1
    said = capsys.readouterr()
    assert "-| `basic` | `clinic-data___get_patient` | 06-20 |" in said.err
    assert "+| `basic` | `clinic-data___get_patient` | 06-22 |" in said.err
    assert "what tenants may do has changed" in said.out


def test_a_catalog_that_terraform_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = tmp_path / "catalog"
    shutil.copytree(CATALOG, catalog)
    (catalog / "tools" / "get_patient.json").unlink()
    assert main(["--check", "--catalog", str(catalog)]) == 1
    assert "get_patient" in capsys.readouterr().err
    with pytest.raises(TerraformError):
        render_policies(work=tmp_path / "work", catalog=catalog)
