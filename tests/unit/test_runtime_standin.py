"""The Runtime stand-in as a whole: a process of its own, with an agent from a bundle, over HTTP."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from local_aws.stack.processes import ProcessIdentity, free_port
from tests.unit.runtime_standin_support import (
    BUCKET,
    KEY,
    RUNTIME_ARN,
    SECRET,
    SESSION,
    FakeAws,
    Issuer,
    bundle,
    recorded,
    settings,
)

SESSION_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"
REQUEST_ID_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Request-Id"


@dataclass
class StandIn:
    process: subprocess.Popen[bytes]
    url: str
    arn: str
    issuer: Issuer
    issuer_url: str
    directory: Path
    agents: set[int] = field(default_factory=set)

    @property
    def invocations(self) -> str:
        return f"{self.url}/runtimes/{quote(self.arn, safe='')}/invocations"

    def headers(self, session: str = SESSION, **more: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.token()}", SESSION_HEADER: session, **more}

    def post(self, content: Any = None, *, session: str = SESSION, **more: str) -> httpx.Response:
        url = f"{self.invocations}?qualifier=live"
        return httpx.post(url, json=content or {}, headers=self.headers(session, **more), timeout=20)

    def log(self) -> str:
        return (self.directory / "logs" / "runtime.log").read_text()


@contextmanager
def running(
    aws: FakeAws, directory: Path, archive: bytes, *, runtime: dict[str, Any] | None = None, **top: Any
) -> Iterator[StandIn]:
    directory.mkdir(exist_ok=True)
    (directory / "state.json").write_text(json.dumps(recorded(url=aws.url, archive=archive, runtime=runtime)))
    (directory / "config.json").write_text(json.dumps(settings(url=aws.url, directory=str(directory), **top)))
    port = free_port()
    with (directory / "standin.log").open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "local_aws.runtime",
                "--config",
                str(directory / "config.json"),
                "--port",
                str(port),
            ],
            env={**os.environ, "LOCAL_AWS_SECRET": SECRET, "AWS_ACCESS_KEY_ID": "test", "A_HOST_VARIABLE": "secret"},
            stderr=log,
        )
    stand_in = StandIn(process, f"http://127.0.0.1:{port}", RUNTIME_ARN, aws.issuer, aws.url, directory)
    try:
        until(lambda: process.poll() is not None or is_up(stand_in), "the stand-in answers")
        yield stand_in
    finally:
        process.terminate()
        process.wait(10)


def is_up(stand_in: StandIn) -> bool:
    try:
        return httpx.get(f"{stand_in.url}/ping").is_success
    except httpx.HTTPError:
        return False


def until(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def artifact(key: str) -> dict[str, Any]:
    location = [{"s3": [{"bucket": BUCKET, "prefix": key}]}]
    return {"agent_runtime_artifact": [{"code_configuration": [{"entry_point": ["main.py"], "code": location}]}]}


def gone(pid: int) -> bool:
    return ProcessIdentity.of(pid) is None


@pytest.fixture(scope="module")
def archive() -> bytes:
    return bundle()


@pytest.fixture(scope="module")
def aws(archive: bytes) -> Iterator[FakeAws]:
    with FakeAws(issuer=Issuer(), objects={f"/{BUCKET}/{KEY}": archive}).running() as fake:
        yield fake


@pytest.fixture(scope="module")
def stand_in(aws: FakeAws, archive: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with running(aws, tmp_path_factory.mktemp("standin"), archive, max_payload_bytes=2000) as started:
        yield started


def test_the_process_gets_the_recorded_environment_and_nothing_of_the_host(stand_in: StandIn) -> None:
    answer = stand_in.post({"action": "look"}).json()
    environment = answer["environment"]

    assert set(environment) == {
        *("PATH", "LANG", "TZ", "HOME", "TMPDIR", "PORT"),
        *("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        *("AWS_REGION", "GATEWAY_URL"),
    } | ({"LC_CTYPE"} & set(environment))  # set by the interpreter for itself
    assert environment["PORT"] != "1", "the recorded environment must not choose the port"
    assert environment["HOME"] == environment["TMPDIR"] == answer["cwd"]
    assert answer["files"] == []
    assert Path(answer["cwd"]).stat().st_mode & 0o077 == 0
    assert answer["greeting"] == "from the bundle"
    assert "site-packages" not in str(answer["path"])
    assert [entry for entry in answer["path"] if "/work/" in entry and "python" not in entry] == [answer["path"][0]]


def test_credentials_are_the_execution_roles_and_only_for_the_process_they_are_meant_for(
    stand_in: StandIn, aws: FakeAws
) -> None:
    mine = stand_in.post().json()["environment"]
    other = stand_in.post(session=SESSION + "-other").json()["environment"]
    url = mine["AWS_CONTAINER_CREDENTIALS_FULL_URI"]

    answer = httpx.get(url, headers={"Authorization": mine["AWS_CONTAINER_AUTHORIZATION_TOKEN"]})
    crossed = httpx.get(url, headers={"Authorization": other["AWS_CONTAINER_AUTHORIZATION_TOKEN"]})

    assert answer.json()["AccessKeyId"] == "ASIAROLE"
    assert (crossed.status_code, httpx.get(url).status_code) == (403, 403)
    assert aws.sessions[0]["source_arn"] == stand_in.arn
    assert all("ASIAROLE" in value for value in aws.authorizations), "the bundle is fetched as the execution role"


def test_only_allowed_headers_and_the_unchanged_body_reach_the_agent(stand_in: StandIn) -> None:
    body = b'{"prompt":  "gr\xc3\xbc\xc3\x9fe"}'
    sent = stand_in.headers(**{"X-Tenant": "other", "X-Amzn-Trace": "1", REQUEST_ID_HEADER: "mine", "Accept": "*/*"})
    response = httpx.post(stand_in.invocations, content=body, headers=sent)
    received = response.json()

    assert received["body"].encode() == body
    assert set(received["headers"]) == {
        *("host", "content-length", "accept", "accept-encoding", "authorization"),
        *(SESSION_HEADER.lower(), REQUEST_ID_HEADER.lower()),
    }
    assert received["headers"]["authorization"] == sent["Authorization"]
    assert received["headers"][REQUEST_ID_HEADER.lower()] == response.headers[REQUEST_ID_HEADER] != "mine"
    assert response.headers[SESSION_HEADER] == SESSION


def test_the_agents_refusal_passes_with_its_status(stand_in: StandIn) -> None:
    response = stand_in.post({"action": "refuse"})
    assert (response.status_code, response.json()) == (409, {"error": {"code": "session_busy"}})
    assert response.headers["retry-after"] == "7"
    assert "set-cookie" not in response.headers


def test_a_session_has_one_process_of_its_own(stand_in: StandIn) -> None:
    with ThreadPoolExecutor(4) as threads:
        fresh = [SESSION + "-fresh"] * 3 + [SESSION + "-another"]
        pids = list(threads.map(lambda session: stand_in.post(session=session).json()["pid"], fresh))
    assert len(set(pids[:3])) == 1
    assert pids[3] != pids[0]


def test_requests_of_one_session_run_in_parallel(stand_in: StandIn) -> None:
    stand_in.post()
    began = time.monotonic()
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: stand_in.post({"action": "sleep", "seconds": 0.5}), range(2)))
    assert time.monotonic() - began < 0.95


def test_events_arrive_as_they_are_made(stand_in: StandIn) -> None:
    content = {"action": "stream", "events": 4, "seconds": 0.15}
    arrived, made = [], []
    with httpx.stream("POST", stand_in.invocations, json=content, headers=stand_in.headers()) as response:
        assert response.headers["content-type"] == "text/event-stream"
        for chunk in response.iter_raw():
            arrived.append(time.time())
            made.append(json.loads(chunk.removeprefix(b"data: "))["at"])
    assert len(made) == 4
    assert arrived[0] < made[-1] - 0.2, "the first event came before the last was made"


def test_the_agent_learns_at_once_that_the_client_is_gone(stand_in: StandIn) -> None:
    before = stand_in.log().count("client gone")
    content = {"action": "stream", "events": 200, "seconds": 0.05}
    with httpx.stream("POST", stand_in.invocations, json=content, headers=stand_in.headers()) as response:
        next(response.iter_raw())
    until(lambda: stand_in.log().count("client gone") > before, "the agent notices", seconds=1)
    until(lambda: httpx.get(f"{stand_in.url}/ping").json()["sessions"]["in_flight"] == 0, "the lease ends", seconds=1)


def test_a_client_that_gives_up_waiting_for_the_answer_is_noticed_too(stand_in: StandIn) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            stand_in.invocations, json={"action": "sleep", "seconds": 3}, headers=stand_in.headers(), timeout=0.2
        )
    until(lambda: httpx.get(f"{stand_in.url}/ping").json()["sessions"]["in_flight"] == 0, "the lease ends", seconds=1)


def test_after_a_crash_the_next_request_gets_a_fresh_process(stand_in: StandIn) -> None:
    session = SESSION + "-crash"
    first = stand_in.post(session=session).json()["pid"]
    crashed = stand_in.post({"action": "crash"}, session=session)

    assert crashed.status_code == 502
    assert crashed.json()["error"]["code"] == "RuntimeClientError"
    assert stand_in.post(session=session).json()["pid"] != first
    assert gone(first)


def test_an_answer_that_breaks_off_is_not_passed_off_as_whole(stand_in: StandIn) -> None:
    content = {"action": "stream", "events": 5, "seconds": 0.05, "die_after": 1}
    headers = stand_in.headers(SESSION + "-breaks")
    with httpx.stream("POST", stand_in.invocations, json=content, headers=headers) as response:
        chunks = response.iter_raw()
        assert b'"n": 0' in next(chunks)
        with pytest.raises(httpx.RemoteProtocolError):
            list(chunks)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/runtimes/arn%3Aaws%3Aother/invocations", 404),
        ("{own}?qualifier=DEFAULT", 200),
        ("{own}?qualifier=beta", 404),
        ("{own}?qualifier=live&qualifier=live", 400),
        ("/runtimes/{unencoded}/invocations", 404),
        ("/sessions", 404),
    ],
)
def test_targets(stand_in: StandIn, path: str, status: int) -> None:
    own = stand_in.invocations.removeprefix(stand_in.url)
    url = stand_in.url + path.format(own=own, unencoded=stand_in.arn)
    response = httpx.post(url, json={}, headers=stand_in.headers())
    assert response.status_code == status
    if status == 404:
        assert response.json()["error"]["code"] == "ResourceNotFoundException"


def test_refusals_name_a_code_and_the_request_and_nothing_of_the_token(stand_in: StandIn) -> None:
    expired = stand_in.issuer.token(exp=int(time.time()) - 60)
    foreign = stand_in.issuer.token(client_id="another")
    cases: list[tuple[dict[str, str], int, str]] = [
        ({"Authorization": ""}, 401, "invalid_token"),
        ({"Authorization": f"Bearer {expired}"}, 401, "invalid_token"),
        ({"Authorization": f"Bearer {foreign}"}, 403, "AccessDeniedException"),
        ({SESSION_HEADER: "short"}, 400, "ValidationException"),
        ({SESSION_HEADER: SESSION + "/../x"}, 400, "ValidationException"),
    ]
    for change, status, code in cases:
        response = httpx.post(stand_in.invocations, json={}, headers={**stand_in.headers(), **change})
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (status, code)
        assert error["request_id"] == response.headers[REQUEST_ID_HEADER]
        assert ("www-authenticate" in response.headers) == (status == 401)
        assert "another" not in response.text
    without = {name: value for name, value in stand_in.headers().items() if name != SESSION_HEADER}
    assert "is missing" in httpx.post(stand_in.invocations, json={}, headers=without).json()["error"]["message"]


def test_a_body_over_the_limit_is_refused_with_and_without_a_length(stand_in: StandIn) -> None:
    large = b'{"x": "' + b"x" * 3000 + b'"}'
    announced = httpx.post(stand_in.invocations, content=large, headers=stand_in.headers())
    chunked = httpx.post(stand_in.invocations, content=iter([large]), headers=stand_in.headers())
    assert (announced.status_code, chunked.status_code) == (413, 413)


def test_the_agents_output_is_in_the_log_as_it_is(stand_in: StandIn) -> None:
    stand_in.post()
    assert "agent started" in stand_in.log().splitlines()


def test_a_bundle_with_another_checksum_is_refused(aws: FakeAws, archive: bytes, tmp_path: Path) -> None:
    with running(aws, tmp_path, archive + b"tampered") as stand_in:
        assert stand_in.process.wait(5) == 2
    assert "publish the agent again" in (tmp_path / "standin.log").read_text()
    assert not any((tmp_path / "work").glob("[0-9a-f]*"))


def test_an_agent_that_does_not_start_is_a_typed_error_and_its_output_stays_in_the_log(
    aws: FakeAws, tmp_path: Path
) -> None:
    broken = bundle(main="raise SystemExit('the reason')")
    aws.objects[f"/{BUCKET}/broken"] = broken
    with running(aws, tmp_path, broken, runtime=artifact("broken")) as stand_in:
        response = stand_in.post()
        assert (response.status_code, response.json()["error"]["code"]) == (502, "RuntimeStartFailed")
        assert "the reason" not in response.text
        assert "the reason" in stand_in.log()
        assert httpx.get(f"{stand_in.url}/ping").json()["sessions"]["live"] == 0


def test_an_idle_session_ends_and_a_spare_is_kept(aws: FakeAws, archive: bytes, tmp_path: Path) -> None:
    lifecycle = {"idle_runtime_session_timeout": 0.5, "max_lifetime": 3600}
    with running(aws, tmp_path, archive, runtime={"lifecycle_configuration": lifecycle}, warm_spares=1) as stand_in:
        until(lambda: "agent started" in stand_in.log(), "the spare starts by itself")
        answer = stand_in.post().json()
        until(lambda: gone(answer["pid"]), "the idle process ends")
        until(lambda: not Path(answer["cwd"]).exists(), "its directory goes")
        assert httpx.get(f"{stand_in.url}/ping").json()["sessions"] == {"live": 0, "in_flight": 0, "spares": 1}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_survives_the_stand_in(aws: FakeAws, tmp_path: Path, number: signal.Signals) -> None:
    stubborn = bundle(helper="import signal; GREETING = signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    aws.objects[f"/{BUCKET}/stubborn"] = stubborn
    with running(aws, tmp_path, stubborn, runtime=artifact("stubborn"), stop_grace_seconds=0.3) as stand_in:
        pids = [
            stand_in.post({"action": "sleep", "seconds": 0}, session=SESSION + "-1").json()["pid"],
            stand_in.post({"action": "orphan"}, session=SESSION + "-2").json()["pid"],
        ]
        assert not any(gone(pid) for pid in pids)
        stand_in.process.send_signal(number)
        stand_in.process.wait(5)
        until(lambda: all(gone(pid) for pid in pids), "all processes end", seconds=2)


# --- the recorded state, read again -----------------------------------------------------------------------------------


def record(stand_in: StandIn, archive: bytes, **runtime: Any) -> None:
    state = recorded(url=stand_in.issuer_url, archive=archive, runtime=runtime)
    (stand_in.directory / "state.json").write_text(json.dumps(state))


def reload(stand_in: StandIn, secret: str = SECRET) -> httpx.Response:
    return httpx.post(f"{stand_in.url}/_local/reload", headers={"X-Local-Secret": secret}, timeout=10)


def test_a_changed_authorizer_counts_from_the_reload_on_and_live_sessions_stay(tmp_path: Path) -> None:
    archive = bundle()
    with FakeAws(Issuer(), {f"/{BUCKET}/{KEY}": archive}).running() as aws, running(aws, tmp_path, archive) as stand_in:
        pid = stand_in.post().json()["pid"]
        rules = [{"discovery_url": f"{aws.url}/pool/.well-known/openid-configuration", "allowed_clients": ["other"]}]
        record(stand_in, archive, authorizer_configuration=[{"custom_jwt_authorizer": rules}])
        assert stand_in.post().status_code == 200
        assert reload(stand_in, secret="wrong").status_code == 404
        assert reload(stand_in).status_code == 200
        assert stand_in.post().status_code == 403
        record(stand_in, archive)
        assert reload(stand_in).status_code == 200
        assert stand_in.post().json()["pid"] == pid


def test_endpoints_stay_on_the_version_that_they_are_pinned_to(tmp_path: Path) -> None:
    """As on AWS: a changed runtime is a new version, and a pinned endpoint does not see it."""
    archive = bundle()
    with FakeAws(Issuer(), {f"/{BUCKET}/{KEY}": archive}).running() as aws, running(aws, tmp_path, archive) as stand_in:
        record(stand_in, archive, agent_runtime_version="2", environment_variables={"NEW": "yes"})
        answer = reload(stand_in)
        assert (answer.status_code, answer.json()) == (200, {"version": "1"})
        assert "NEW" not in stand_in.post({"action": "look"}).json()["environment"]


def test_what_cannot_be_taken_over_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    archive = bundle()
    with FakeAws(Issuer(), {f"/{BUCKET}/{KEY}": archive}).running() as aws, running(aws, tmp_path, archive) as stand_in:
        changes: tuple[dict[str, Any], ...] = (
            {"environment_variables": {"A": "b"}},
            {"role_arn": ""},
            {"authorizer_configuration": []},
        )
        for change in changes:
            record(stand_in, archive, **change)
            refused = reload(stand_in)
            assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_reloaded")
            assert stand_in.post().status_code == 200
