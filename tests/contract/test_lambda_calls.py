"""Calls of Lambda functions: the client context, time-outs, many at once, and who may call."""

from __future__ import annotations

import base64
import itertools
import json
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local_aws.emulator.worker_slots import Slots

from .support import ACCOUNT, REGION, SECRET, Caller, create_role, error_of, grant, post, role_arn, statement
from .test_functions import create_function

ECHO = """
import os, time

def handler(event, context):
    if event.get("sleep"):
        time.sleep(event["sleep"])
    given = context.client_context
    seen = None
    if given is not None:
        client = given.client and [given.client.installation_id, given.client.app_title]
        seen = {"custom": given.custom, "env": given.env, "client": client}
    return {"seen": seen, "process": os.getpid(), "event": event}
"""
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
PARALLEL = 500
MOST_PROCESSES = 8
names = itertools.count()


def encoded(context: Any) -> str:
    return base64.b64encode(json.dumps(context).encode()).decode()


@pytest.fixture(scope="module")
def functions(root: Caller) -> Any:
    create_function(root, "echo", ECHO, Timeout=10)
    create_function(root, "slow", ECHO, Timeout=1)
    create_function(root, "other", ECHO)
    return root.client("lambda")


def call(functions: Any, name: str = "echo", event: Any = None, **more: Any) -> dict[str, Any]:
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(event or {}), **more)
    return {"error": answer.get("FunctionError"), **json.loads(answer["Payload"].read())}


def test_a_handler_sees_the_client_context(functions: Any) -> None:
    context = {"custom": {"name": "a___b", "headers": {"x": "y"}}, "env": {"locale": "en"}}
    client = {"installation_id": "i", "app_title": "t"}
    seen = call(functions, ClientContext=encoded({**context, "client": client}))["seen"]
    assert seen == {**context, "client": ["i", "t"]}
    assert call(functions, ClientContext=encoded({}))["seen"] == {"custom": None, "env": None, "client": None}
    # The same process serves the next call, and must have forgotten it.
    assert call(functions)["seen"] is None


def test_the_client_context_stays_out_of_the_event(functions: Any) -> None:
    assert call(functions, event={"a": 1}, ClientContext=encoded({"custom": {"b": 2}}))["event"] == {"a": 1}


def test_an_access_token_fits_into_the_client_context(functions: Any) -> None:
    names = [f"bedrockAgentCore{name}" for name in ("ToolName", "GatewayId", "TargetId", "McpMessageId")]
    headers = {"X-Clinic-Access-Token": "t" * 1200, "X-Clinic-Request-Id": "r" * 36}
    custom = {**dict.fromkeys(names, "v" * 60), "bedrockAgentCorePropagatedHeaders": headers}
    assert call(functions, ClientContext=encoded({"custom": custom}))["seen"]["custom"] == custom


@pytest.mark.parametrize(
    "given", ["no base64!", encoded([]), encoded("text"), encoded(None), base64.b64encode(b"{").decode(), "e30", ""]
)
def test_a_client_context_that_is_no_object_is_refused(functions: Any, given: str) -> None:
    code, message, status = error_of(functions.invoke, FunctionName="echo", ClientContext=given)
    assert (code, status) == ("InvalidRequestContentException", 400)
    assert message == "Client context must be a valid Base64-encoded JSON object."


def test_the_longest_client_context(functions: Any) -> None:
    # 3,583 is no multiple of 4: the longest base64 text that fits has 3,580 characters, for 2,685 bytes.
    longest = encoded({"custom": {"x": "y" * (2685 - len('{"custom": {"x": ""}}'))}})
    assert len(longest) == 3580
    assert call(functions, ClientContext=longest)["seen"]["custom"]
    code, _, status = error_of(functions.invoke, FunctionName="echo", ClientContext=longest + "====")
    assert (code, status) == ("InvalidRequestContentException", 400)


def test_an_asynchronous_call_takes_a_client_context_and_drops_it(functions: Any) -> None:
    answer = functions.invoke(FunctionName="echo", InvocationType="Event", ClientContext=encoded({}), Payload="{}")
    assert answer["StatusCode"] == 202


def test_a_function_that_takes_too_long_ends_and_others_go_on(functions: Any) -> None:
    with ThreadPoolExecutor() as pool:
        started = time.perf_counter()
        late = pool.submit(call, functions, "slow", {"sleep": 5})
        while not late.done():
            begun = time.perf_counter()
            assert call(functions, "other")["error"] is None
            assert time.perf_counter() - begun < 1.0
        answer = late.result()
    assert 0.9 < time.perf_counter() - started < 4.0
    assert answer["error"] == "Unhandled"
    assert "Task timed out after 1.00 seconds" in answer["errorMessage"]
    assert call(functions, "slow")["error"] is None  # a new process


