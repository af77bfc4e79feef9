"""The smoke test must fail on a platform that answers nothing, everything or nonsense, and say what input lacks."""

import datetime as dt
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest

from scripts import smoke
from scripts.smoke import catalog_tools, check_hours, report, target, version_check
from scripts.smoke_test import users as smoke_users
from scripts.smoke_test.calls import Budget, Ending, Kind, NoAnswer, SmokeGateway, SmokeSession, send
from scripts.smoke_test.checks import Check, NotRun, Smoke
from scripts.smoke_test.users import Cast, Expected, InputError, Person, cast_from, read_file

ISSUER, CLIENT = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_pool", "client1"
SECRET = "a-secret-that-is-long-enough-for-hs256"
PLACE = {"region": "eu-west-1", "client_id": CLIENT, "issuer": ISSUER, "aws_endpoint_url": None}


def token(*, clinic_id: str = "clinic-a", tier: str = "basic", use: str = "access", **more: Any) -> str:
    claims = {
        "iss": ISSUER,
        "client_id": CLIENT,
        "token_use": use,
        "clinic_id": clinic_id,
        "tier": tier,
        "sub": f"user-of-{clinic_id}",
        "exp": time.time() + 86_400,  # parameters are made long before their tests run
        **more,
    }
    return jwt.encode(claims, SECRET, "HS256", headers={"kid": "k1"})


def user(clinic_id: str, tier: str, **more: Any) -> dict[str, Any]:
    tokens = {"access_token": token(clinic_id=clinic_id, tier=tier), "id_token": token(use="id")}
    return {"username": f"dr@{clinic_id}.example", "clinic_id": clinic_id, "tier": tier, **tokens, **more}


def people() -> list[dict[str, Any]]:
    return [user("clinic-a", "basic"), user("clinic-ab", "basic"), user("hospital-a", "premium")]


# A platform that is none.

Script = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]


def reply(handler: BaseHTTPRequestHandler, status: int, body: str, content_type: str = "application/json") -> None:
    content = body.encode()
    handler.send_response(status)
    handler.send_header("Content-Type", content_type)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


@contextmanager
def serving(script: Script) -> Iterator[dict[str, Any]]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            script(self, json.loads(body))

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield {**PLACE, "runtime_url": f"{url}/invocations", "gateway_url": f"{url}/mcp"}
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def stream(*events: dict[str, Any]) -> str:
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events)


def answers_everything(handler: BaseHTTPRequestHandler, message: dict[str, Any]) -> None:
    """Whatever is asked, tell all that is known of everybody."""
    cast = the_cast()
    if "prompt" in message:
        told = " ".join(f"{e.answer_contains} {e.patient_contains}" for e in cast.expected.values())
        text = f"{message['prompt']} {told}"
        events = stream({"type": "text", "text": text}, {"type": "done", "agent_version": "1.0.0"})
        reply(handler, 200, events, "text/event-stream")
    elif message["method"] == "tools/list":
        reply(handler, 200, json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "x___y"}]}}))
    else:
        result = {"content": [{"type": "text", "text": json.dumps({"patient": {"name": "x"}})}]}
        reply(handler, 200, json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}))


def answers_nothing(handler: BaseHTTPRequestHandler, message: dict[str, Any]) -> None:
    reply(handler, 200, "", "text/event-stream" if "prompt" in message else "application/json")


def answers_nonsense(handler: BaseHTTPRequestHandler, message: dict[str, Any]) -> None:
    reply(handler, 200, 'data: ["not", "an event"]\n\n' if "prompt" in message else "[1]", "text/event-stream")


def fails(handler: BaseHTTPRequestHandler, message: dict[str, Any]) -> None:
    reply(handler, 503, json.dumps({"error": {"code": "broker_unavailable", "message": "later"}}))


def refuses_everything(handler: BaseHTTPRequestHandler, message: dict[str, Any]) -> None:
    reply(handler, 403, json.dumps({"error": {"code": "AccessDeniedException", "message": "no"}}))


def redirects(handler: BaseHTTPRequestHandler, message: dict[str, Any]) -> None:
    reply(handler, 302, "")


def the_cast(**refused: str) -> Cast:
    persons = [
        Person(
            username=u["username"],
            clinic_id=u["clinic_id"],
            tier=u["tier"],
            access_token=u["access_token"],
            id_token=u["id_token"],
        )
        for u in people()
    ]
    main, sibling, other = persons
    expected = {
        p.clinic_id: Expected(
            question=f"What do we do on day {n}?",
            answer_contains=f"MARK-{n}{n}",
            patient_id=f"P-100{n}",
            patient_contains=f"ROW-{n}{n}",
        )
        for n, p in enumerate(persons)
    }
    return Cast(
        main=main, sibling=sibling, others={"premium": other}, colleague=None, expected=expected, refused=refused
    )


