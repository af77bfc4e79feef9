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

from local_aws.recorded_state import RecordedState
from local_aws.runtime.history import VersionHistory
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
    def runtime(self) -> str:
        return f"{self.url}/runtimes/{quote(self.arn, safe='')}/invocations"

    @property
    def invocations(self) -> str:
        return self.at("live")

    def at(self, endpoint: str) -> str:
        return f"{self.runtime}?qualifier={endpoint}"

    def headers(self, session: str = SESSION, **more: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.token()}", SESSION_HEADER: session, **more}

    def post(
        self, content: Any = None, *, session: str = SESSION, endpoint: str = "live", **more: str
    ) -> httpx.Response:
        return httpx.post(self.at(endpoint), json=content or {}, headers=self.headers(session, **more), timeout=20)

    def greeting(self, endpoint: str, session: str) -> str:
        answer = self.post({"action": "look"}, session=f"{SESSION}-{session}", endpoint=endpoint)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["greeting"])

    def log(self) -> str:
        return (self.directory / "logs" / "runtime.log").read_text()


@contextmanager
def running(
    aws: FakeAws,
    directory: Path,
    archive: bytes,
    *,
    runtime: dict[str, Any] | None = None,
    endpoints: dict[str, str] | None = None,
    **top: Any,
) -> Iterator[StandIn]:
    directory.mkdir(exist_ok=True)
    document = recorded(url=aws.url, archive=archive, runtime=runtime, endpoints=endpoints)
    (directory / "state.json").write_text(json.dumps(document))
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
        list(threads.map(lambda _: stand_in.post({"action": "sleep", "seconds": 2}), range(2)))
    assert time.monotonic() - began < 3.9


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
    own = stand_in.runtime.removeprefix(stand_in.url)
    url = stand_in.url + path.format(own=own, unencoded=stand_in.arn)
    response = httpx.post(url, json={}, headers=stand_in.headers(SESSION + "-targets"))
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


# --- versions and endpoints -------------------------------------------------------------------------------------------


@dataclass
class Releases:
    """A stand-in whose runtime gets new versions, as `apply` records them."""

    stand_in: StandIn
    aws: FakeAws
    history: VersionHistory = field(default_factory=VersionHistory)

    def record(self, archive: bytes, *, endpoints: dict[str, str] | None = None, **runtime: Any) -> None:
        document = recorded(url=self.aws.url, archive=archive, runtime=runtime, endpoints=endpoints)
        self.history = self.history.with_recorded(RecordedState.parse(document))
        folder = self.stand_in.directory
        (folder / "runtime-versions.json").write_text(json.dumps(self.history.to_json()))
        (folder / "state.json").write_text(json.dumps(document))

    def release(self, number: str, *, greeting: str, endpoints: dict[str, str], **runtime: Any) -> httpx.Response:
        """Publish another bundle, record it as a version, and reload."""
        archive = bundle(helper=f"GREETING = {greeting!r}")
        self.aws.objects[f"/{BUCKET}/{number}"] = archive
        self.record(archive, endpoints=endpoints, agent_runtime_version=number, **artifact(number), **runtime)
        return self.reload()

    def move(self, **endpoints: str) -> httpx.Response:
        """Let endpoints serve other versions: the newest one stays as it is recorded."""
        file = self.stand_in.directory / "state.json"
        document = json.loads(file.read_text())
        for resource in document["values"]["root_module"]["child_modules"][0]["resources"]:
            if resource["name"] in endpoints:
                resource["values"]["agent_runtime_version"] = endpoints[resource["name"]]
        file.write_text(json.dumps(document))
        return self.reload()

    def reload(self, secret: str = SECRET) -> httpx.Response:
        return httpx.post(f"{self.stand_in.url}/_local/reload", headers={"X-Local-Secret": secret}, timeout=10)


@pytest.fixture
def releases(tmp_path: Path) -> Iterator[Releases]:
    archive = bundle(helper="GREETING = 'one'")
    with (
        FakeAws(Issuer(), {f"/{BUCKET}/{KEY}": archive}).running() as aws,
        running(aws, tmp_path, archive) as stand_in,
    ):
        made = Releases(stand_in, aws)
        made.record(archive)
        yield made


