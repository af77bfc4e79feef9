"""What a plan would lose, and when it is refused for that."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.plan import refusal
from scripts.plans.changes import UnreadablePlan
from scripts.plans.losses import DATA
from scripts.plans.production import is_production
from scripts.plans.report import text, to_markdown
from scripts.plans.summary import summarise
from scripts.terraform.environments import EnvironmentProblem

from .plan_support import (
    MEMORY,
    POOL,
    REPLACE,
    change,
    plan_document,
    printed,
    replaced_memory,
    report,
)


@pytest.mark.parametrize("kind", sorted(DATA))
def test_what_holds_data_is_named_with_what_forces_it_and_refused_in_production(kind: str) -> None:
    address = f"module.x.{kind}.this"
    gone = change(address, ["delete"], before={"name": "a"}, action_reason="delete_because_each_key")
    summary = summarise(plan_document(gone))
    (loss,) = summary.losses
    assert (loss.address, loss.action, loss.holds_data) == (address, "delete", True)
    assert loss.forced_by == ("settings and catalog no longer have it",)
    refused = refusal(report(summary), allowed=[])
    assert refused is not None
    assert refused.endswith(f"--allow-data-loss {address}")


NO_CHANGE = (["no-op"], ["read"], ["create"], ["update"])
LOSING = (["delete"], ["delete", "create"], ["create", "delete"], ["forget"], ["create", "forget"])


@pytest.mark.parametrize("imported", [None, {"id": "m-1"}, {}])
@pytest.mark.parametrize("actions", [*NO_CHANGE, *LOSING])
def test_every_combination_of_actions_that_loses_data_is_refused_imported_or_not(
    actions: list[str], imported: dict[str, str] | None
) -> None:
    more = {} if imported is None else {"importing": imported}
    made = report(summarise(plan_document(change(MEMORY, actions, before={"name": "a"}, after={"name": "b"}, **more))))
    assert [loss.address for loss in made.summary.losses] == ([MEMORY] if actions in LOSING else [])
    assert (refusal(made, allowed=[]) is not None) is (actions in LOSING)
    assert refusal(made, allowed=[MEMORY] if actions in LOSING else []) is None
    assert made.summary.counts.get("import", 0) == (imported is not None)
    assert made.summary.imported == (() if imported is None else (MEMORY,))
    assert made.summary.empty is (imported is None and actions in (["no-op"], ["read"]))


def test_an_imported_resource_counts_by_what_happens_to_it_too() -> None:
    summary = summarise(plan_document(replaced_memory(importing={"id": "m-1"})))
    assert dict(summary.counts) == {"replace": 1, "import": 1}
    assert dict(summary.by_type[0].counts) == {"replace": 1, "import": 1}
    assert "because of name" in "\n".join(text(report(summary)))


def test_what_is_forgotten_is_said_to_stay_behind() -> None:
    gone = change(POOL, ["forget"], before={"name": "a"}, action_reason="delete_because_no_resource_config")
    said = printed(gone, change(MEMORY, ["create", "forget"], before={"name": "a"}, after={"name": "b"}))
    assert f"! forget {POOL}: every user stays in the account, where Terraform no longer knows or protects it" in said
    assert "because its block is gone from the sources" in said
    assert f"! replace {MEMORY}: every conversation and memory record in it stays behind in the old one" in said
    assert "1 to replace, 1 to forget" in said
    assert f"forgotten, stays in the account: {MEMORY}" in said


@pytest.mark.parametrize("actions", [[], ["delete", "forget"], ["create", "delete", "forget"], ["dispose"], ["Open"]])
def test_a_plan_with_actions_that_are_not_known_is_refused(actions: list[str]) -> None:
    with pytest.raises(UnreadablePlan, match="does not know"):
        summarise(plan_document(change(MEMORY, actions, before={"name": "a"})))


def test_a_deposed_object_is_a_loss_of_its_own() -> None:
    deposed = change(MEMORY, ["delete"], before={"name": "old"}, deposed="1a2b3c4d")
    named = f"{MEMORY} (deposed object 1a2b3c4d)"
    made = report(summarise(plan_document(replaced_memory(), deposed)))
    assert [loss.address for loss in made.summary.losses] == [MEMORY, named]
    assert named in (refusal(made, allowed=[MEMORY]) or "")
    assert refusal(made, allowed=[MEMORY, named]) is None
    # It alone does not stand for the object in use.
    with pytest.raises(EnvironmentProblem):
        refusal(report(summarise(plan_document(deposed))), allowed=[MEMORY])


def test_a_move_loses_nothing_unless_it_replaces_and_another_type_hides_no_loss() -> None:
    moved: dict[str, Any] = {
        "before": {"name": "a"},
        "after": {"name": "a"},
        "previous_address": "module.old." + MEMORY,
    }
    assert refusal(report(summarise(plan_document(change(MEMORY, ["no-op"], **moved)))), allowed=[]) is None
    assert refusal(report(summarise(plan_document(change(MEMORY, REPLACE, **moved)))), allowed=[]) is not None
    other = "aws_bedrockagentcore_other.this"
    made = report(summarise(plan_document(change(other, REPLACE, **moved))))
    assert "every conversation" in made.summary.losses[0].what
    assert refusal(made, allowed=[]) is not None
    assert refusal(made, allowed=[other]) is None


def ending(*signs: str, **changes: Any) -> dict[str, Any]:
    """A plan that replaces a memory and says that the environment is none of production; signs say it was one."""
    tags = {"tags_all": {"Production": "true"}}
    document = plan_document(replaced_memory(), production=False, **changes)
    if "output" in signs:
        document["output_changes"] = {"production": {"actions": ["update"], "before": True, "after": False}}
    if "gone output" in signs:
        document["output_changes"] = {"production": {"actions": ["delete"], "before": True, "after": None}}
    if "state" in signs:
        document["prior_state"]["values"]["outputs"] = {"production": {"value": True}}
    if "tag" in signs:
        document["resource_changes"].append(change("aws_s3_bucket.x", ["update"], before=tags, after={"tags_all": {}}))
    if "drifted tag" in signs:
        document["resource_drift"] = [change("aws_s3_bucket.x", ["update"], before=tags, after={})]
    if "tag in the state" in signs:
        document["prior_state"]["values"]["root_module"]["child_modules"] = [
            {"resources": [{"mode": "managed", "address": "module.a.aws_s3_bucket.x", "values": tags}]}
        ]
    return document


@pytest.mark.parametrize("sign", ["output", "gone output", "state", "tag", "drifted tag", "tag in the state"])
def test_what_was_production_is_read_as_production_until_the_plan_is_applied(sign: str) -> None:
    made = report(summarise(ending(sign)))
    assert is_production(ending(sign))
    assert made.summary.production_ends
    refused = refusal(made, allowed=[])
    assert refused is not None
    assert "is a production environment until this plan is applied (" in refused
    assert "UNTIL THIS PLAN IS APPLIED" in "\n".join(text(made))
    assert "UNTIL THIS PLAN IS APPLIED" in to_markdown(made)
    assert refusal(made, allowed=[MEMORY]) is None


def test_what_never_was_production_is_none() -> None:
    document = ending()
    document["output_changes"] = {"production": {"actions": ["no-op"], "before": False, "after": False}}
    document["resource_drift"] = [change("aws_s3_bucket.x", ["delete"], before={"tags_all": {"Production": "false"}})]
    assert not is_production(document)
    assert summarise(document).production_ends == ""
    assert refusal(report(summarise(document)), allowed=[]) is None


@pytest.mark.parametrize(
    "allowed",
    [
        MEMORY[:-1],
        MEMORY.replace("basic", "*"),
        MEMORY.replace('"', ""),
        MEMORY.replace('"', "'"),
        MEMORY.upper(),
        f" {MEMORY}",
        f"{MEMORY},{POOL}",
        MEMORY.rpartition(".")[0],
        "module.agentcore",
        "*",
        "",
    ],
)
def test_an_allowance_has_to_be_the_address_letter_by_letter(allowed: str) -> None:
    made = report(summarise(plan_document(replaced_memory())))
    with pytest.raises(EnvironmentProblem, match="--allow-data-loss"):
        refusal(made, allowed=[allowed])
    with pytest.raises(EnvironmentProblem, match="--allow-data-loss"):
        refusal(made, allowed=MEMORY)  # one text is no list of addresses


def test_a_replacement_is_explained_by_the_values_that_force_it() -> None:
    said = printed(replaced_memory())
    assert f"! replace {MEMORY}: every conversation and memory record in it" in said
    assert 'because of name: "a" -> "b"' in said
    nested = change(POOL, REPLACE, before={"x": [{"y": 1}]}, after={"x": [{"y": 2}]}, replace_paths=[["x", 0, "y"]])
    assert "because of x[0].y: 1 -> 2" in printed(nested)
    later = change(POOL, REPLACE, before={"id": "a"}, after={}, after_unknown={"id": True}, replace_paths=[["id"]])
    assert 'because of id: "a" -> (known after the apply)' in printed(later)


@pytest.mark.parametrize(("production", "refuses"), [(True, True), (False, False), (None, True), ("false", True)])
def test_only_what_says_that_it_is_no_production_is_none(production: object, refuses: bool) -> None:
    document = plan_document(replaced_memory(), production=production)
    assert is_production(document) is refuses
    made = report(summarise(document))
    assert (refusal(made, allowed=[]) is not None) is refuses
    assert "DATA WOULD BE LOST" in "\n".join(text(made))  # everywhere
    assert refusal(made, allowed=[MEMORY]) is None
    assert not refuses or f"--allow-data-loss '{MEMORY}'" in (refusal(made, allowed=[]) or "")  # for a shell


def test_every_loss_has_to_be_allowed_by_address_and_nothing_else_may_be() -> None:
    pool = change(POOL, REPLACE, before={"name": "a"}, after={"name": "b"}, replace_paths=[["name"]])
    made = report(summarise(plan_document(replaced_memory(), pool)))
    assert POOL in (refusal(made, allowed=[MEMORY]) or "")
    assert MEMORY not in (refusal(made, allowed=[MEMORY]) or "")
    assert refusal(made, allowed=[MEMORY, POOL]) is None
    with pytest.raises(EnvironmentProblem, match=r"neither replaces, deletes nor forgets module\.other"):
        refusal(made, allowed=[MEMORY, POOL, "module.other"])


def test_log_groups_are_said_and_not_refused() -> None:
    made = report(summarise(plan_document(change("aws_cloudwatch_log_group.this", ["delete"], before={"name": "a"}))))
    assert refusal(made, allowed=[]) is None
    assert "! delete aws_cloudwatch_log_group.this" in "\n".join(text(made))