def results_of(stack: dict[str, Any], *, seconds: float = 60) -> list[Check | NotRun]:
    tools, _ = catalog_tools(smoke.CATALOG)
    expired = token(exp=time.time() - 10)
    return list(Smoke(stack, the_cast(expired=expired), tools, budget=Budget(seconds)).checks())


def checks_of(results: list[Check | NotRun]) -> list[Check]:
    checks = [result for result in results if isinstance(result, Check)]
    assert len(checks) > 35
    return checks


def test_a_platform_that_answers_everything_passes_no_check_that_counts() -> None:
    with serving(answers_everything) as stack:
        checks = checks_of(results_of(stack))
    assert [c.what for c in checks if c.ok and c.expected is Kind.REFUSED] == []
    # An echo of the question is an answer, but one that holds everybody's data is none; nobody is content with it.
    assert {c.got.detail for c in checks if "own document" in c.what} == {
        "LEAK: words of clinic-ab's data",
        "LEAK: words of clinic-a's data",
    }


@pytest.mark.parametrize("script", [answers_nothing, answers_nonsense, redirects])
def test_a_platform_that_answers_nothing_or_nonsense_passes_no_check(script: Script) -> None:
    with serving(script) as stack:
        checks = checks_of(results_of(stack))
    assert [c.what for c in checks if c.ok] == []
    assert [c.what for c in checks if c.got.kind is Kind.REFUSED] == []


def test_a_platform_that_is_down_refuses_nobody() -> None:
    with serving(fails) as stack:
        checks = checks_of(results_of(stack))
    assert {c.got.kind for c in checks} == {Kind.UNREACHABLE}
    assert {c.got.detail for c in checks if "at the runtime" in c.what} == {"503 broker_unavailable"}


def test_a_platform_that_refuses_everybody_does_not_pass() -> None:
    with serving(refuses_everything) as stack:
        checks = checks_of(results_of(stack))
    assert [c.what for c in checks if c.ok and c.expected is Kind.ANSWERED] == []
    # Without a session nothing was decided on a tool, and a refusal for another reason is none.
    wrongly = [c.what for c in checks if c.ok and not ("at the runtime" in c.what or "at the Gateway" in c.what)]
    assert wrongly == []


def test_nobody_listening_is_told_apart_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    results = results_of({**PLACE, "runtime_url": url, "gateway_url": url})
    assert {c.got.kind for c in checks_of(results)} == {Kind.UNREACHABLE}
    from rich.console import Console

    assert not report(Console(width=180), results, seconds=1.0)
    printed = capsys.readouterr().out
    assert "could not be reached: ConnectError" in printed
    assert "0 answered and 0 refused as expected" in printed
    assert "not run here: a token of another pool or client is refused" in printed


def test_time_limits_hold_against_silence_and_against_drops() -> None:
    def drips(handler: BaseHTTPRequestHandler, message: dict[str, Any]) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        for _ in range(100):
            try:
                handler.wfile.write(b": still there\n\n")
                handler.wfile.flush()
            except OSError:
                return
            time.sleep(0.05)

    def silent(handler: BaseHTTPRequestHandler, message: dict[str, Any]) -> None:
        time.sleep(3)

    for script in (drips, silent):
        with serving(script) as stack:
            began = time.monotonic()
            got = SmokeSession(stack, token(), budget=Budget(0.5)).ask_for_ending("hello")
            assert got.kind is Kind.UNREACHABLE
            assert time.monotonic() - began < 2


def test_a_run_without_time_left_calls_nobody() -> None:
    with pytest.raises(NoAnswer, match="no time left"):
        send("http://127.0.0.1:9/", body=b"", headers={}, budget=Budget(0))


def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.smoke_test.calls.MAX_ANSWER_BYTES", 1000)

    def floods(handler: BaseHTTPRequestHandler, message: dict[str, Any]) -> None:
        reply(handler, 200, "x" * 100_000)

    with serving(floods) as stack:
        assert SmokeSession(stack, token(), budget=Budget(5)).ask_for_ending("hello").detail.startswith("an answer of")