BOTH_ON_1 = {"live": "1", "candidate": "1"}


def test_a_new_version_is_served_where_an_endpoint_names_it_and_nowhere_else(releases: Releases) -> None:
    stand_in = releases.stand_in
    answer = releases.release("2", greeting="two", endpoints=BOTH_ON_1, environment_variables={"NEW": "yes"})
    assert (answer.status_code, answer.json()) == (
        200,
        {"version": "2", "endpoints": {"DEFAULT": "2", "live": "1", "candidate": "1"}, "failed": {}},
    )
    assert [stand_in.greeting(name, name) for name in ("live", "candidate", "DEFAULT")] == ["one", "one", "two"]

    assert releases.move(candidate="2").status_code == 200
    assert [stand_in.greeting(name, f"{name}-2") for name in ("live", "candidate")] == ["one", "two"]
    look = {"action": "look"}
    assert "NEW" not in stand_in.post(look, session=SESSION + "-live").json()["environment"]
    assert stand_in.post(look, session=SESSION + "-candidate-2", endpoint="candidate").json()["environment"]["NEW"]


def test_a_session_stays_on_its_version_until_it_ends(releases: Releases) -> None:
    stand_in = releases.stand_in
    before = stand_in.post(session=SESSION + "-old").json()["pid"]
    releases.release("2", greeting="two", endpoints={"live": "2", "candidate": "1"})
    assert stand_in.greeting("live", "old") == "one"
    assert stand_in.post(session=SESSION + "-old").json()["pid"] == before
    assert stand_in.greeting("live", "new") == "two"

    releases.move(live="1")  # the way back
    assert (stand_in.greeting("live", "new"), stand_in.greeting("live", "newer")) == ("two", "one")

    releases.move(live="2")
    stand_in.post({"action": "crash"}, session=SESSION + "-old")
    assert stand_in.greeting("live", "old") == "one", "a fresh process of a session that goes on is of its version"


def test_an_id_begins_a_session_of_the_present_version_once_the_old_one_has_ended(
    aws: FakeAws, archive: bytes, tmp_path: Path
) -> None:
    lifecycle = [{"idle_runtime_session_timeout": 0.5, "max_lifetime": 3600}]
    with running(aws, tmp_path, archive, runtime={"lifecycle_configuration": lifecycle}) as stand_in:
        releases = Releases(stand_in, aws)
        releases.record(archive, lifecycle_configuration=lifecycle)
        assert stand_in.greeting("live", "same") == "from the bundle"
        assert releases.release("2", greeting="two", endpoints={"live": "2", "candidate": "2"}).status_code == 200
        until(lambda: httpx.get(f"{stand_in.url}/ping").json()["sessions"]["live"] == 0, "the idle session ends")
        assert stand_in.greeting("live", "same") == "two"
        time.sleep(1.5)
        assert httpx.get(f"{stand_in.url}/ping").json()["sessions"]["live"] == 1, "version 2 has a longer idle limit"


def test_an_id_of_a_living_session_is_refused_at_another_endpoint(releases: Releases) -> None:
    stand_in = releases.stand_in
    assert stand_in.post().status_code == 200
    refused = stand_in.post(endpoint="candidate")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "ConflictException")
    assert "began at another endpoint" in refused.json()["error"]["message"]
    assert SESSION not in refused.text
    assert httpx.get(f"{stand_in.url}/ping").json()["sessions"]["live"] == 1


def rules(aws: FakeAws, *clients: str) -> dict[str, Any]:
    settings = {"discovery_url": f"{aws.url}/pool/.well-known/openid-configuration", "allowed_clients": list(clients)}
    return {"authorizer_configuration": [{"custom_jwt_authorizer": [settings]}]}


def test_each_version_has_its_own_authorizer_and_a_stricter_one_counts_for_old_sessions_too(releases: Releases) -> None:
    stand_in = releases.stand_in
    pid = stand_in.post().json()["pid"]
    releases.release("2", greeting="two", endpoints={"live": "1", "candidate": "2"}, **rules(releases.aws, "other"))
    assert stand_in.post().status_code == 200
    assert stand_in.post(session=SESSION + "-c", endpoint="candidate").status_code == 403
    releases.move(live="2")
    assert stand_in.post().status_code == 403
    releases.move(live="1")
    assert stand_in.post().json()["pid"] == pid


