"""The AgentCore checks by themselves: every example, planned by Terraform, and the readers beneath them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policy_checks import cedar, iam
from policy_checks.check import Check, Outcome, Result, Severity
from policy_checks.checks import CHECKS
from policy_checks.plan import UNKNOWN, NotAPlan, Plan, Resource, Undecided, from_block, load_plan, read_plan

from .policy_checks_support import EXAMPLES, ROOT, examples, plan_examples

pytestmark = pytest.mark.timeout(300)  # one terraform run for all examples, on a machine that has other work too

BY_ID = {check.id: check for check in CHECKS}
FILES = examples()
BY_REFERENCE = ("CKV_AGENTCORE_41", "CKV_AGENTCORE_42")
REFERS = ("policy_arn", "policy_arns", "role", "role_arn")


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Plan]:
    documents = plan_examples(FILES, work=tmp_path_factory.mktemp("examples"))
    return {name: read_plan(document) for name, document in documents.items()}


def outcomes(check: Check, plan: Plan) -> list[Outcome]:
    return [check.run(resource, plan) for resource in plan.resources if resource.type in check.types]


def test_ids_are_permanent_numbers_and_every_check_says_why_and_what_to_do() -> None:
    assert [check.id for check in CHECKS] == [f"CKV_AGENTCORE_{n}" for n in range(1, len(CHECKS) + 1)]
    for check in CHECKS:
        assert len(check.why) > 40, check.id
        assert len(check.fix) > 15, check.id
        assert check.types, check.id
        assert check.name[0].isupper(), check.id
        assert not check.name.endswith("."), check.id


def test_every_check_has_a_passing_and_a_failing_example() -> None:
    kinds: dict[str, set[str]] = {check.id: set() for check in CHECKS}
    for name in FILES:
        check_id, _, case = name.partition("/")
        kind = case.partition("-")[0]
        assert check_id in kinds, f"{name}: there is no such check"
        assert kind in ("pass", "fail", "not"), f"{name}: must be named pass…, fail… or not-asked…"
        kinds[check_id].add(kind)
    wanted = {check.id: {"pass", "fail"} | ({"not"} if check.production else set()) for check in CHECKS}
    assert {check: wanted[check] - found for check, found in kinds.items() if wanted[check] - found} == {}


@pytest.mark.parametrize("name", sorted(FILES))
def test_examples_come_out_as_they_are_named(name: str, plans: dict[str, Plan]) -> None:
    check_id, _, case = name.partition("/")
    found = outcomes(BY_ID[check_id], plans[name])
    results = {outcome.result for outcome in found}
    assert not [reason for outcome in found for reason in outcome.reasons if "the check itself broke" in reason]
    if case.startswith("fail"):
        assert Result.FAILED in results
    elif case.startswith("pass"):
        assert Result.PASSED in results
        assert results <= {Result.PASSED, Result.NOT_ASKED}
    else:
        assert results == {Result.NOT_ASKED}


def test_production_is_asked_by_tag_or_by_the_roots_variable(plans: dict[str, Plan]) -> None:
    elsewhere = plans["CKV_AGENTCORE_5/not-asked-elsewhere"]
    assert elsewhere.production is False
    by_variable = replace(elsewhere, variables={"production": True})
    assert by_variable.production is True
    assert [o.result for o in outcomes(BY_ID["CKV_AGENTCORE_5"], by_variable)] == [Result.FAILED]
    assert plans["CKV_AGENTCORE_5/pass"].production is True
    assert plans["CKV_AGENTCORE_4/pass"].production is None


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_what_is_unknown_never_passes(check: Check, plans: dict[str, Plan]) -> None:
    seen = 0
    for name in FILES:
        if not name.startswith(f"{check.id}/pass"):
            continue
        plan = plans[name]
        for resource in plan.resources:
            if resource.type not in check.types or check.run(resource, plan).result is not Result.PASSED:
                continue
            if (check.id, resource.type) == ("CKV_AGENTCORE_24", "aws_bedrockagentcore_agent_runtime"):
                continue  # looks at the endpoints, not at the runtime
            values = {key: value if key.startswith("tags") else UNKNOWN for key, value in resource.values.items()}
            blank = replace(resource, values=values)
            others = tuple(blank if r is resource else r for r in plan.resources)
            left_out = {key for key in values if not plan.configured(resource, key)}
            outcome = check.run(blank, replace(plan, resources=others))
            if check.id == "CKV_AGENTCORE_6" and "exception_level" in left_out:
                assert outcome.result is Result.PASSED  # the sources leave it out, whatever the service takes
            elif check.id in BY_REFERENCE and any(plan.references(blank, key) for key in REFERS):
                assert outcome.result is Result.PASSED  # the ARN is unknown, but the sources say of what it is
            else:
                assert outcome.result is Result.UNDECIDED, (name, resource.address, outcome)
            seen += 1
    assert seen


def test_a_rule_that_breaks_fails_what_it_looked_at() -> None:
    def broken(resource: Resource, plan: Plan) -> Iterator[str]:
        yield str(resource.values["no such key"])

    check = replace(CHECKS[0], rule=broken)
    resource = Resource(address="a.b", type=check.types[0], name="b", values={})
    outcome = check.run(resource, Plan(resources=(resource,)))
    assert outcome == Outcome(result=Result.FAILED, reasons=("the check itself broke: KeyError; please report it",))


def test_what_was_found_counts_though_the_rest_is_unknown() -> None:
    def rule(resource: Resource, plan: Plan) -> Iterator[str]:
        yield "wrong"
        raise Undecided("the rest")

    resource = Resource(address="a.b", type=CHECKS[0].types[0], name="b", values={})
    outcome = replace(CHECKS[0], rule=rule).run(resource, Plan(resources=(resource,)))
    assert outcome == Outcome(result=Result.FAILED, reasons=("wrong",))


def test_no_value_of_an_environment_variable_is_shown(plans: dict[str, Plan]) -> None:
    for name in FILES:
        if name.startswith("CKV_AGENTCORE_25/fail"):
            said = " ".join(r for o in outcomes(BY_ID["CKV_AGENTCORE_25"], plans[name]) for r in o.reasons)
            assert said
            assert "not-a-real" not in said


def test_statements_are_read_as_iam_reads_them() -> None:
    (statement,) = iam.parse(
        {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "S3:get*", "Resource": "*"}},
        where="policy",
    )
    assert statement.covers("s3:GetObject")
    assert not statement.covers("s3:PutObject")
    (not_action,) = iam.parse(
        '{"Statement": [{"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}]}', where="p"
    )
    assert not_action.covers("sts:AssumeRole")
    assert not not_action.covers("IAM:PassRole")
    (brackets,) = iam.parse({"Statement": {"Effect": "Deny", "Action": "s3:[G]etObject", "Resource": "*"}}, where="p")
    assert not brackets.covers("s3:GetObject")  # IAM knows no sets


def _language(pattern: str) -> set[str]:
    words = ("".join(letters) for size in range(5) for letters in itertools.product("ab", repeat=size))
    signs = {"*": ".*", "?": "."}
    wanted = re.compile("".join(signs.get(sign, sign) for sign in pattern))
    return {word for word in words if wanted.fullmatch(word)}


def test_patterns_overlap_exactly_if_one_text_fits_both() -> None:
    patterns = ["".join(signs) for size in range(4) for signs in itertools.product("ab*?", repeat=size)]
    for one in patterns:
        for other in patterns:
            if len(one.replace("*", "")) + len(other.replace("*", "")) <= 4:  # the shortest common text has no more
                assert iam.overlap(one, other) == bool(_language(one) & _language(other)), (one, other)


def test_a_statement_is_asked_for_services_and_resources_by_pattern() -> None:
    def read(**entry: Any) -> iam.Statement:
        document = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Resource": "*", **entry}}
        return iam.parse(document, where="policy")[0]

    scan = read(Action="dynamodb:Scan", Resource="arn:aws:s3:::b/${aws:PrincipalTag/ClinicId}/*")
    assert scan.touches(("dynamodb:*", "s3:*")) == ["dynamodb:*"]
    assert not scan.includes("dynamodb:*")
    assert scan.reaches("arn:aws:s3:::b/clinic-a/file")
    assert not scan.reaches("arn:aws:s3:::c/*")
    assert not scan.reaches_all("arn:aws:s3:::b/*")
    for wide in (read(Action="*"), read(Action="DynamoDB:*"), read(NotAction="iam:*")):
        assert wide.touches(("dynamodb:*",))
        assert wide.includes("dynamodb:*")
    rest = read(NotAction="dynamodb:Scan")
    assert rest.touches(("dynamodb:*",))
    assert not rest.includes("dynamodb:*")
    outside = iam.parse(
        {"Statement": {"Effect": "Deny", "Action": "s3:*", "NotResource": "arn:aws:s3:::b/*"}}, where="policy"
    )[0]
    assert outside.reaches("arn:aws:s3:::c/*")
    assert not outside.reaches("arn:aws:s3:::b/x")
    assert not outside.reaches_all("arn:aws:s3:::c/*")  # never taken for a Deny of a thing


def test_conditions_that_a_missing_key_passes_do_not_bind() -> None:
    (statement,) = iam.parse(
        {
            "Statement": {
                "Effect": "Allow",
                "Action": "*",
                "Resource": "*",
                "Condition": {
                    "StringEquals": {"aws:A": "1"},
                    "StringEqualsIfExists": {"aws:B": "1"},
                    "ForAllValues:StringEquals": {"aws:C": ["1"]},
                    "ForAnyValue:StringEquals": {"aws:D": ["1"]},
                    "StringNotEquals": {"aws:E": "1"},
                    "ArnNotLike": {"aws:F": "arn:aws:*"},
                    "Null": {"aws:PrincipalTag/ClinicId": False, "aws:PrincipalTag/Tier": "true"},
                },
            }
        },
        where="policy",
    )
    assert {c.key for c in statement.conditions if c.binds and c.operator != "null"} == {"aws:a", "aws:d"}
    assert statement.demanded() == {"aws:principaltag/clinicid"}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "policy: is no JSON document"),
        ("[1, 2]", "policy: is no JSON object"),
        ('{"Statement": "x"}', "policy: Statement is neither an object nor a list of objects"),
        ('{"Statement": [{"Effect": "allow"}]}', "policy: Effect of statement 1 is neither Allow nor Deny"),
        (
            '{"Statement": [{"Effect": "Allow", "Resource": "${aws:PrincipalTag/ClinicId}"}]}',
            "policy: Version is not 2012-10-17, so its policy variables are plain text",
        ),
    ],
)
def test_documents_that_nobody_can_read_are_refused(document: str, said: str) -> None:
    with pytest.raises(iam.InvalidDocument) as caught:
        iam.parse(document, where="policy")
    assert str(caught.value) == said


def test_a_document_with_an_unknown_part_is_undecided() -> None:
    with pytest.raises(Undecided):
        iam.parse({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": UNKNOWN}]}, where="policy")


def test_cedar_is_read_without_comments_and_with_strings_as_they_are() -> None:
    text = """
    // permit(principal, action, resource);
    @id("one; two")
    permit (principal is AgentCore::OAuthUser, action in [AgentCore::Action::"a___b", AgentCore::Action::"c___d"],
      resource == AgentCore::Gateway::"arn:aws:x//y") // the end
    when { principal.getTag("tier") == "ba}s;ic" } unless { context.input.x == 1 };
    forbid (principal, action, resource);
    """
    permit, forbid = cedar.parse(text)
    assert permit.permit
    assert permit.action == 'action in [AgentCore::Action::"a___b", AgentCore::Action::"c___d"]'
    assert permit.resource == 'resource == AgentCore::Gateway::"arn:aws:x//y"'
    assert permit.when == ('principal.getTag("tier") == "ba}s;ic"',)
    assert permit.unless == ("context.input.x == 1",)
    assert not forbid.permit


@pytest.mark.parametrize(
    ("condition", "needed"),
    [
        ("a && b && c", ["a", "b", "c"]),
        ("(a && b) && (c || d)", ["a", "b", "c || d"]),
        ("((a))", ["a"]),
        ("a || b && c", ["a || b && c"]),
        ("if a then b else c && d", ["if a then b else c && d"]),
        ("a && (if b then c else d)", ["a", "if b then c else d"]),
        ("!(a && b)", ["!(a && b)"]),
        ("(a) == (b)", ["(a) == (b)"]),
        ('x == "a && b" && y', ['x == "a && b"', "y"]),
    ],
)
def test_what_a_condition_needs_is_what_stands_at_its_top(condition: str, needed: list[str]) -> None:
    assert [part.strip() for part in cedar.conjuncts(condition)] == needed


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("context.input.clinic_id", "context.input.clinic_id"),
        ('context["input"]["clinic_id"]', "context.input.clinic_id"),
        ("context . input\n.clinic_id", "context.input.clinic_id"),
        ("(context.input).clinic_id", "context.input.clinic_id"),
        ("context.input has clinic_id", "context.input.clinic_id"),
        ("context has input.clinic_id", "context.input.clinic_id"),
        ("context.input == {}", "context.input"),
    ],
)
def test_attributes_are_found_however_they_are_written(text: str, path: str) -> None:
    assert cedar.paths(text) == [path]


def test_what_is_quoted_and_a_guard_are_no_attributes() -> None:
    assert cedar.paths('"context.input.clinic_id" == principal.getTag("x") && context has input') == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        'permit(principal, action, resource) when { "a };',
        "allow(principal, action, resource);",
        "permit(principal);",
        "permit(principal, action",
    ],
)
def test_what_is_no_cedar_is_refused(text: str) -> None:
    with pytest.raises(iam.InvalidDocument):
        cedar.parse(text)


def test_unknown_values_of_a_plan_are_marked_at_every_depth() -> None:
    document = {
        "terraform_version": "1.11.4",
        "planned_values": {
            "root_module": {
                "child_modules": [
                    {
                        "address": "module.a",
                        "resources": [
                            {
                                "address": "module.a.aws_x.this",
                                "mode": "managed",
                                "type": "aws_x",
                                "name": "this",
                                "values": {"name": "n", "block": [{"known": 1}], "list": ["a"]},
                            }
                        ],
                    }
                ]
            }
        },
        "resource_changes": [
            {
                "address": "module.a.aws_x.this",
                "change": {"after_unknown": {"arn": True, "block": [{"inner": True}], "list": [False, True]}},
            }
        ],
    }
    (resource,) = read_plan(document).resources
    assert resource.module == "module.a"
    assert resource.get("arn") is UNKNOWN
    assert resource.get("block", 0, "known") == 1
    assert resource.get("block", 0, "inner") is UNKNOWN
    assert resource.get("list") == ["a", UNKNOWN]
    assert resource.get("missing", 0, "deeper") is None
    with pytest.raises(Undecided):
        resource.known("arn", "deeper")


@pytest.mark.parametrize("text", ["no json", "[]", '{"values": {}}'])
def test_a_file_that_is_no_plan_is_refused_with_the_command_that_makes_one(text: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(NotAPlan, match="make it with `terraform show -json PLANFILE`"):
        load_plan(path)


def test_hcl_that_is_not_resolved_is_unknown() -> None:
    conf: dict[str, Any] = {
        "name": ["plain"],
        "a": ["var.name"],
        "b": ["${module.x.arn}/*"],
        "c": ["jsonencode({'Version': '2012-10-17'})"],
        "d": ["local.names"],
        "e": ["{for t in keys({}) : t => 1}"],
        "f": ["$${aws:PrincipalTag/ClinicId}/*"],
        "__start_line__": 1,
    }
    (resource,) = from_block(type="aws_x", name="this", conf=conf).resources
    assert resource.get("name") == "plain"
    assert [resource.get(key) for key in "abcde"] == [UNKNOWN] * 5
    assert resource.get("f") == "${aws:PrincipalTag/ClinicId}/*"
    assert set(resource.values) == {"name", *"abcdef"}


def test_severities_are_in_order() -> None:
    assert [s.value for s in Severity] == ["critical", "high", "medium"]


def test_examples_are_formatted_and_hold_no_account_of_somebody() -> None:
    accounts = {"111122223333", "444455556666"}  # those that AWS's documentation uses
    for path in EXAMPLES.rglob("*.tf"):
        text = path.read_text()
        assert not [n for n in re.findall(r"\b\d{12}\b", text) if n not in accounts], path.relative_to(ROOT)