@pytest.mark.parametrize(
    ("body", "kind", "detail"),
    [
        (
            {"result": {"content": [{"type": "text", "text": "denied by policy"}], "isError": True}},
            Kind.REFUSED,
            "200 isError",
        ),
        ({"error": {"code": -32002, "message": "denied"}}, Kind.REFUSED, "200 -32002"),
        ({"error": {"code": -32603, "message": "broke"}}, Kind.UNREACHABLE, "200 -32603"),
        (
            {"result": {"content": [{"type": "text", "text": '{"error": {"code": "patients_unavailable"}}'}]}},
            Kind.UNREACHABLE,
            "200 patients_unavailable",
        ),
        (
            {"result": {"content": [{"type": "text", "text": "hello"}]}},
            Kind.WRONG,
            "an answer in no known form (JSONDecodeError)",
        ),
        ({"result": {}}, Kind.WRONG, "200 without a result"),
        ({"error": {"code": "<script>" * 20, "message": ""}}, Kind.REFUSED, "200 unknown"),
    ],
)
def test_how_a_tool_call_ends(body: dict[str, Any], kind: Kind, detail: str) -> None:
    def script(handler: BaseHTTPRequestHandler, message: dict[str, Any]) -> None:
        text = json.dumps({"jsonrpc": "2.0", "id": 1, **body})
        reply(handler, 200, f"event: message\ndata: {text}\n\n", "text/event-stream")

    with serving(script) as stack:
        got = SmokeGateway(stack, token(), budget=Budget(5)).use("x___y")
    assert (got.kind, got.detail) == (kind, detail)


def test_all_sessions_are_at_the_endpoint_under_test() -> None:
    stack = {
        **PLACE,
        "runtime_url": "http://127.0.0.1:9/r?qualifier=live",
        "gateway_url": "x",
        "candidate_share_percent": 100,
    }
    for endpoint in ("live", "candidate"):
        found = target({**stack, "gateway_url": "http://127.0.0.1:9/mcp"}, endpoint=endpoint, source="x")
        session = SmokeSession(found, token(), budget=Budget(1))
        assert session.url == f"http://127.0.0.1:9/r?qualifier={endpoint}"


def test_an_agent_of_another_version_is_unexpected() -> None:
    assert isinstance(version_check({"0.1.0"}, None, "live"), NotRun)
    for versions, ok in (({"0.2.0"}, True), ({"0.1.0", "0.2.0"}, False), (set[str](), False)):
        check = version_check(versions, "0.2.0", "live")
        assert isinstance(check, Check)
        assert check.ok is ok


def test_no_checks_at_all_are_no_success() -> None:
    from rich.console import Console

    assert not report(Console(quiet=True), [NotRun(what="x", why="y")], seconds=0.0)
    good = Check(who="a", what="b", expected=Kind.ANSWERED, got=Ending(kind=Kind.ANSWERED))
    assert report(Console(quiet=True), [good], seconds=0.0)


# What is given to it.


def write(path: Path, content: Any, mode: int = 0o600) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("content", "mode", "told"),
    [
        ({"users": []}, 0o644, "may be read by others (mode 0644); run chmod 600"),
        ({"users": []}, 0o660, "mode 0660"),
        ("{", 0o600, "no JSON"),
        ([], 0o600, 'a list "users"'),
        ({"users": [], "passwords": {}}, 0o600, "passwords: no such field"),
    ],
)
def test_a_users_file_that_is_refused(tmp_path: Path, content: Any, mode: int, told: str) -> None:
    file = write(tmp_path / "users.json", content, mode)
    with pytest.raises(InputError) as refused:
        read_file(file)
    assert told in str(refused.value)


def test_a_users_file_in_the_repository_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke_users, "ROOT", tmp_path)
    with pytest.raises(InputError, match="lies in the repository"):
        read_file(write(tmp_path / "users.json", {"users": []}))


def test_a_users_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="FileNotFoundError"):
        read_file(tmp_path / "users.json")


STACK = {**PLACE, "runtime_url": "https://x", "gateway_url": "https://y"}