def test_many_calls_at_once_share_a_few_processes(functions: Any, root: Caller) -> None:
    client = boto3.client(
        "lambda",
        endpoint_url=root.endpoint,
        region_name=REGION,
        config=Config(max_pool_connections=PARALLEL, retries={"max_attempts": 0}, read_timeout=60),
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    with ThreadPoolExecutor(PARALLEL) as pool:
        answers = list(pool.map(lambda number: call(client, event={"number": number}), range(PARALLEL)))
    assert [answer["event"]["number"] for answer in answers] == list(range(PARALLEL))
    assert len({answer["process"] for answer in answers}) <= MOST_PROCESSES


def test_a_call_that_waits_in_vain_is_throttled_and_a_freed_place_is_found() -> None:
    slots = Slots(size=2, patience_seconds=0.01, queue_seconds=0.05)
    assert [slots.acquire() for _ in range(3)] == [True, True, False]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(Slots.acquire, slots)
        slots.release()
        assert waiting.result()
    assert not slots.acquire()


NESTED = """
import json, os, urllib.request

def handler(event, context):
    depth = os.environ.get("_MINISTACK_INVOKE_DEPTH", "0")
    if event["left"] == 0:
        return {"depth": int(depth)}
    scope = "Credential=test/20260101/us-east-1/lambda/aws4_request"  # the root, whose signature nobody checks
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
        # botocore adds this in functions that bring it along.
        "X-Ministack-Invoke-Depth": depth,
    }
    url = os.environ["AWS_ENDPOINT_URL"] + "/2015-03-31/functions/nested/invocations"
    data = json.dumps({"left": event["left"] - 1}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
        return json.load(answer)
"""


def test_functions_that_call_themselves_do_not_wait_for_each_other(root: Caller) -> None:
    """More callers than places: each of them waits for a call that needs a place too."""
    create_function(root, "nested", NESTED, Timeout=60)
    functions = root.client("lambda")
    callers = MOST_PROCESSES + 2
    with ThreadPoolExecutor(callers) as pool:
        answers = list(pool.map(lambda _: call(functions, "nested", {"left": 1}), range(callers)))
    assert [answer.get("depth") for answer in answers] == [2] * callers, answers


def service_session(root: Caller, role: str) -> Caller:
    request = {
        "role_arn": role_arn(role),
        "service": "bedrock-agentcore.amazonaws.com",
        "source_arn": f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:gateway/g",
        "source_account": ACCOUNT,
        "session_name": "gateway",
    }
    status, answer = post(root.endpoint + "/_local/service-session", request, X_Local_Secret=SECRET)
    assert status == 200
    return Caller(endpoint=root.endpoint, credentials={**answer, "SessionToken": answer["Token"]})


def test_a_service_session_calls_the_functions_that_its_role_names(functions: Any, root: Caller) -> None:
    service = {"Service": "bedrock-agentcore.amazonaws.com"}
    role = f"gateway-{next(names)}"
    create_role(root, role, [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": service}], [])
    gateway = service_session(root, role).client("lambda")
    code, _, status = error_of(gateway.invoke, FunctionName="echo")
    assert (code, status) == ("AccessDeniedException", 403)
    grant(root, role, "invoke", statement("lambda:InvokeFunction", FUNCTION + "echo"))
    assert call(gateway, ClientContext=encoded({"custom": {"a": 1}}))["seen"]["custom"] == {"a": 1}
    assert call(gateway, FUNCTION + "echo")["error"] is None
    assert error_of(gateway.invoke, FunctionName="other")[0] == "AccessDeniedException"


@pytest.fixture
def faults(root: Caller) -> Any:
    def put(content: Any) -> int:
        request = urllib.request.Request(
            f"{root.endpoint}/_local/faults",
            data=json.dumps(content).encode(),
            method="PUT",
            headers={"X-Local-Secret": SECRET},
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as failure:
            failure.close()
            return failure.code

    yield put
    assert put({}) == 200


def test_one_function_fails_as_asked(functions: Any, faults: Any) -> None:
    assert faults({"lambda": {"function": "echo", "status": 500, "code": "ServiceException"}}) == 200
    for name in ("echo", FUNCTION + "echo", "echo:$LATEST"):
        assert error_of(functions.invoke, FunctionName=name)[0] == "ServiceException"
    assert call(functions, "other")["error"] is None
    assert functions.get_function(FunctionName="echo")["Configuration"]["FunctionName"] == "echo"


def test_a_function_error_as_asked(functions: Any, faults: Any) -> None:
    assert faults({"lambda": {"function": "echo", "function_error": "Unhandled"}}) == 200
    answer = call(functions)
    assert (answer["error"], answer["errorMessage"]) == ("Unhandled", "as asked")
    assert call(functions, "other")["error"] is None
    assert faults({"lambda": {"function_error": "Handled"}}) == 200
    assert call(functions, "other")["error"] == "Handled"
    assert functions.list_functions()["Functions"]


def test_a_service_answers_late_as_asked(functions: Any, root: Caller, faults: Any) -> None:
    assert faults({"lambda": {"function": "echo", "delay_seconds": 0.5}}) == 200
    started = time.perf_counter()
    assert call(functions)["error"] is None
    assert time.perf_counter() - started >= 0.5
    assert faults({"dynamodb": {"delay_seconds": 0.3, "status": 400, "code": "ThrottlingException"}}) == 200
    started = time.perf_counter()
    assert error_of(root.client("dynamodb").list_tables)[0] == "ThrottlingException"
    assert time.perf_counter() - started >= 0.3


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"status": 500},
        {"code": "X"},
        {"status": 200, "code": "X"},
        {"status": "500", "code": "X"},
        {"status": 500, "code": 1},
        {"function": "echo"},
        {"function_error": "Odd"},
        {"function_error": "Handled", "status": 500, "code": "X"},
        {"delay_seconds": -1},
        {"delay_seconds": 61},
        {"delay_seconds": "1"},
        {"odd": 1, "status": 500, "code": "X"},
    ],
)
def test_what_is_no_fault_is_refused(faults: Any, fault: dict[str, Any]) -> None:
    assert faults({"lambda": fault}) == 400
    assert faults({"s3": {"function": "echo", "status": 500, "code": "X"}}) == 400
