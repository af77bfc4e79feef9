"""Lambda functions, and the one that makes the claims of tokens."""

from __future__ import annotations

import base64
import io
import json
import time
import zipfile
from typing import Any

import pytest

from .support import Caller, create_role, error_of, role_arn

PROBE = """
import json, logging, os, sys
logging.getLogger().setLevel("INFO")

def handler(event, context):
    if event.get("say"):
        print(event["say"])
        sys.stderr.write("to stderr\\n")
    if event.get("log"):
        logging.getLogger("probe").info(event["log"])
    if event.get("fail"):
        raise ValueError(event["fail"])
    found = []
    for name in ("boto3", "ministack", "local_aws", "clinic_agent"):
        try:
            __import__(name)
            found.append(name)
        except ImportError:
            pass
    return {"path": sys.path, "environment": dict(os.environ), "found": found}
"""
CLAIMS = """
def handler(event, context):
    name = event["userName"]
    if name.startswith("refused"):
        raise RuntimeError("membership is suspended")
    claims = {"clinic_id": "clinic-a", "tier": "basic", "tiers": ["basic"]}
    details = {"accessTokenGeneration": {"claimsToAddOrOverride": claims}}
    event["response"] = {"claimsAndScopeOverrideDetails": details}
    return event
"""


def create_function(root: Caller, name: str, code: str, **settings: Any) -> str:
    """Create a function with a role of its own name and give the function's ARN."""
    service = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    create_role(root, name, [service], [])
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("main.py", code)
    created = root.client("lambda").create_function(
        FunctionName=name,
        Role=role_arn(name),
        Runtime="python3.11",
        Handler="main.handler",
        Code={"ZipFile": archive.getvalue()},
        **settings,
    )
    return str(created["FunctionArn"])


@pytest.fixture(scope="module")
def probe(root: Caller) -> Any:
    create_function(root, "probe", PROBE, Environment={"Variables": {"OWN": "yes"}})
    functions = root.client("lambda")

    def invoke(event: dict[str, Any]) -> dict[str, Any]:
        answer = functions.invoke(FunctionName="probe", LogType="Tail", Payload=json.dumps(event))
        log = base64.b64decode(answer.get("LogResult", "")).decode()
        return {"payload": json.loads(answer["Payload"].read()), "log": log, "error": answer.get("FunctionError")}

    return invoke


def test_a_function_sees_only_its_zip(probe: Any) -> None:
    seen = probe({})["payload"]
    assert seen["found"] == []
    assert not [entry for entry in seen["path"] if "site-packages" in entry or "/work" in entry]


def test_a_function_sees_only_the_environment_aws_gives(probe: Any) -> None:
    environment = probe({})["payload"]["environment"]
    assert environment["OWN"] == "yes"
    assert environment["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    allowed = ("PATH", "LANG", "LC_", "TZ", "AWS_", "_LAMBDA_", "LAMBDA_TASK_ROOT", "_X_AMZN_", "_MINISTACK_", "OWN")
    assert [name for name in environment if not name.startswith(allowed)] == []


def test_the_log_of_a_call_is_its_own(probe: Any) -> None:
    assert "one\nto stderr" in probe({"say": "one"})["log"]
    assert "one" not in probe({})["log"]
    assert "end-of-call" not in probe({"say": "two"})["log"]


def test_loggers_are_heard_from_info_on_and_printed_lines_are_bare(probe: Any) -> None:
    lines = probe({"say": '{"a":1}', "log": "noted"})["log"].splitlines()
    assert '{"a":1}' in lines  # CloudWatch finds metrics in lines that hold nothing else
    (noted,) = [line for line in lines if line.endswith("noted")]
    assert noted.startswith("[INFO]\t")


def test_a_failing_function(probe: Any) -> None:
    answer = probe({"say": "before", "fail": "no luck"})
    assert answer["error"]
    assert answer["payload"]["errorMessage"] == "no luck"
    assert "before" in answer["log"]


def test_a_call_that_logs_nothing_does_not_wait_for_a_log(probe: Any) -> None:
    probe({})
    times = []
    for _ in range(5):
        started = time.perf_counter()
        probe({})
        times.append(time.perf_counter() - started)
    assert min(times) < 0.04  # waiting would take 50 ms


@pytest.fixture(scope="module")
def pool(root: Caller) -> dict[str, str]:
    function = create_function(root, "claims", CLAIMS)
    cognito = root.client("cognito-idp")
    pool = cognito.create_user_pool(
        PoolName="pool",
        AdminCreateUserConfig={"AllowAdminCreateUserOnly": True},
        LambdaConfig={"PreTokenGenerationConfig": {"LambdaArn": function, "LambdaVersion": "V2_0"}},
    )["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool,
        ClientName="client",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )["UserPoolClient"]["ClientId"]
    return {"pool": pool, "client": client}


def add_user(root: Caller, pool: dict[str, str], name: str) -> dict[str, Any]:
    """Create a user and give the request that signs it in."""
    cognito = root.client("cognito-idp")
    user = {"UserPoolId": pool["pool"], "Username": name}
    cognito.admin_create_user(**user, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(**user, Password="Passw0rd!x", Permanent=True)
    parameters = {"USERNAME": name, "PASSWORD": "Passw0rd!x"}
    return {"ClientId": pool["client"], "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": parameters}


def test_nobody_signs_up_where_administrators_create_users(root: Caller, pool: dict[str, str]) -> None:
    request = {"ClientId": pool["client"], "Username": "eve", "Password": "Passw0rd!x"}
    assert error_of(root.client("cognito-idp").sign_up, **request) == (
        "NotAuthorizedException",
        "SignUp is not permitted for this user pool",
        400,
    )


def test_the_function_adds_claims_to_the_access_token(root: Caller, pool: dict[str, str]) -> None:
    answer = root.client("cognito-idp").initiate_auth(**add_user(root, pool, "ann"))
    payload = answer["AuthenticationResult"]["AccessToken"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert (claims["clinic_id"], claims["token_use"]) == ("clinic-a", "access")
    assert (claims["tier"], claims["tiers"]) == ("basic", ["basic"])  # a list stays a list


REFUSED = (
    "UserLambdaValidationException",
    "PreTokenGeneration failed with error membership is suspended.",
    400,
)


def test_a_failing_function_refuses_the_sign_in(root: Caller, pool: dict[str, str]) -> None:
    assert error_of(root.client("cognito-idp").initiate_auth, **add_user(root, pool, "refused")) == REFUSED


def test_a_failing_function_refuses_the_refresh(root: Caller, pool: dict[str, str]) -> None:
    cognito = root.client("cognito-idp")
    refresh = cognito.initiate_auth(**add_user(root, pool, "bob"))["AuthenticationResult"]["RefreshToken"]
    request = {
        "ClientId": pool["client"],
        "AuthFlow": "REFRESH_TOKEN_AUTH",
        "AuthParameters": {"REFRESH_TOKEN": refresh},
    }
    assert cognito.initiate_auth(**request)["AuthenticationResult"]["AccessToken"]
    suspended = CLAIMS.replace('name.startswith("refused")', "True")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("main.py", suspended)
    functions = root.client("lambda")
    functions.update_function_code(FunctionName="claims", ZipFile=archive.getvalue())
    assert error_of(cognito.initiate_auth, **request) == REFUSED
