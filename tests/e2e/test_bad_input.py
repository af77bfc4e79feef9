"""What the running platform refuses, from outside, and how."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from scripts.clients.runtime import SESSION_HEADER, Answer, Session, new_session_id, sign_in
from tests.conftest import Platform

QUESTION = "What are our opening hours?"


def ask(platform: Platform, token: str | None, **more: Any) -> Answer:
    return Session(platform.stack, token, **more).ask(QUESTION)


@pytest.fixture
def short_lived(platform: Platform) -> str:
    """An access token of this pool and client that expires soon: a first turn takes some seconds."""
    cognito = platform.root("cognito-idp")
    where = {"UserPoolId": platform.stack["user_pool_id"], "ClientId": platform.stack["client_id"]}
    before = cognito.describe_user_pool_client(**where)["UserPoolClient"]
    kept = {k: v for k, v in before.items() if v and k not in ("CreationDate", "LastModifiedDate", "ClientSecret")}
    short = {
        **kept,
        "AccessTokenValidity": 6,
        "TokenValidityUnits": {**kept["TokenValidityUnits"], "AccessToken": "seconds"},
    }
    cognito.update_user_pool_client(**short)
    try:
        user = platform.users("clinic-a")[1]
        token = sign_in(platform.stack, user["username"], user["password"])["AccessToken"]
    finally:
        cognito.update_user_pool_client(**kept)  # at once: nobody else's token shall be short-lived
    return token


def test_an_expired_token_is_refused_and_a_new_one_goes_on(platform: Platform, short_lived: str) -> None:
    session = Session(platform.stack, short_lived)
    assert session.ask(QUESTION).status == 200  # within its seconds, or the leeway
    time.sleep(18)
    refused = session.ask("And then?")
    assert refused.status == 401
    user = platform.users("clinic-a")[1]
    session.access_token = sign_in(platform.stack, user["username"], user["password"])["AccessToken"]
    answer = session.ask("What did I ask before?")
    assert "opening hours" in answer.text
    assert "And then?" not in answer.text


def test_no_token_and_no_real_token_are_refused(platform: Platform) -> None:
    good = platform.access_token("clinic-a")
    head, body, signature = good.split(".")
    for token in (None, "garbage", "a.b.c", f"{head}.{body}.", f"{head}.{body}.{signature[::-1]}", good + "x"):
        answer = ask(platform, token)
        assert answer.status == 401, token
        assert answer.code == "invalid_token"


def test_an_id_token_is_no_access_token(platform: Platform) -> None:
    id_token = platform.tokens(platform.users("clinic-a")[0])["IdToken"]
    assert ask(platform, id_token).status in (401, 403)


def test_tokens_of_another_pool_and_another_client_are_refused(platform: Platform) -> None:
    cognito = platform.root("cognito-idp")
    user = platform.users("clinic-a")[0]
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    pool = cognito.create_user_pool(PoolName="stranger")["UserPool"]["Id"]
    client_id = cognito.create_user_pool_client(UserPoolId=pool, ClientName="x", ExplicitAuthFlows=flows)[
        "UserPoolClient"
    ]["ClientId"]
    cognito.admin_create_user(UserPoolId=pool, Username="stranger", MessageAction="SUPPRESS")
    cognito.admin_set_user_password(UserPoolId=pool, Username="stranger", Password="Passw0rd!Passw0rd", Permanent=True)
    stranger = sign_in({**platform.stack, "client_id": client_id}, "stranger", "Passw0rd!Passw0rd")["AccessToken"]
    ours = platform.stack["user_pool_id"]
    other = cognito.create_user_pool_client(UserPoolId=ours, ClientName="other", ExplicitAuthFlows=flows)[
        "UserPoolClient"
    ]["ClientId"]
    other_client = sign_in({**platform.stack, "client_id": other}, user["username"], user["password"])["AccessToken"]
    cognito.delete_user_pool_client(UserPoolId=ours, ClientId=other)
    cognito.delete_user_pool(UserPoolId=pool)
    for token in (stranger, other_client):
        assert ask(platform, token).status in (401, 403)


def test_nobody_signs_up_by_himself_or_changes_who_he_is(platform: Platform) -> None:
    cognito = platform.root("cognito-idp")
    with pytest.raises(ClientError) as caught:
        cognito.sign_up(
            ClientId=platform.stack["client_id"], Username="intruder@example.org", Password="Passw0rd!Passw0rd"
        )
    assert caught.value.response["Error"]["Code"] == "NotAuthorizedException"
    victim = platform.users("hospital-a")[1]["username"]
    where = {"ClientId": platform.stack["client_id"], "Username": victim}
    with pytest.raises(ClientError) as caught:
        cognito.forgot_password(**where)
    assert caught.value.response["Error"]["Code"] == "NotAuthorizedException"
    with pytest.raises(ClientError):
        cognito.confirm_forgot_password(**where, ConfirmationCode="654321", Password="Passw0rd!Passw0rd")
    for name in ("custom:clinic_id", "custom:tier", "clinic_id"):
        with pytest.raises(ClientError):
            cognito.update_user_attributes(
                AccessToken=platform.access_token("clinic-a"), UserAttributes=[{"Name": name, "Value": "clinic-b"}]
            )


@pytest.mark.parametrize(
    ("field", "value"), [("tier", "premium"), ("clinic_id", "clinic-b"), ("user_id", "somebody"), ("clinic_id", None)]
)
def test_an_identity_in_the_payload_that_contradicts_is_refused(platform: Platform, field: str, value: Any) -> None:
    answer = platform.session("clinic-a").send(json.dumps({"prompt": QUESTION, field: value}).encode())
    assert (answer.status, answer.code) == (403, "identity_conflict")


def test_an_identity_in_headers_or_query_is_ignored(platform: Platform) -> None:
    session = platform.session("clinic-a")
    canary, other = (platform.canaries["clinics"][c] for c in ("clinic-a", "clinic-b"))
    headers = {
        **session.headers(),
        "X-Tier": "premium",
        "X-Clinic-Id": "clinic-b",
        "X-User-Id": "somebody",
        "X-Tenant-Id": "clinic-b",
        "X-Amzn-Bedrock-AgentCore-Runtime-User-Id": "somebody",
    }
    session.url += "&clinic_id=clinic-b&tier=premium"
    answer = session.send(json.dumps({"prompt": canary["question"]}).encode(), headers)
    assert canary["answer_contains"] in answer.text
    assert other["phrase"] not in answer.text


@pytest.mark.parametrize(
    "session_id", ["short", "s" * 32, "s" * 101, "s" * 257, "s" * 40 + "!", "s" * 20 + " " + "s" * 20, "../" * 15]
)
def test_session_ids_outside_the_grammar_are_refused(platform: Platform, session_id: str) -> None:
    assert ask(platform, platform.access_token("clinic-a"), session_id=session_id).status == 400


def test_a_missing_session_id_is_refused(platform: Platform) -> None:
    session = platform.session("clinic-a")
    headers = session.headers()
    del headers[SESSION_HEADER]
    assert session.send(b'{"prompt": "hi"}', headers).status == 400


def test_another_user_on_a_live_session_gets_403_and_learns_nothing(platform: Platform) -> None:
    session = platform.session("clinic-a")
    secret_question = "Where do we keep the emergency adrenaline?"
    assert session.ask(secret_question).status == 200
    for token in (
        platform.access_token("clinic-a", 1),
        platform.access_token("clinic-b"),
        platform.access_token("hospital-a"),
    ):
        answer = Session(platform.stack, token, session_id=session.session_id).ask("What did I ask before?")
        assert (answer.status, answer.code) == (403, "session_owner")
        assert "adrenaline" not in json.dumps(answer.error)
        assert "clinic-a" not in json.dumps(answer.error)
    assert "adrenaline" in session.ask("What did I ask before?").text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not json", 400),
        (b'{"prompt": "\xff\xfe"}', 400),
        (b"[" * 30_000, 400),
        (b"[]", 400),
        (b'"hi"', 400),
        (b"{}", 400),
        (b'{"prompt": ""}', 400),
        (b'{"prompt": "  "}', 400),
        (b'{"prompt": 5}', 400),
        (b'{"prompt": ["hi"]}', 400),
        (b'{"prompt": {"text": "hi"}}', 400),
        (json.dumps({"prompt": "x" * 8001}).encode(), 413),
        (json.dumps({"prompt": "x", "more": "x" * 70_000}).encode(), 413),
        (b'{"prompt": "' + b"x" * 3_000_000 + b'"}', 413),
    ],
    ids=lambda value: str(value)[:24],
)
def test_malformed_bodies_are_refused(platform: Platform, malformed_session: Session, body: bytes, status: int) -> None:
    answer = malformed_session.send(body)
    assert answer.status == status
    assert answer.code not in (None, "unknown")
    assert "Traceback" not in json.dumps(answer.error)


@pytest.fixture(scope="module")
def malformed_session(platform: Platform) -> Session:
    return platform.session("clinic-c")


def test_a_suspended_clinic_cannot_sign_in(platform: Platform) -> None:
    user = platform.users("clinic-s")[0]
    with pytest.raises(ClientError) as caught:
        sign_in(platform.stack, user["username"], user["password"])
    assert caught.value.response["Error"]["Code"] == "UserLambdaValidationException"
    assert "Ask your administrator" in caught.value.response["Error"]["Message"]


def test_a_clinic_that_is_suspended_later_gets_no_new_session(platform: Platform) -> None:
    """Tokens live on for minutes; the broker looks at the registry, so they are of no use for a new session."""
    token = platform.access_token("clinic-e")
    table, key = platform.stack["tables"]["registry"], {"pk": {"S": "clinic#clinic-e"}, "sk": {"S": "profile"}}
    dynamodb = platform.root("dynamodb")

    def set_status(status: str) -> None:
        dynamodb.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET #s = :s",
            ExpressionAttributeNames={"#s": "status"},
            ExpressionAttributeValues={":s": {"S": status}},
        )

    set_status("SUSPENDED")
    try:
        answer = ask(platform, token)
        assert (answer.status, answer.code) == (403, "tenant_suspended")
    finally:
        set_status("ACTIVE")
    assert ask(platform, token).status == 200


def test_a_changed_plan_needs_a_new_sign_in(platform: Platform) -> None:
    token = platform.access_token("clinic-e")
    table, key = platform.stack["tables"]["registry"], {"pk": {"S": "clinic#clinic-e"}, "sk": {"S": "profile"}}
    dynamodb = platform.root("dynamodb")
    before = dynamodb.get_item(TableName=table, Key=key)["Item"]
    dynamodb.put_item(TableName=table, Item={**before, "tier": {"S": "basic"}})
    try:
        answer = ask(platform, token)
        assert (answer.status, answer.code) == (403, "tier_mismatch")
    finally:
        dynamodb.put_item(TableName=table, Item=before)


@pytest.mark.parametrize(
    ("service", "fault", "status", "code"),
    [
        ("bedrock-agentcore", {"status": 429, "code": "ThrottledException"}, 429, "throttled"),
        ("bedrock-agentcore", {"status": 500, "code": "ServiceException"}, 503, "memory_unavailable"),
        ("lambda", {"status": 429, "code": "TooManyRequestsException"}, 429, "throttled"),
        ("lambda", {"status": 500, "code": "ServiceException"}, 503, "broker_unavailable"),
        ("sts", {"status": 503, "code": "ServiceUnavailable"}, 503, "broker_unavailable"),
        ("sts", {"status": 400, "code": "ThrottlingException"}, 429, "throttled"),
        ("s3", {"status": 500, "code": "InternalError"}, 200, "documents_unavailable"),
        ("s3", {"status": 503, "code": "SlowDown"}, 200, "throttled"),
    ],
)
def test_a_part_that_is_down_is_a_typed_error_and_nothing_is_stored(
    platform: Platform, faults: Callable[[dict[str, Any]], None], service: str, fault: Any, status: int, code: str
) -> None:
    session = platform.session("clinic-b")
    faults({service: fault})
    answer = session.ask("What is a question that must not be stored?")
    faults({})
    assert (answer.status, answer.code) == (status, code)
    assert answer.error is not None
    assert answer.error["retryable"] is True
    assert "must not be stored" not in session.ask("What did I ask before?").text


@pytest.mark.parametrize(
    ("mode", "status", "code"), [("down", 503, "model_unavailable"), ("throttled", 429, "throttled")]
)
def test_a_model_that_is_down_is_a_typed_error_and_nothing_is_stored(
    platform: Platform, model: Callable[..., None], mode: str, status: int, code: str
) -> None:
    session = platform.session("clinic-b")
    model(mode)
    answer = session.ask("What is a question that must not be stored?")
    model("normal")
    assert (answer.status, answer.code) == (status, code)
    assert "must not be stored" not in session.ask("What did I ask before?").text


def test_a_model_that_breaks_off_ends_the_stream_with_an_error(platform: Platform, model: Callable[..., None]) -> None:
    session = platform.session("clinic-b")
    model("break")
    answer = session.ask("Hello there, who are you?")
    model("normal")
    assert answer.code == "model_unavailable"
    assert all(event["type"] != "done" for event in answer.events)
    assert "who are you" not in session.ask("What did I ask before?").text


def test_a_client_that_hangs_up_stops_the_work_and_is_metered(platform: Platform, model: Callable[..., None]) -> None:
    session = platform.session("clinic-c")
    assert session.ask(QUESTION).status == 200  # the process is up
    model("slow", delay_ms_per_chunk=400)
    before = platform.log().count('"outcome":"disconnected"')
    body = json.dumps({"prompt": "What is our fever protocol?"})
    with httpx.stream("POST", session.url, content=body, headers=session.headers(), timeout=30) as response:
        for line in response.iter_lines():
            if '"text"' in line:
                break
    started = time.monotonic()
    while platform.log().count('"outcome":"disconnected"') == before:
        assert time.monotonic() - started < 5, "the work went on"
        time.sleep(0.05)
    model("normal")
    line = next(line for line in reversed(platform.log().splitlines()) if '"outcome":"disconnected"' in line)
    event = json.loads(line[line.index("{") :])
    assert event["clinic_id"] == "clinic-c"
    assert event["output_tokens"] > 0
    assert event["estimated"] is True
    assert "fever" not in session.ask("What did I ask before?").text


def test_a_busy_session_says_so_and_other_sessions_go_on(platform: Platform, model: Callable[..., None]) -> None:
    session = platform.session("clinic-c")
    session.ask(QUESTION)
    model("slow", delay_ms_per_chunk=150)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(session.ask, "What is our fever protocol?")
        time.sleep(0.4)
        busy = session.ask("And now?")
        model("normal")
        assert running.result().status == 200
    assert (busy.status, busy.code) == (409, "session_busy")


def test_an_answer_that_memory_does_not_take_ends_with_an_error(
    platform: Platform, faults: Callable[[dict[str, Any]], None], model: Callable[..., None]
) -> None:
    session = platform.session("clinic-b")
    session.ask(QUESTION)
    model("slow", delay_ms_per_chunk=300)
    seen: list[dict[str, Any]] = []
    for event in session.stream("Hello there, who are you?"):
        if not seen:  # the history has been read, the turn is not yet written
            faults({"bedrock-agentcore": {"status": 500, "code": "ServiceException"}})
        seen.append(event)
    model("normal")
    faults({})
    assert (seen[0]["type"], seen[-1]["type"], seen[-1]["code"]) == ("text", "error", "memory_unavailable")
    assert "who are you" not in session.ask("What did I ask before?").text


def test_unknown_endpoints_are_not_found(platform: Platform) -> None:
    session = platform.session("clinic-a")
    url = session.url
    session.url = url.replace("qualifier=live", "qualifier=nightly")
    assert session.send(b'{"prompt": "hi"}').status == 404
    session.url = url.replace("/runtimes/", "/runtimes/x")
    assert session.send(b'{"prompt": "hi"}').status == 404


def test_logs_hold_no_token_prompt_password_or_patient(platform: Platform) -> None:
    canary = platform.canaries["clinics"]["clinic-a"]
    session = platform.session("clinic-a")
    prompt = f"Tell me about patient {canary['patient_id']}, the zebra question."
    session.ask(prompt)
    session.send(json.dumps({"prompt": prompt, "tier": "premium"}).encode())
    Session(platform.stack, "garbage-token-zebra").ask(prompt)
    user = platform.users("clinic-a")[0]
    for log in (platform.state_dir / "logs").iterdir():
        text = log.read_text(errors="replace")
        for secret in (
            "zebra",
            canary["patient_phrase"],
            session.access_token or "",
            user["password"],
            platform.secret["X-Local-Secret"],
        ):
            assert secret not in text, log.name


def test_ping_needs_no_token(platform: Platform) -> None:
    base = platform.stack["runtime_url"].partition("/runtimes/")[0]
    assert httpx.get(f"{base}/ping", timeout=5).status_code == 200
    assert len(new_session_id()) >= 33
