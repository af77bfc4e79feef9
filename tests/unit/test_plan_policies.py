"""What a plan changes in policies and grants, and what of it is wider."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scripts.plans.report import text, to_json, to_markdown
from scripts.plans.summary import summarise

from .plan_support import (
    GATEWAY,
    POOL,
    REPLACE,
    ROLE,
    SECRET,
    TRUST,
    change,
    jwt,
    plan_document,
    policy,
    printed,
    report,
)


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
