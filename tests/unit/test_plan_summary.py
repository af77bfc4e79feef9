"""What is read out of a plan, and how it is printed."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from scripts.plan import refusal
from scripts.plans.changes import UnreadablePlan
from scripts.plans.losses import DATA
from scripts.plans.production import is_production
from scripts.plans.report import Report, print_report, text, to_json, to_markdown
from scripts.plans.summary import Summary, summarise
from scripts.terraform.environments import EnvironmentProblem

from .plan_support import change, plan_document, policy

MEMORY = 'module.agentcore.module.memory.aws_bedrockagentcore_memory.tier["basic"]'
POOL = "module.foundation.module.identity.aws_cognito_user_pool.this"
ROLE = "module.foundation.module.tenant_access.aws_iam_role.tenant"
GATEWAY = "module.agentcore.module.gateway.aws_bedrockagentcore_gateway.this"
RUNTIME = "module.agentcore.module.runtime.aws_bedrockagentcore_agent_runtime.this"
REPLACE = ("delete", "create")
TRUST = {"Sid": "Broker", "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::1:role/b"}}
SECRET = "s3cr3t-value-of-a-plan"


def report(summary: Summary, **changes: Any) -> Report:
    values = {"environment": "prod", "provider": "6.69.1", "offline": True, "sample_release": False, "from_state": True}
    return Report(summary=summary, seconds={"plan": 1.0}, **{**values, **changes})


def printed(*changes: dict[str, Any], full: bool = False, **options: Any) -> str:
    return "\n".join(text(report(summarise(plan_document(*changes, **options))), full=full))


def replaced_memory(**more: Any) -> dict[str, Any]:
    return change(MEMORY, REPLACE, before={"name": "a"}, after={"name": "b"}, replace_paths=[["name"]], **more)


def jwt(**values: Any) -> dict[str, Any]:
    return {"authorizer_configuration": [{"custom_jwt_authorizer": [values]}]}


def claim(name: str, *values: str) -> dict[str, Any]:
    match = [{"claim_match_operator": "CONTAINS_ANY", "claim_match_value": [{"match_value_string_list": list(values)}]}]
    return {"inbound_token_claim_name": name, "authorizing_claim_match_value": match}


def guardrail_filter(**strengths: str) -> dict[str, Any]:
    return {"content_policy_config": [{"filters_config": [{"type": "HATE", **strengths}]}]}


def about_email(action: str) -> dict[str, Any]:
    return {"sensitive_information_policy_config": [{"pii_entities_config": [{"type": "EMAIL", "action": action}]}]}


def wider(resource: str, before: dict[str, Any], after: dict[str, Any], **more: Any) -> list[str]:
    """Lines of settings that a change of a resource marks as wider."""
    summary = summarise(plan_document(change(resource, ["update"], before=before, after=after, **more)))
    changes = [c for found in summary.settings for c in found.changes]
    return [f"{line.sign} {line.text}" for c in changes for line in c.lines if line.wider]


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


def test_a_changed_trust_policy_is_a_diff_of_statements() -> None:
    other = TRUST | {"Principal": {"AWS": ["arn:aws:iam::1:role/b", "*"]}}
    said = printed(
        change(
            ROLE,
            ["update"],
            before={"assume_role_policy": policy(TRUST)},
            after={"assume_role_policy": policy(other)},
        )
    )
    assert f"~ {ROLE}: trust policy" in said
    assert "Broker (changed, wider)" in said
    assert "      + principal *  <- wider" in said
    assert "1 resource wider than before" in said
    assert "role/b" not in said  # what stays is not printed


def test_the_same_policy_in_another_order_is_no_change() -> None:
    second = {"Sid": "Two", "Effect": "Deny", "Action": ["a:B", "a:C"], "Resource": "*"}
    turned = {"Resource": ["*"], "Action": ["a:C", "a:B"], "Effect": "Deny", "Sid": "Two"}
    before, after = {"policy": policy(TRUST, second)}, {"policy": policy(turned, TRUST)}
    assert summarise(plan_document(change("aws_iam_policy.a", ["update"], before=before, after=after))).policies == ()


def test_a_document_without_its_version_is_another_one() -> None:
    old = json.dumps({"Statement": [TRUST]})
    said = printed(change("aws_iam_policy.a", ["update"], before={"policy": policy(TRUST)}, after={"policy": old}))
    assert "- version 2012-10-17\n      + version 2008-10-17" in said


def test_a_policy_that_the_plan_does_not_know_is_said_to_be_unknown() -> None:
    unknown = change(
        "aws_iam_policy.a", ["update"], before={"policy": policy(TRUST)}, after={}, after_unknown={"policy": True}
    )
    assert "~ aws_iam_policy.a: IAM policy, known only after the apply" in printed(unknown)
    # With what a recorded apply made of it, it is compared, and said to have invented ids.
    recorded = {"aws_iam_policy.a": {"policy": policy(TRUST | {"Action": "sts:*"})}}
    summary = summarise(plan_document(unknown), recorded=recorded)
    assert summary.policies[0].wider
    assert "IAM policy, with invented ids" in "\n".join(text(report(summary)))


@pytest.mark.parametrize("mark", [{"policy": True}, True])
def test_sensitive_values_are_never_printed(mark: object) -> None:
    hidden = change(
        "aws_iam_policy.a",
        ["update"],
        before={"policy": policy(TRUST | {"Sid": SECRET}), "name": SECRET},
        after={"policy": policy(TRUST | {"Sid": f"{SECRET}2"}), "name": f"{SECRET}2"},
        before_sensitive=mark,
        after_sensitive=mark,
    )
    replaced = change(
        POOL,
        REPLACE,
        before={"name": SECRET, **jwt(allowed_clients=[SECRET])},
        after={"name": f"{SECRET}2", **jwt(allowed_clients=[f"{SECRET}2"])},
        before_sensitive={"name": True},
        after_sensitive={"name": True},
        replace_paths=[["name"]],
    )
    clients = change(
        GATEWAY,
        ["update"],
        before=jwt(allowed_clients=[SECRET]),
        after=jwt(allowed_clients=[f"{SECRET}2"]),
        after_sensitive={"authorizer_configuration": [{"custom_jwt_authorizer": [{"allowed_clients": True}]}]},
    )
    made = report(summarise(plan_document(hidden, replaced, clients)))
    everything = "\n".join([*text(made, full=True), to_markdown(made), json.dumps(to_json(made))])
    assert SECRET not in everything
    assert "IAM policy, sensitive, so not shown" in everything
    assert "because of name: (sensitive) -> (sensitive, another value)" in everything
    assert "authorizer: allowed client (sensitive, another value)" in everything


def test_the_first_creation_lists_policies_with_their_wide_spots_and_full_prints_them() -> None:
    open_statement = {"Sid": "Open", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    new = change("aws_iam_policy.a", ["create"], after={"policy": policy(open_statement, TRUST)})
    said = printed(new, there=False)
    assert "+ aws_iam_policy.a: IAM policy, 2 statements" in said
    assert "wide: Open: action s3:*, without a condition" in said
    assert "+ action" not in said
    assert "<- wider" not in said
    full = printed(new, there=False, full=True)
    assert "      + action sts:AssumeRole" in full
    assert "<- wider" not in full.replace("`<- wider`", "")
    # In what runs already, a new policy is read whole.
    assert "      + effect Allow  <- wider" in printed(new)


def test_any_argument_that_holds_a_policy_is_found() -> None:
    new = {"access_policy": policy(TRUST)}
    found = change("aws_opensearch_domain.a", ["update"], before={"access_policy": policy()}, after=new)
    assert "aws_opensearch_domain.a: access policy" in printed(found)


def test_removed_and_added_permissions_attachments_and_bucket_policies_show() -> None:
    deny = {"Sid": "Tls", "Effect": "Deny", "Action": "s3:*", "Resource": "*", "Principal": "*"}
    permission = {"statement_id": "S", "action": "lambda:InvokeFunction", "principal": "*", "function_name": "f"}
    said = printed(
        change("aws_s3_bucket_policy.a", ["delete"], before={"policy": policy(deny)}),
        change("aws_lambda_permission.a", ["create"], after=permission),
        change("aws_iam_role_policy_attachment.a", ["create"], after={"policy_arn": "arn:aws:iam::aws:policy/Admin"}),
    )
    assert "- aws_s3_bucket_policy.a: bucket policy\n    Tls (removed, wider)" in said
    assert "+ aws_lambda_permission.a: Lambda permission\n    S (added, wider)" in said
    assert "wide: S: principal *, without a condition" in said
    attached = "+ aws_iam_role_policy_attachment.a: attached policy\n    + arn:aws:iam::aws:policy/Admin  <- wider"
    assert attached in said


ADMIN, OTHER = "arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::1:policy/other"
BROAD = TRUST | {"Sid": "Broad", "Action": "*"}
# Type, values before, values after, what is printed of the change with more.
GRANTS: dict[str, tuple[str, dict[str, Any], dict[str, Any], list[str]]] = {
    "a role of a user": (
        "aws_iam_user_policy_attachment",
        {"user": "u", "policy_arn": OTHER},
        {"user": "u", "policy_arn": ADMIN},
        [f"+ {ADMIN} for user u"],
    ),
    "a group": (
        "aws_iam_group_policy_attachment",
        {"group": "g", "policy_arn": OTHER},
        {"group": "g", "policy_arn": ADMIN},
        [f"+ {ADMIN} for group g"],
    ),
    "one policy for many": (
        "aws_iam_policy_attachment",
        {"policy_arn": ADMIN, "roles": ["r"], "users": None, "groups": []},
        {"policy_arn": ADMIN, "roles": ["r", "s"], "users": ["u"], "groups": ["g"]},
        [f"+ {ADMIN} for group g", f"+ {ADMIN} for role s", f"+ {ADMIN} for user u"],
    ),
    **{
        f"all of a {kind}": (
            f"aws_iam_{kind}_policy_attachments_exclusive",
            {f"{kind}_name": "n", "policy_arns": [OTHER]},
            {f"{kind}_name": "n", "policy_arns": [OTHER, ADMIN]},
            [f"+ {ADMIN} for {kind} n"],
        )
        for kind in ("role", "user", "group")
    },
    **{
        f"inline ones of a {kind}": (
            f"aws_iam_{kind}_policies_exclusive",
            {f"{kind}_name": "n", "policy_names": ["a"]},
            {f"{kind}_name": "n", "policy_names": ["a", "b"]},
            [f"+ b for {kind} n"],
        )
        for kind in ("role", "user", "group")
    },
    "managed policies of a role": (
        "aws_iam_role",
        {"name": "r", "managed_policy_arns": [OTHER]},
        {"name": "r", "managed_policy_arns": [OTHER, ADMIN]},
        [f"+ {ADMIN} for role r"],
    ),
    "inline policies of a role": (
        "aws_iam_role",
        {"inline_policy": [{"name": "a", "policy": policy(TRUST)}]},
        {"inline_policy": [{"name": "b", "policy": policy(BROAD)}, {"name": "a", "policy": policy(TRUST)}]},
        ["+ effect Allow"],
    ),
    "a member": (
        "aws_iam_group_membership",
        {"group": "g", "users": ["u"]},
        {"group": "g", "users": ["u", "v"]},
        ["+ g for user v"],
    ),
    **{
        f"the policy of a {kind}": (
            f"aws_iam_{kind}_policy",
            {"policy": policy(TRUST)},
            {"policy": policy(TRUST, BROAD)},
            ["+ effect Allow"],
        )
        for kind in ("user", "group", "role")
    },
    "a document deep in another type": (
        "aws_some_thing",
        {"settings": [{"access": {"text": policy(TRUST)}}]},
        {"settings": [{"access": {"text": policy(TRUST, BROAD)}}]},
        ["+ effect Allow"],
    ),
    "a document that is an object": (
        "aws_some_thing",
        {"settings": {"document": json.loads(policy(TRUST))}},
        {"settings": {"document": json.loads(policy(TRUST, BROAD))}},
        ["+ effect Allow"],
    ),
    "a document in a template": (
        "aws_cloudformation_stack",
        {"template_body": json.dumps({"Resources": {"R": {"PolicyDocument": json.loads(policy(TRUST))}}})},
        {"template_body": json.dumps({"Resources": {"R": {"PolicyDocument": json.loads(policy(TRUST, BROAD))}}})},
        ["+ effect Allow"],
    ),
}


def wider_grants(kind: str, before: dict[str, Any] | None, after: dict[str, Any] | None, *actions: str) -> list[str]:
    summary = summarise(plan_document(change(f"{kind}.a", actions, before=before, after=after)))
    lines = [line for p in summary.policies for found in p.changes for line in found.lines if line.wider]
    assert summary.wider == bool(lines)
    assert all(f"{line.sign} {line.text}  <- wider" in "\n".join(text(report(summary))) for line in lines)
    return [f"{line.sign} {line.text}" for line in lines]


@pytest.mark.parametrize("case", sorted(GRANTS))
def test_whatever_grants_something_is_read_and_more_is_wider(case: str) -> None:
    kind, before, after, lines = GRANTS[case]
    assert wider_grants(kind, before, after, "update") == lines
    assert set(lines) <= set(wider_grants(kind, None, after, "create"))
    if "policy_arn" not in before or kind == "aws_iam_policy_attachment":  # one ARN is as wide as another
        assert wider_grants(kind, after, before, "update") == []


def test_an_exclusive_list_that_goes_lets_others_attach_again() -> None:
    before = {"role_name": "r", "policy_arns": [OTHER]}
    found = wider_grants("aws_iam_role_policy_attachments_exclusive", before, None, "delete")
    assert found == ["- taking away whatever else is attached"]
    assert wider_grants("aws_iam_role_policy_attachment", {"role": "r", "policy_arn": OTHER}, None, "delete") == []


def test_blocks_in_another_order_are_no_change() -> None:
    blocks = [{"name": "a", "policy": policy(TRUST)}, {"name": "b", "policy": policy(BROAD)}]
    before, after = {"inline_policy": blocks}, {"inline_policy": blocks[::-1]}
    assert summarise(plan_document(change("aws_iam_role.a", ["update"], before=before, after=after))).policies == ()


def test_what_is_known_of_inline_policies_is_compared_although_another_is_not_known_yet() -> None:
    before = {"inline_policy": [{"name": "a", "policy": policy(TRUST)}]}
    after = {"inline_policy": [{"name": "a", "policy": policy(BROAD)}, {"name": "b"}]}
    unknown = {"inline_policy": [{}, {"policy": True}]}
    said = printed(change("aws_iam_role.a", ["update"], before=before, after=after, after_unknown=unknown))
    assert "~ aws_iam_role.a: inline policies, known only after the apply" in said
    assert "Broad (added, wider)" in said


@pytest.mark.parametrize(
    ("kind", "unknown", "what"),
    [
        ("aws_iam_user_policy", {"policy": True}, "IAM policy"),
        ("aws_iam_role", {"inline_policy": True}, "inline policies"),
        ("aws_secretsmanager_secret_policy", {"policy": True}, "policy"),
        ("aws_opensearch_domain", {"access_policies": True}, "access policies"),
        ("aws_some_thing", {"block": [{"resource_policy_json": True}]}, "block.resource policy json"),
    ],
)
def test_a_policy_that_is_not_known_yet_is_listed_wherever_it_stands(
    kind: str, unknown: dict[str, Any], what: str
) -> None:
    new = change(f"{kind}.a", ["create"], after={}, after_unknown=unknown, name="a")
    assert f"+ {kind}.a: {what}, known only after the apply" in printed(new)


def test_what_the_sources_do_not_set_is_no_policy_that_is_unknown() -> None:
    unknown = {"inline_policy": True, "managed_policy_arns": True, "id": True}
    new = change("aws_iam_role.a", ["create"], after={"name": "r"}, after_unknown=unknown, name="a")
    for expressions, listed in (({"name": {}}, 0), ({"name": {}, "inline_policy": [], "managed_policy_arns": {}}, 2)):
        document = plan_document(new)
        resource: dict[str, Any] = {"address": "aws_iam_role.a", "expressions": expressions}
        document["configuration"] = {"root_module": {"resources": [resource]}}
        assert len(summarise(document).policies) == listed
    # The same in a module with a key.
    deep = change('module.m["k"].aws_iam_role.a["x"]', ["create"], after={}, after_unknown=unknown, name="a")
    document = plan_document(deep)
    document["configuration"] = {"root_module": {"module_calls": {"m": {"module": {"resources": [resource]}}}}}
    assert len(summarise(document).policies) == 2
    document["configuration"]["root_module"]["module_calls"]["m"]["module"]["resources"][0]["expressions"] = {}
    assert summarise(document).policies == ()


def test_a_sensitive_policy_is_listed_wherever_it_stands() -> None:
    hidden = change(
        "aws_opensearch_domain.a",
        ["update"],
        before={"access_policies": SECRET},
        after={"access_policies": f"{SECRET}2"},
        before_sensitive={"access_policies": True},
        after_sensitive={"access_policies": True},
    )
    said = printed(hidden)
    assert "~ aws_opensearch_domain.a: access policies, sensitive, so not shown" in said
    assert SECRET not in said


UNREAD = ("aws_iam_access_key", "aws_kms_grant", "aws_lakeformation_permissions", "aws_cognito_identity_pool_roles_x")


@pytest.mark.parametrize("kind", UNREAD)
@pytest.mark.parametrize("actions", [["create"], ["update"], ["delete"], ["delete", "create"]])
def test_what_may_grant_something_and_cannot_be_read_is_said_loudly(kind: str, actions: list[str]) -> None:
    before = None if actions == ["create"] else {"who": "a", "tags": {}}
    after = None if actions == ["delete"] else {"who": "b", "tags": {"a": "b"}}
    document = plan_document(change(f"{kind}.a", actions, before=before, after=after))
    made = report(summarise(document))
    action = "replace" if len(actions) > 1 else actions[0]
    for said in ("\n".join(text(made)), to_markdown(made).partition("<details>")[0]):
        assert "NOT READ: 1 resource that may decide who may do what" in said
        assert f"! {action} {kind}.a: tags, who" in said
    assert to_json(made)["unread"][0]["address"] == f"{kind}.a"


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("aws_iam_user", {"tags_all": {}}, {"tags_all": {"a": "b"}}),  # tags alone
        ("aws_bedrockagentcore_policy_engine", {"name": "a"}, {"name": "b"}),
        ("aws_secretsmanager_secret_policy", {"policy": policy(TRUST)}, {"policy": policy(BROAD)}),  # read
        ("aws_lambda_function", {"description": "a"}, {"description": "b"}),
    ],
)
def test_what_grants_nothing_or_is_read_is_not_said_to_be_unread(
    kind: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert summarise(plan_document(change(f"{kind}.a", ["update"], before=before, after=after))).unread == ()


def test_what_a_plan_puts_off_or_runs_besides_is_said() -> None:
    document = plan_document()
    document["deferred_changes"] = [{"reason": "x", "resource_change": change(MEMORY, ["create"], after={})}]
    document["action_invocations"] = [{"address": "action.aws_lambda_invoke.a"}]
    made = report(summarise(document))
    assert f"put off, so not in this plan: {MEMORY}" in "\n".join(text(made))
    assert "runs an action: action.aws_lambda_invoke.a" in "\n".join(text(made))
    assert not made.summary.empty


SETTINGS: dict[str, tuple[str, dict[str, Any], dict[str, Any], list[str]]] = {
    "a client more": (
        GATEWAY,
        jwt(allowed_clients=["a"]),
        jwt(allowed_clients=["b", "a"]),
        ["+ authorizer: allowed client b"],
    ),
    "no client list": (
        RUNTIME,
        jwt(allowed_clients=["a"]),
        jwt(allowed_clients=None),
        ["- authorizer: allowed client a"],
    ),
    "a tier more": (
        RUNTIME,
        jwt(custom_claim=[claim("tiers", "basic")]),
        jwt(custom_claim=[claim("tiers", "basic", "premium")]),
        ["+ authorizer: claim tiers CONTAINS_ANY premium"],
    ),
    "a claim less": (
        RUNTIME,
        jwt(custom_claim=[claim("tiers", "basic")]),
        jwt(custom_claim=[]),
        ["- authorizer: claim tiers CONTAINS_ANY basic"],
    ),
    "no authorizer": (
        GATEWAY,
        {"authorizer_type": "CUSTOM_JWT", **jwt(allowed_clients=["a"])},
        {"authorizer_type": "NONE", "authorizer_configuration": []},
        ["+ authorizer type NONE", "- authorizer: allowed client a"],
    ),
    "policies that only log": (
        GATEWAY,
        {"policy_engine_configuration": [{"arn": "e", "mode": "ENFORCE"}]},
        {"policy_engine_configuration": [{"arn": "e", "mode": "LOG_ONLY"}]},
        ["+ policy engine mode LOG_ONLY"],
    ),
    "no policy engine": (
        GATEWAY,
        {"policy_engine_configuration": [{"arn": "e", "mode": "ENFORCE"}]},
        {"policy_engine_configuration": []},
        ["- policy engine mode ENFORCE", "- policy engine e"],
    ),
    "no interceptor": (
        GATEWAY,
        {
            "interceptor_configuration": [
                {"interception_points": ["REQUEST"], "interceptor": [{"lambda": [{"arn": "f"}]}]}
            ]
        },
        {"interceptor_configuration": []},
        ["- interception of REQUEST"],
    ),
    "a header more": (
        RUNTIME,
        {"request_header_configuration": [{"request_header_allowlist": ["Authorization"]}]},
        {"request_header_configuration": [{"request_header_allowlist": ["Authorization", "X-Clinic"]}]},
        ["+ allowed header X-Clinic"],
    ),
    "a weaker filter": (
        "aws_bedrock_guardrail.a",
        {
            "content_policy_config": [
                {"filters_config": [{"type": "HATE", "input_strength": "HIGH", "output_strength": "LOW"}]}
            ]
        },
        {
            "content_policy_config": [
                {"filters_config": [{"type": "HATE", "input_strength": "LOW", "output_strength": "LOW"}]}
            ]
        },
        ["+ filter HATE input LOW"],
    ),
    "a word less, and masked in place of blocked": (
        "aws_bedrock_guardrail.a",
        {
            "word_policy_config": [{"words_config": [{"text": "w"}]}],
            "sensitive_information_policy_config": [{"pii_entities_config": [{"type": "EMAIL", "action": "BLOCK"}]}],
        },
        {
            "word_policy_config": [],
            "sensitive_information_policy_config": [
                {"pii_entities_config": [{"type": "EMAIL", "action": "ANONYMIZE"}]}
            ],
        },
        ["+ information EMAIL ANONYMIZE", "- guards word w"],
    ),
    "passwords without MFA": (
        POOL,
        {"mfa_configuration": "ON", "deletion_protection": "ACTIVE"},
        {"mfa_configuration": "OPTIONAL", "deletion_protection": "INACTIVE"},
        ["+ MFA OPTIONAL", "+ deletion protection INACTIVE"],
    ),
    "another way to sign in": (
        "aws_cognito_user_pool_client.a",
        {"explicit_auth_flows": ["ALLOW_USER_SRP_AUTH"], "access_token_validity": 5},
        {"explicit_auth_flows": ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH"], "access_token_validity": 60},
        ["+ way to sign in ALLOW_USER_PASSWORD_AUTH", "+ access token lives 60"],
    ),
    "events kept shorter": (
        MEMORY,
        {"event_expiry_duration": 90, "encryption_key_arn": "k"},
        {"event_expiry_duration": 7, "encryption_key_arn": None},
        ["+ events kept (days) 7", "- key k"],
    ),
    "a public bucket": (
        "aws_s3_bucket_public_access_block.a",
        {"block_public_policy": True},
        {"block_public_policy": False},
        ["+ block public policy false"],
    ),
    "a table that can go": (
        "aws_dynamodb_table.a",
        {"deletion_protection_enabled": True, "point_in_time_recovery": [{"enabled": True}]},
        {"deletion_protection_enabled": False, "point_in_time_recovery": []},
        ["+ deletion protection false", "- point-in-time recovery true"],
    ),
}


@pytest.mark.parametrize("case", sorted(SETTINGS))
def test_a_wider_setting_is_marked_and_its_reverse_is_not(case: str) -> None:
    resource, before, after, lines = SETTINGS[case]
    assert wider(resource, before, after) == lines
    if case != "no authorizer":  # a first client list says nothing of what was open before
        assert wider(resource, after, before) == []


def test_what_opens_another_resource_shows_when_it_comes_and_what_shuts_one_when_it_goes() -> None:
    rule = change("aws_vpc_security_group_ingress_rule.a", ["create"], after={"cidr_ipv4": "0.0.0.0/0"})
    url = change("aws_lambda_function_url.a", ["create"], after={"function_name": "f", "authorization_type": "NONE"})
    shutter = change("aws_s3_bucket_public_access_block.a", ["delete"], before={"block_public_policy": True})
    said = printed(rule, url, shutter)
    assert "+ ingress cidr ipv4 0.0.0.0/0  <- wider" in said
    assert "+ URL of function f  <- wider" in said
    assert "- block public policy true  <- wider" in said
    assert "0.0.0.0/0" not in printed(rule, there=False)


def test_what_a_reviewer_must_look_at_is_shown_without_a_hint() -> None:
    said = printed(
        change(GATEWAY, ["update"], before=jwt(discovery_url="https://a"), after=jwt(discovery_url="https://b")),
        change(
            "aws_bedrockagentcore_agent_runtime_endpoint.this",
            ["update"],
            before={"agent_runtime_version": "1"},
            after={"agent_runtime_version": "2"},
        ),
    )
    assert "    - authorizer: discovery URL https://a\n    + authorizer: discovery URL https://b" in said
    assert "    - serves version 1\n    + serves version 2" in said
    assert "<- wider" not in said


def test_an_unknown_setting_is_shown_as_unknown_and_not_called_wider() -> None:
    resource = change(
        GATEWAY,
        ["update"],
        before=jwt(allowed_clients=["a"]),
        after=jwt(),
        after_unknown={"authorizer_configuration": [{"custom_jwt_authorizer": [{"allowed_clients": True}]}]},
    )
    said = printed(resource)
    assert "+ authorizer: allowed client (known after the apply)" in said
    assert "<- wider" not in said


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