def test_a_wider_authorizer_does_not_open_sessions_of_a_version_that_refused(releases: Releases) -> None:
    stand_in = releases.stand_in
    assert stand_in.post().status_code == 200
    releases.release("2", greeting="two", endpoints={"live": "2"}, **rules(releases.aws, "client-1", "other"))
    other = {"Authorization": f"Bearer {stand_in.issuer.token(client_id='other')}"}
    assert stand_in.post(**other).status_code == 403
    assert stand_in.post(session=SESSION + "-new", **other).status_code == 200


def test_an_old_session_gets_the_headers_of_its_version(releases: Releases) -> None:
    stand_in = releases.stand_in
    stand_in.post()
    lists = {"request_header_configuration": [{"request_header_allowlist": ["Authorization", "X-New"]}]}
    releases.release("2", greeting="two", endpoints={"live": "2"}, **lists)
    assert "x-new" not in stand_in.post(**{"X-New": "1"}).json()["headers"]
    assert stand_in.post(session=SESSION + "-new", **{"X-New": "1"}).json()["headers"]["x-new"] == "1"


def test_spares_are_kept_for_each_version_that_a_named_endpoint_serves(
    aws: FakeAws, archive: bytes, tmp_path: Path
) -> None:
    def spares(stand_in: StandIn) -> int:
        count: int = httpx.get(f"{stand_in.url}/ping").json()["sessions"]["spares"]
        return count

    with running(aws, tmp_path, archive, warm_spares=1) as stand_in:
        releases = Releases(stand_in, aws)
        releases.record(archive)
        until(lambda: spares(stand_in) == 1, "one version, one spare")
        releases.release("2", greeting="two", endpoints={"live": "1", "candidate": "2"})
        stand_in.greeting("live", "a")
        until(lambda: spares(stand_in) == 2 and stand_in.log().count("agent started") >= 3, "one for each version")
        releases.move(live="2")
        assert spares(stand_in) == 1
        assert stand_in.greeting("live", "b") == "two"


def test_a_spare_is_started_with_the_reload_and_not_after_the_first_session(
    aws: FakeAws, archive: bytes, tmp_path: Path
) -> None:
    with running(aws, tmp_path, archive, warm_spares=1) as stand_in:
        releases = Releases(stand_in, aws)
        releases.record(archive)
        releases.release("2", greeting="two", endpoints={"live": "2", "candidate": "2"})
        assert httpx.get(f"{stand_in.url}/ping").json()["sessions"] == {"live": 0, "in_flight": 0, "spares": 1}


def test_versions_that_nobody_needs_any_more_leave_the_disk(releases: Releases) -> None:
    stand_in = releases.stand_in

    def bundles() -> int:
        return len(list((stand_in.directory / "work").glob("[0-9a-f]*")))

    stand_in.greeting("live", "on-1")
    releases.release("2", greeting="two", endpoints={"live": "2", "candidate": "2"})
    releases.release("3", greeting="three", endpoints={"live": "2", "candidate": "2"})
    assert bundles() == 3, "a session is on 1"
    releases.move(live="3", candidate="3")
    assert bundles() == 3, "2 is the way back, and a session is on 1"
    assert releases.reload().status_code == 200
    assert bundles() == 3, "a reload that moves nothing takes no way back away"
    httpx.post(stand_in.at("live"), json={"action": "crash"}, headers=stand_in.headers(SESSION + "-on-1"), timeout=20)
    assert stand_in.greeting("live", "on-1") == "one"

    releases.release("4", greeting="four", endpoints={"live": "4", "candidate": "4"})
    assert bundles() == 3, "2 is gone, 1 has its session"
    assert releases.move(live="2").status_code == 200
    assert stand_in.greeting("live", "back") == "two", "it is fetched again"


def test_a_broken_bundle_refuses_the_reload_and_the_endpoints_go_on(releases: Releases) -> None:
    stand_in = releases.stand_in
    releases.aws.objects[f"/{BUCKET}/2"] = b"tampered"
    releases.record(bundle(), endpoints={"live": "2", "candidate": "1"}, agent_runtime_version="2", **artifact("2"))
    refused = releases.reload()
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_reloaded")
    assert "publish the agent again" in refused.json()["error"]["message"]
    assert stand_in.greeting("live", "new") == "one"
    assert httpx.get(f"{stand_in.url}/ping").json()["endpoints"]["live"] == "1"


