"""The example policies cover every resource type, and name only what exists."""

import json
from typing import Any

import botocore.session
import pytest
import yaml

from scripts import deployer_policy
from scripts.deployer_policy import ACTIONS, MAX_POLICY_CHARS, file_of, filled_in, policies, text_of, types_in

DOCUMENT: dict[str, Any] = yaml.safe_load(ACTIONS.read_text())
NAMES = ("deployer", "network", "planner")
SERVICES = {"bedrock-agentcore": "bedrock-agentcore-control"}  # IAM's name of a service where botocore's is another
NO_OPERATIONS = {
    # Checked by services on the way of another call.
    "bedrock-agentcore:AllowVendedLogDeliveryForResource",
    "bedrock-agentcore:ManageResourceScopedPolicy",
    "iam:PassRole",
}


def statements(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(file_of(name).read_text())["Statement"]
    return found


def test_every_resource_type_has_its_actions_and_no_other_has() -> None:
    assert set(DOCUMENT["types"]) == types_in() | types_in(network=True)


def test_a_new_type_fails_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployer_policy, "types_in", lambda **_: {"aws_kms_key", "aws_sqs_queue"})
    assert deployer_policy.main(["--check"]) == 1
    assert "types.aws_sqs_queue: missing" in capsys.readouterr().err


def test_the_files_are_what_the_sources_need() -> None:
    for name, policy in policies(DOCUMENT).items():
        assert file_of(name).read_text() == text_of(policy), "run python -m scripts.deployer_policy"
    assert deployer_policy.main(["--check"]) == 0


def test_actions_are_operations_that_exist() -> None:
    session = botocore.session.get_session()
    unknown = []
    for action in sorted({a for name in NAMES for s in statements(name) for a in s["Action"]} - NO_OPERATIONS):
        service, _, operation = action.partition(":")
        if service == "s3":  # its actions are not called like its operations
            continue
        known = session.get_service_model(SERVICES.get(service, service)).operation_names
        unknown += [action] if operation not in known else []
    assert unknown == []


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_granted_as_a_whole(name: str) -> None:
    for statement in statements(name):
        assert [a for a in statement["Action"] if a.partition(":")[2].startswith("*") or a == "*"] == []
        if "*" in statement["Resource"]:
            assert statement["Sid"] in ("DeployAny", "PlanAny")
        assert statement["Sid"].isalnum()
    passing = [s for s in statements(name) if "iam:PassRole" in s["Action"]]
    assert all(list(s["Condition"]["StringEquals"]) == ["iam:PassedToService"] for s in passing)
    assert not any(a.startswith("sts:") for s in statements(name) for a in s["Action"])


def test_who_plans_changes_nothing_but_the_lock_and_reads_nobodys_data() -> None:
    planner = {a: s["Resource"] for s in statements("planner") for a in s["Action"]}
    writes = {a for a in planner if not a.partition(":")[2].startswith(("Get", "List", "Describe"))}
    assert writes == {"kms:Decrypt", "kms:GenerateDataKey", "s3:DeleteObject", "s3:PutObject"}
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        assert planner[action] == ["arn:aws:s3:::PREFIX-state-*/*"]
    data = {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "cognito-idp:AdminGetUser", "cognito-idp:ListUsers"}
    assert not data & set(planner)


@pytest.mark.parametrize("name", NAMES)
def test_it_fits_into_a_role(name: str) -> None:
    assert len(json.dumps(json.loads(file_of(name).read_text()), separators=(",", ":"))) <= MAX_POLICY_CHARS


def test_it_can_be_filled_in(capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--account", "111122223333", "--region", "eu-west-1", "--prefix", "clinic"]
    assert deployer_policy.main(["--print", "deployer", *place]) == 0
    printed = capsys.readouterr().out
    json.loads(printed)
    for word in ("ACCOUNT", "REGION", "PREFIX"):
        assert word not in printed
    assert "arn:aws:dynamodb:eu-west-1:111122223333:table/clinic-*" in printed
    text = file_of("deployer").read_text()
    assert "arn:aws:" not in filled_in(text, account="111122223333", region="us-gov-west-1", prefix="clinic")


@pytest.mark.parametrize("arguments", [[], ["--account", "x"], ["--account", "111122223333", "--region", "eu-west-1"]])
def test_wrong_values_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert deployer_policy.main(["--print", "planner", *arguments]) == 2
    assert "does not match" in capsys.readouterr().err
