"""The example policies cover every resource type, and name only what exists."""

import fnmatch
import json
import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml

from scripts import deployer_policy
from scripts.deployer_policy import (
    ACTIONS,
    MAX_POLICY_CHARS,
    NAMES,
    ROOT,
    file_of,
    filled_in,
    policies,
    text_of,
    types_in,
)

DOCUMENT: dict[str, Any] = yaml.safe_load(ACTIONS.read_text())
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


def _key(example: Path) -> str:
    """The state's key in a backend.hcl.example, with the environment's name as the word that stands for it."""
    key = re.search(r'^key\s*= "([^"]+)"$', example.read_text(), re.MULTILINE)
    assert key is not None
    return re.sub(r"/(dev|prod|staging)/", "/ENVIRONMENT/", key[1])


def _state_key() -> str:
    keys = {_key(ROOT / f"terraform/envs/{name}/backend.hcl.example") for name in ("dev", "prod", "staging")}
    assert len(keys) == 1
    return keys.pop()


def granted(name: str, action: str) -> set[str]:
    """The resources that a policy grants an action on."""
    return {
        resource
        for statement in statements(name)
        if any(fnmatch.fnmatchcase(action, pattern) for pattern in statement["Action"])
        for resource in statement["Resource"]
    }


def test_who_plans_changes_nothing_but_the_lock_and_reads_nobodys_data() -> None:
    state = f"arn:aws:s3:::PREFIX-state-ACCOUNT-REGION/{_state_key()}"
    actions = {action for statement in statements("planner") for action in statement["Action"]}
    writes = {a for a in actions if not a.partition(":")[2].startswith(("Get", "List", "Describe"))}
    assert writes == {"kms:Decrypt", "kms:GenerateDataKey", "s3:DeleteObject", "s3:PutObject"}
    assert granted("planner", "s3:PutObject") == granted("planner", "s3:DeleteObject") == {f"{state}.tflock"}
    assert granted("planner", "s3:GetObject") == {state, f"{state}.tflock"}
    for other in ("s3:PutObjectAcl", "s3:DeleteObjectVersion", "s3:GetObjectVersion", "s3:PutBucketPolicy"):
        assert granted("planner", other) == set()
    (key,) = [s for s in statements("planner") if "kms:Decrypt" in s["Action"]]
    assert key["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert key["Condition"] == {"StringEquals": {"kms:ViaService": "s3.REGION.amazonaws.com"}}
    data = {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "cognito-idp:AdminGetUser", "cognito-idp:ListUsers"}
    assert not data & actions


def test_the_state_of_another_environment_is_out_of_reach() -> None:
    values = {"account": "111122223333", "region": "eu-west-1", "prefix": "clinic"}
    for name, writes in (("planner", False), ("deployer", True)):
        filled = json.loads(filled_in(file_of(name).read_text(), **values, env="dev"))
        bucket = "arn:aws:s3:::clinic-state-111122223333-eu-west-1"
        for action, file, allowed in (
            ("s3:GetObject", "environments/dev/terraform.tfstate", True),
            ("s3:PutObject", "environments/dev/terraform.tfstate", writes),
            ("s3:PutObject", "environments/dev/terraform.tfstate.tflock", True),
            ("s3:DeleteObject", "environments/dev/terraform.tfstate", False),
            ("s3:GetObject", "environments/prod/terraform.tfstate", False),
            ("s3:PutObject", "environments/prod/terraform.tfstate.tflock", False),
            ("s3:PutObject", "networks/dev/terraform.tfstate", False),
        ):
            found = any(
                fnmatch.fnmatchcase(f"{bucket}/{file}", resource)
                for statement in filled["Statement"]
                if action in statement["Action"]
                for resource in statement["Resource"]
            )
            assert found is allowed, f"{name}: {action} on {file}"


def test_the_network_has_a_state_of_its_own() -> None:
    state = f"arn:aws:s3:::PREFIX-state-ACCOUNT-REGION/{_key(ROOT / 'terraform/network/backend.hcl.example')}"
    assert granted("network", "s3:PutObject") == {state, f"{state}.tflock"}
    assert granted("network", "s3:DeleteObject") == {f"{state}.tflock"}


def test_documents_are_deleted_by_who_takes_down_and_by_nobody_else() -> None:
    objects = {"arn:aws:s3:::PREFIX-ENVIRONMENT-*-documents-*/*"}
    assert {a for s in statements("teardown") for a in s["Action"]} == {
        *("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:ListBucketVersions")
    }
    assert granted("teardown", "s3:DeleteObject") == granted("teardown", "s3:DeleteObjectVersion") == objects
    assert granted("teardown", "s3:ListBucketVersions") == {"arn:aws:s3:::PREFIX-ENVIRONMENT-*-documents-*"}
    assert "arn:aws:s3:::PREFIX-*-documents-*/*" not in granted("deployer", "s3:DeleteObject")
    assert granted("deployer", "s3:DeleteObjectVersion") == set()
    # As the module names its bucket, once words and values are filled in.
    assert fnmatch.fnmatchcase("clinic-dev-use1-documents-111122223333-us-east-1", "clinic-dev-*-documents-*")


def test_the_operator_stops_clinics_and_users_as_the_runbook_says_and_reads_no_data() -> None:
    runbook = (ROOT / "docs/runbooks/rotate.md").read_text()
    section = runbook.partition("## Stop a clinic or a user\n")[2].partition("\n## ")[0]
    called = {
        f"{service}:{''.join(word.capitalize() for word in operation.split('-'))}"
        for service, operation in re.findall(r"\baws ([a-z-]+) ([a-z][a-z-]+)", section)
    }
    assert len(called) >= 5
    actions = {action for statement in statements("operator") for action in statement["Action"]}
    assert called <= actions
    registry = {"arn:aws:dynamodb:REGION:ACCOUNT:table/PREFIX-ENVIRONMENT-*-registry"}
    assert granted("operator", "dynamodb:UpdateItem") == granted("operator", "dynamodb:GetItem") == registry
    tenant = {"arn:aws:iam::ACCOUNT:role/PREFIX-ENVIRONMENT-*-tenant"}
    assert granted("operator", "iam:PutRolePolicy") == granted("operator", "iam:DeleteRolePolicy") == tenant
    assert granted("operator", "s3:GetObject") == {f"arn:aws:s3:::PREFIX-state-ACCOUNT-REGION/{_state_key()}"}
    assert not [a for a in actions if re.search(r"Scan|Query|PutItem|AssumeRole|PassRole|AdminSetUser|CreateUser", a)]
    for statement in statements("operator"):
        if "kms:Decrypt" in statement["Action"]:
            assert statement["Action"] == ["kms:Decrypt"]
            assert list(statement["Condition"]["StringEquals"]) == ["kms:ViaService"]
    # As the modules name them.
    assert fnmatch.fnmatchcase("clinic-dev-use1-registry", "clinic-dev-*-registry")
    for module, ending in (("identity", "-registry"), ("tenant_access", "-tenant")):
        sources = "".join(file.read_text() for file in (ROOT / "terraform/modules" / module).glob("*.tf"))
        assert f'"${{var.name_prefix}}{ending}"' in sources


@pytest.mark.parametrize("name", NAMES)
def test_it_fits_into_a_role(name: str) -> None:
    assert len(json.dumps(json.loads(file_of(name).read_text()), separators=(",", ":"))) <= MAX_POLICY_CHARS


def test_it_can_be_filled_in(capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--account", "111122223333", "--region", "eu-west-1", "--prefix", "clinic", "--env", "dev"]
    assert deployer_policy.main(["--print", "deployer", *place]) == 0
    printed = capsys.readouterr().out
    json.loads(printed)
    for word in ("ACCOUNT", "REGION", "PREFIX", "ENVIRONMENT"):
        assert word not in printed
    assert "arn:aws:dynamodb:eu-west-1:111122223333:table/clinic-*" in printed
    text = file_of("deployer").read_text()
    assert "arn:aws:" not in filled_in(text, account="111122223333", region="us-gov-west-1", prefix="clinic", env="dev")


@pytest.mark.parametrize("arguments", [[], ["--account", "x"], ["--account", "111122223333", "--region", "eu-west-1"]])
def test_wrong_values_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert deployer_policy.main(["--print", "planner", *arguments]) == 2
    assert "does not match" in capsys.readouterr().err