def test_a_broken_newest_version_fails_at_default_only_and_keeps_nobody_from_moving(
    releases: Releases, aws: FakeAws, archive: bytes
) -> None:
    stand_in = releases.stand_in
    releases.release("2", greeting="two", endpoints={"live": "2", "candidate": "1"})
    sound = bundle(helper="GREETING = 'three'")
    releases.aws.objects[f"/{BUCKET}/3"] = b"tampered"
    there = {"live": "2", "candidate": "1"}
    releases.record(sound, endpoints=there, agent_runtime_version="3", **artifact("3"))
    answer = releases.reload()
    assert answer.status_code == 200
    assert "publish the agent again" in answer.json()["failed"]["3"]
    failed = stand_in.post(session=SESSION + "-default", endpoint="DEFAULT")
    assert (failed.status_code, failed.json()["error"]["code"]) == (503, "RuntimeStartFailed")
    assert releases.move(live="1").status_code == 200, "the way back is open"
    assert stand_in.greeting("live", "back") == "one"
    assert releases.move(candidate="3").status_code == 409, "nobody is sent to it"
    assert stand_in.greeting("candidate", "still") == "one"
    releases.aws.objects[f"/{BUCKET}/3"] = sound
    assert releases.move(candidate="3").json()["failed"] == {}
    assert stand_in.greeting("candidate", "sound") == "three"


def test_a_stand_in_starts_with_a_broken_newest_version(aws: FakeAws, archive: bytes, tmp_path: Path) -> None:
    first = RecordedState.parse(recorded(url=aws.url, archive=archive))
    history = VersionHistory().with_recorded(first).to_json()
    (tmp_path / "runtime-versions.json").write_text(json.dumps(history))
    newest = {"agent_runtime_version": "2", **artifact("nowhere")}
    with running(aws, tmp_path, bundle(helper="GREETING = 1"), runtime=newest, endpoints=BOTH_ON_1) as stand_in:
        assert stand_in.greeting("live", "a") == "from the bundle"
        assert stand_in.post(endpoint="DEFAULT", session=SESSION + "-d").status_code == 503


def test_a_version_that_does_not_start_fails_its_own_endpoint_only(releases: Releases) -> None:
    stand_in = releases.stand_in
    broken = bundle(main="raise SystemExit('PLATFORM_CONTRACT: the platform offers 1, this agent needs 2')")
    releases.aws.objects[f"/{BUCKET}/2"] = broken
    releases.record(broken, endpoints={"live": "1", "candidate": "2"}, agent_runtime_version="2", **artifact("2"))
    assert releases.reload().status_code == 200
    failed = stand_in.post(session=SESSION + "-c", endpoint="candidate")
    assert (failed.status_code, failed.json()["error"]["code"]) == (502, "RuntimeStartFailed")
    assert "this agent needs 2" in stand_in.log()
    assert stand_in.greeting("live", "new") == "one"


def test_a_reload_needs_the_secret(releases: Releases) -> None:
    assert [releases.reload(secret).status_code for secret in ("wrong", "")] == [404, 404]


def test_what_cannot_be_taken_over_is_refused_and_changes_nothing(releases: Releases) -> None:
    archive = releases.aws.objects[f"/{BUCKET}/{KEY}"]
    changes: tuple[tuple[dict[str, Any], str], ...] = (
        ({"environment_variables": {"A": "b"}}, "a version never changes"),
        ({"role_arn": ""}, "role_arn"),
        ({"authorizer_configuration": []}, "authorizer_configuration"),
        ({"endpoints": {"live": "7"}}, "serves version 7, of which nothing is known here; name one of 1"),
        ({"agent_runtime_arn": "arn:aws:bedrock-agentcore:us-east-1:000000000000:runtime/other"}, "another runtime"),
    )
    history = releases.history
    for change, reason in changes:
        releases.history = history
        releases.record(archive, **change)
        refused = releases.reload()
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_reloaded")
        assert reason in refused.json()["error"]["message"]
        assert releases.stand_in.post().status_code == 200
