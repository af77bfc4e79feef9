"""The Gateway stand-in and the emulator: functions are called as the gateway's role, so that IAM decides about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.gateway_standin_support import (
    GATEWAY,
    GET_PATIENT,
    ROLE,
    TOKEN_HEADER,
    WEB_SEARCH,
    StandIn,
    changed,
    error,
    running,
    state,
    token,
)

from .support import ACCOUNT, REGION, SECRET, Caller, create_role, grant, statement
from .test_functions import create_function

INTERCEPTOR = """
def handler(event, context):
    request = event["mcp"]["gatewayRequest"]
    if context.client_context is not None:
        raise ValueError("the interceptor gets no client context")
    token = request["headers"]["Authorization"].removeprefix("Bearer ")
    return {"interceptorOutputVersion": "1.0", "mcp": {"transformedGatewayRequest": {
        "headers": {"X-Clinic-Access-Token": token}, "body": request["body"]}}}
"""
TOOLS = """
def handler(event, context):
    if event.get("patient_id") == "fail":
        raise ValueError("secret")
    return {"event": event, "custom": context.client_context.custom}
"""
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
NAME = ROLE.rpartition("/")[2]


@pytest.fixture(scope="module")
def gateway(root: Caller, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    create_function(root, "interceptor", INTERCEPTOR)
    create_function(root, "tools", TOOLS)
    conditions = {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "ArnEquals": {"aws:SourceArn": GATEWAY}}
    service: dict[str, Any] = {"Service": "bedrock-agentcore.amazonaws.com"}
    trusted = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": service, "Condition": conditions}
    create_role(root, NAME, [trusted], [statement("lambda:InvokeFunction", [f"{FUNCTION}interceptor"])])
    directory = tmp_path_factory.mktemp("gateway")
    with running(directory, aws_endpoint_url=root.endpoint, secret=SECRET) as stand_in:
        yield stand_in


def test_iam_decides_which_functions_the_gateway_may_call(gateway: StandIn, root: Caller) -> None:
    assert error(gateway.call(GET_PATIENT, {"patient_id": "P-1"})) == (200, -32603, "target_failed")
    assert "result" in gateway.call(WEB_SEARCH, {"query": "measles"}, bearer=token(tier="premium")).json()
    grant(root, NAME, "tools", statement("lambda:InvokeFunction", f"{FUNCTION}tools"))
    bearer = token()
    answer = gateway.call(GET_PATIENT, {"patient_id": "P-1"}, bearer=bearer).json()
    content = json.loads(answer["result"]["content"][0]["text"])
    assert content["event"] == {"patient_id": "P-1"}
    assert content["custom"]["bedrockAgentCoreToolName"] == GET_PATIENT
    assert content["custom"]["bedrockAgentCorePropagatedHeaders"] == {TOKEN_HEADER: bearer}
    failed = gateway.call(GET_PATIENT, {"patient_id": "fail"})
    assert error(failed)[2] == "target_failed"
    assert "secret" not in failed.text


def test_a_role_that_does_not_trust_this_gateway_is_refused(gateway: StandIn) -> None:
    good = state(gateway.emulator.url)
    other = changed(good, "aws_bedrockagentcore_gateway", role_arn=f"arn:aws:iam::{ACCOUNT}:role/execution")
    gateway.write_state(other)
    refused = gateway.control("POST", "reload", secret=SECRET)
    assert refused.status_code == 409
    assert "does not trust" in refused.json()["error"]["message"]
    assert "result" in gateway.call(WEB_SEARCH, {"query": "measles"}, bearer=token(tier="premium")).json()