def change(number: int, **more: Any) -> list[dict[str, Any]]:
    users = people()
    users[number] = {name: value for name, value in {**users[number], **more}.items() if value is not None}
    return users


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"users": people()[:2]}, "at least two clinics of one tier and of one clinic of another tier"),
        ({"users": [people()[0], people()[2]]}, "have basic: clinic-a; premium: hospital-a"),
        ({"users": []}, "have none"),
        ({"users": ["dr"]}, "users[0]: expected an object"),
        ({"users": change(1, tier=None)}, "users[1].tier: missing"),
        ({"users": change(1, clinic="x")}, "users[1].clinic: no such field"),
        (
            {"users": change(1, password="x")},
            "users[1]: expected one of a password, a refresh_token, or an access_token",
        ),
        (
            {"users": change(1, access_token=None)},
            "users[1]: expected one of a password, a refresh_token, or an access_token",
        ),
        ({"users": change(1, access_token="a.b.c")}, "users[1].access_token: no JWT"),
        ({"users": change(1, id_token=token())}, "users[1].id_token: is no ID token"),
        (
            {"users": change(0, access_token=token(clinic_id="clinic-b"))},
            "claim clinic_id is 'clinic-b', expected 'clinic-a'",
        ),
        ({"users": change(0, access_token=token(client_id="else"))}, "claim client_id is 'else'"),
        ({"users": change(0, access_token=token(use="id"))}, "claim token_use is 'id'"),
        ({"users": change(0, access_token=token(exp=time.time() + 60))}, "expected at least 180; sign in again"),
        ({"users": people(), "expectations": []}, "expectations: expected an object"),
        (
            {"users": people(), "expectations": {"clinic-a": {"question": "x"}}},
            "expectations.clinic-a.answer_contains: missing",
        ),
        (
            {"users": change(0, clinic_id="clinic-x", access_token=token(clinic_id="clinic-x"))},
            "expectations.clinic-x: missing, and it is no clinic of the sample data",
        ),
        (
            {
                "users": people(),
                "expectations": {
                    "clinic-a": {
                        "question": "HERON?",
                        "answer_contains": "heron",
                        "patient_id": "P-1",
                        "patient_contains": "y",
                    }
                },
            },
            "an echo would pass",
        ),
        (
            {
                "users": people(),
                "expectations": {
                    "clinic-a": {
                        "question": "Which?",
                        "answer_contains": "WREN-2096",
                        "patient_id": "P-1",
                        "patient_contains": "y",
                    }
                },
            },
            "answer_contains: two clinics have the same",
        ),
        (
            {"users": people(), "refused_tokens": {"expired": token()}},
            "refused_tokens.expired: expected an access token",
        ),
        (
            {"users": people(), "refused_tokens": {"foreign": token()}},
            "refused_tokens.foreign: expected an access token",
        ),
        ({"users": people(), "refused_tokens": {"old": "x"}}, "refused_tokens: expected an object"),
    ],
)
def test_input_that_is_refused(content: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as refused:
        cast_from(content, STACK)
    assert told in str(refused.value)
    assert "eyJ" not in str(refused.value)


def test_who_is_chosen() -> None:
    second = user("clinic-a", "basic", username="nurse@clinic-a.example")
    foreign = token(iss="https://elsewhere.example")
    cast = cast_from({"users": [*people(), second], "refused_tokens": {"foreign": foreign}}, STACK)
    assert [person.clinic_id for person in cast.people] == ["clinic-a", "clinic-ab", "hospital-a"]
    assert cast.colleague is not None
    assert cast.colleague.username == "nurse@clinic-a.example"
    assert cast.expected["clinic-a"].answer_contains == "HERON-4471"
    assert "eyJ" not in repr(cast)


def test_where_an_environment_is() -> None:
    outputs = {
        "region": {"value": "eu-west-1", "sensitive": False, "type": "string"},
        "client_id": {"value": CLIENT, "sensitive": False, "type": "string"},
        "issuer": {"value": ISSUER, "sensitive": False, "type": "string"},
        "runtime": {
            "value": {"arn": "arn:aws:bedrock-agentcore:eu-west-1:111122223333:runtime/a-1"},
            "sensitive": False,
        },
        "gateway": {
            "value": {"url": "https://g.gateway.bedrock-agentcore.eu-west-1.amazonaws.com/mcp"},
            "sensitive": False,
        },
    }
    found = target(outputs, endpoint="candidate", source="dev.outputs.json")
    assert found["runtime_url"] == (
        "https://bedrock-agentcore.eu-west-1.amazonaws.com/runtimes/"
        "arn%3Aaws%3Abedrock-agentcore%3Aeu-west-1%3A111122223333%3Aruntime%2Fa-1/invocations?qualifier=candidate"
    )
    for name in ("region", "runtime", "gateway"):
        with pytest.raises(InputError, match=name):
            target({k: v for k, v in outputs.items() if k != name}, endpoint="live", source="x")
    with pytest.raises(InputError, match="tokens are sent by https only"):
        target({**outputs, "gateway_url": "http://gateway.example/mcp"}, endpoint="live", source="x")


def test_outside_of_access_hours_it_does_not_begin() -> None:
    _, hours = catalog_tools(smoke.CATALOG)
    noon, night = (dt.datetime(2026, 1, 1, hour, tzinfo=dt.UTC) for hour in (12, 23))
    check_hours(hours, ["basic", "premium"], noon)
    check_hours(hours, ["premium"], night)
    with pytest.raises(InputError, match="tier basic: its access hours are 06:00-20:00 UTC, and it is 23:00"):
        check_hours(hours, ["basic", "premium"], night)


def test_wire_names_are_those_of_terraform() -> None:
    tools, _ = catalog_tools(smoke.CATALOG)
    assert tools.wire_names["web_search"] == "web-search___WebSearch"
    assert tools.wire_names["get_patient"] == "clinic-data___get_patient"
    assert "web_search" not in tools.by_tier["basic"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--env", "prodd"], "ENV"),
        (["--state", "/nonexistent"], "start the laptop AWS with `make up`"),
    ],
)
def test_the_program_says_what_it_lacks(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMOKE_USERS", raising=False)
    assert smoke.main(arguments) == 2
    assert told in capsys.readouterr().err
