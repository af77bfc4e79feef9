"""What is read out of a plan, and how it is printed."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from scripts.plan import refusal
from scripts.plans.report import Report, print_report, text, to_json, to_markdown
from scripts.plans.summary import DATA, Summary, UnreadablePlan, is_production, summarise
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
    assert loss.forced_by == ("its key is gone from for_each",)
    refused = refusal(report(summary), allowed=[])
    assert refused is not None
    assert f"--allow-data-loss '{address}'" in refused


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


def test_every_loss_has_to_be_allowed_by_address_and_nothing_else_may_be() -> None:
    pool = change(POOL, REPLACE, before={"name": "a"}, after={"name": "b"}, replace_paths=[["name"]])
    made = report(summarise(plan_document(replaced_memory(), pool)))
    assert POOL in (refusal(made, allowed=[MEMORY]) or "")
    assert MEMORY not in (refusal(made, allowed=[MEMORY]) or "")
    assert refusal(made, allowed=[MEMORY, POOL]) is None
    with pytest.raises(EnvironmentProblem, match=r"neither replaces nor deletes module\.other"):
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
    assert "+ aws_iam_role_policy_attachment.a: attached policy, arn:aws:iam::aws:policy/Admin" in said


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
