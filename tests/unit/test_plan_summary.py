"""What is read out of a plan, and how it is printed."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from scripts.plan import refusal
from scripts.plans.changes import UnreadablePlan
from scripts.plans.report import print_report, text, to_json, to_markdown
from scripts.plans.summary import summarise

from .plan_support import (
    MEMORY,
    TRUST,
    change,
    plan_document,
    policy,
    replaced_memory,
    report,
)


def test_changes_are_counted_by_action_module_and_type() -> None:
    summary = summarise(
        plan_document(
            change('module.a["x.y[0]"].module.b.aws_iam_role.one', ["create"], after={}),
            change('module.a["z"].module.b.aws_iam_role.two["k"]', ["create"], after={}),
            change("aws_iam_role.three", ["update"], before={"name": "a"}, after={"name": "a"}),
            change("aws_iam_role.four", ["no-op"], before={}, after={}),
            change("data.aws_iam_role.five", ["read"], mode="data"),
            change("aws_iam_role.six", ["create", "delete"], before={}, after={}),
            change("aws_iam_role.seven", ["no-op"], before={}, after={}, previous_address="aws_iam_role.old"),
            change("aws_iam_role.eight", ["forget"], before={}),
        )
    )
    assert dict(summary.counts) == {"create": 2, "update": 1, "replace": 1, "forget": 1, "move": 1}
    rows = {(row.module, row.type): dict(row.counts) for row in summary.by_type}
    assert rows == {
        ("a.b", "aws_iam_role"): {"create": 2},
        ("", "aws_iam_role"): {"update": 1, "replace": 1, "forget": 1},
    }
    assert summary.moved == (("aws_iam_role.old", "aws_iam_role.seven"),)


def test_what_a_plan_puts_off_or_runs_besides_is_said() -> None:
    document = plan_document()
    document["deferred_changes"] = [{"reason": "x", "resource_change": change(MEMORY, ["create"], after={})}]
    document["action_invocations"] = [{"address": "action.aws_lambda_invoke.a"}]
    made = report(summarise(document))
    assert f"put off, so not in this plan: {MEMORY}" in "\n".join(text(made))
    assert "runs an action: action.aws_lambda_invoke.a" in "\n".join(text(made))
    assert not made.summary.empty


def test_drift_moves_and_failed_checks_are_said() -> None:
    document = plan_document(
        change("aws_iam_role.b", ["no-op"], before={}, after={}, previous_address="aws_iam_role.a")
    )
    document["resource_drift"] = [change("aws_iam_role.c", ["update"], before={}, after={})]
    failed = {
        "address": {"to_display": "check.alarms"},
        "status": "fail",
        "instances": [{"problems": [{"message": "none"}]}],
    }
    document["checks"] = [failed, {"address": {"to_display": "check.other"}, "status": "pass"}]
    said = "\n".join(text(report(summarise(document))))
    assert "moved: aws_iam_role.a -> aws_iam_role.b" in said
    assert "changed outside of Terraform: aws_iam_role.c" in said
    assert "check failed: check.alarms: none" in said
    assert "check.other" not in said


@pytest.mark.parametrize("document", [{}, {"values": {}}, plan_document() | {"errored": True}])
def test_what_is_no_whole_plan_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(UnreadablePlan):
        summarise(document)


def test_an_offline_report_says_at_both_ends_what_it_is() -> None:
    lines = text(report(summarise(plan_document()), from_state=False, sample_release=True))
    assert "Nothing was asked of AWS" in lines[1]
    assert "ids and ARNs are invented" in lines[1]
    assert "everything is new" in lines[2]
    assert "a sample release stands in" in lines[3]
    assert "It does not show that AWS accepts them" in " ".join("\n".join(lines[-3:]).split())
    real = "\n".join(text(report(summarise(plan_document()), offline=False)))
    assert "invented" not in real
    assert "AWS" not in real


def test_json_has_what_a_program_needs() -> None:
    made = report(summarise(plan_document(replaced_memory())))
    document = json.loads(json.dumps(to_json(made, refused=refusal(made, allowed=[]))))
    assert document["environment"] == "prod"
    assert document["counts"] == {"replace": 1}
    assert document["losses"][0]["address"] == MEMORY
    assert MEMORY in document["refused"]


def test_markdown_folds_the_rest_and_no_value_can_end_its_fence() -> None:
    texts = [{"policy": policy(statement)} for statement in (TRUST, TRUST | {"Sid": "a```b"})]
    made = report(
        summarise(
            plan_document(
                replaced_memory(),
                change("aws_iam_policy.a", ["update"], before=texts[0], after=texts[1]),
            )
        )
    )
    said = to_markdown(made)
    assert said.startswith("### Plan of prod (offline): 1 to update, 1 to replace.")
    assert said.count("```") == 4  # two fences
    assert "| agentcore.memory | bedrockagentcore_memory |" in said


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals() -> None:
    made = report(summarise(plan_document(replaced_memory())))
    plain, terminal = io.StringIO(), Terminal()
    print_report(made, stream=plain)
    print_report(made, stream=terminal)
    assert "\x1b[" not in plain.getvalue()
    assert "DATA WOULD BE LOST" in terminal.getvalue()
    assert f"! replace {MEMORY}: " in terminal.getvalue()  # whole, to be copied; and no markup of rich is read in it
