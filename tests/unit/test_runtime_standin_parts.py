"""The Runtime stand-in's parts: configuration, headers, bundle, role session, session pool."""

import asyncio
import io
import json
import stat
import zipfile
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from local_aws.agentcore.errors import InvalidConfigError, RequestError
from local_aws.agentcore.role_session import RoleSession, RoleSessionError
from local_aws.recorded_state import RecordedState, RecordedStateError
from local_aws.runtime.bundle import Download, prepare_bundle
from local_aws.runtime.config import CodeLocation, RuntimeConfig, load_config, parse_config
from local_aws.runtime.errors import BundleError
from local_aws.runtime.headers import SESSION_HEADER, forwarded, session_id
from local_aws.runtime.history import VersionHistory
from local_aws.runtime.sessions import Fleet, SessionLimits, SessionPool
from tests.unit.runtime_standin_support import ROLE, RUNTIME_ARN, SESSION, bundle, recorded, settings

# --- configuration ----------------------------------------------------------------------------------------------------


def read(endpoints: dict[str, str] | None = None, **change: Any) -> RuntimeConfig:
    history = change.pop("history", VersionHistory())
    state = recorded(url="http://127.0.0.1:1", archive=b"", runtime=change, endpoints=endpoints)
    return parse_config(settings(url="http://127.0.0.1:1", directory="/d"), RecordedState.parse(state), history)


def history_of(*numbers: str, **change: Any) -> VersionHistory:
    history = VersionHistory()
    for number in numbers:
        runtime = {"agent_runtime_version": number, **change}
        document = recorded(url="http://127.0.0.1:1", archive=number.encode(), runtime=runtime)
        history = history.with_recorded(RecordedState.parse(document))
    return history


def test_a_configuration_is_read_from_what_terraform_recorded() -> None:
    parsed = read()
    assert parsed.arn == RUNTIME_ARN
    assert parsed.endpoints == {"DEFAULT": "1", "live": "1", "candidate": "1"}
    (only,) = parsed.versions.values()
    assert (only.number, only.idle_timeout_seconds, only.max_lifetime_seconds) == ("1", 300, 3600)
    assert only.code.sha256 == sha256(b"").hexdigest()
    assert "gateway.test" not in repr(parsed), "the environment stays out of logs"


def test_an_older_version_is_what_the_history_says_and_default_follows_the_newest() -> None:
    parsed = read({"live": "2", "candidate": "3"}, agent_runtime_version="3", history=history_of("1", "2"))
    assert parsed.endpoints == {"DEFAULT": "3", "live": "2", "candidate": "3"}
    assert {number: version.code.sha256 for number, version in parsed.versions.items()} == {
        "2": sha256(b"2").hexdigest(),
        "3": sha256(b"").hexdigest(),
    }


def test_a_version_stays_what_it_was_when_it_was_made() -> None:
    history = history_of("1", "2")
    document = recorded(url="http://127.0.0.1:1", archive=b"other", runtime={"agent_runtime_version": "2"})
    assert history.with_recorded(RecordedState.parse(document)) == history
    with pytest.raises(InvalidConfigError, match="version 2 is recorded with other content than before"):
        read({"live": "1"}, agent_runtime_version="2", history=history)


def test_another_runtime_begins_a_history_of_its_own(tmp_path: Path) -> None:
    other = "arn:aws:bedrock-agentcore:us-east-1:000000000000:runtime/other-aB3dE6gH9j"
    document = recorded(url="http://127.0.0.1:1", archive=b"", runtime={"agent_runtime_arn": other})
    history = history_of("1", "2").with_recorded(RecordedState.parse(document))
    assert (history.arn, set(history.versions)) == (other, {"1"})
    with pytest.raises(InvalidConfigError, match=r"endpoint\.live: serves version 2, of which nothing is known here"):
        read({"live": "2"}, agent_runtime_version="3", history=history)
    (tmp_path / "versions.json").write_text(json.dumps(history.to_json()))
    assert VersionHistory.load(tmp_path / "versions.json") == history


@pytest.mark.parametrize("content", ["[]", "{}", '{"versions": {"1": []}}', "no json"])
def test_what_is_no_history_is_refused(content: str, tmp_path: Path) -> None:
    assert VersionHistory.load(tmp_path / "missing.json") == VersionHistory()
    (tmp_path / "versions.json").write_text(content)
    with pytest.raises(InvalidConfigError, match="start anew with `make down up`"):
        VersionHistory.load(tmp_path / "versions.json")


def test_without_a_recorded_runtime_nothing_starts(tmp_path: Path) -> None:
    nothing = {"format_version": "1.0", "values": {"root_module": {}}}
    with pytest.raises(RecordedStateError, match="exactly one is needed, 0 are recorded"):
        parse_config(settings(url="http://127.0.0.1:1", directory="/d"), RecordedState.parse(nothing), VersionHistory())
    (tmp_path / "config.json").write_text(json.dumps(settings(url="http://127.0.0.1:1", directory=str(tmp_path))))
    with pytest.raises(InvalidConfigError, match=r"config\.state: .*apply Terraform first"):
        load_config(tmp_path / "config.json")


@pytest.mark.parametrize("document", [[], {}, {"format_version": "1.0"}, {"format_version": "1.0", "values": None}])
def test_what_is_no_recorded_state_is_refused(document: Any) -> None:
    with pytest.raises(RecordedStateError):
        RecordedState.parse(document)


_RULES = {"discovery_url": "https://issuer.test/.well-known/openid-configuration"}
RUNTIME = "aws_bedrockagentcore_agent_runtime"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"role_arn": ""}, f"{RUNTIME}.role_arn"),
        ({"tags": {"BundleSha256": "abc"}}, f"{RUNTIME}.tags.BundleSha256"),
        ({"tags": None}, f"{RUNTIME}.tags.BundleSha256"),
        ({"protocol_configuration": [{"server_protocol": "MCP"}]}, f"{RUNTIME}.protocol_configuration"),
        ({"authorizer_configuration": []}, f"{RUNTIME}.authorizer_configuration"),
        ({"lifecycle_configuration": [{"max_lifetime": 1}]}, "lifecycle_configuration.idle_runtime_session_timeout"),
        (
            {"request_header_configuration": [{"request_header_allowlist": ["x-amz-date"]}]},
            "request_header_configuration",
        ),
        ({"environment_variables": {"A": 1}}, f"{RUNTIME}.environment_variables"),
        ({"endpoints": {"live": "1", "candidate": "2"}}, "agent_runtime_endpoint.candidate"),
        ({"authorizer_configuration": [{"custom_jwt_authorizer": [{"discovery_url": "http://h/x"}]}]}, "url"),
        ({"authorizer_configuration": [{"custom_jwt_authorizer": [_RULES]}]}, "custom_jwt_authorizer"),
    ],
)
def test_what_cannot_be_served_is_refused_with_the_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidConfigError) as refusal:
        read(**change)
    assert field in str(refusal.value).partition(": ")[0]


def test_wrappers_of_the_entry_point_are_refused() -> None:
    code = {"entry_point": ["opentelemetry-instrument", "main.py"], "code": [{"s3": [{"bucket": "b", "prefix": "k"}]}]}
    with pytest.raises(InvalidConfigError):
        read(agent_runtime_artifact=[{"code_configuration": [code]}])


# --- headers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["a" * 33, "a" * 256, "0_-" * 12])
def test_session_ids(value: str) -> None:
    assert session_id(Headers({SESSION_HEADER: value})) == value


@pytest.mark.parametrize("value", ["", "a" * 32, "a" * 257, "-" + "a" * 40, "a" * 40 + "\n", "a" * 40 + "/", "ä" * 40])
def test_what_is_no_session_id(value: str) -> None:
    with pytest.raises(RequestError) as refusal:
        session_id(Headers(raw=[(SESSION_HEADER.lower().encode(), value.encode("latin-1"))]))
    assert refusal.value.status == 400


@pytest.mark.parametrize("name", [SESSION_HEADER, "Authorization"])
def test_a_header_sent_twice_is_refused(name: str) -> None:
    raw = [
        (SESSION_HEADER.lower().encode(), SESSION.encode()),
        (name.lower().encode(), b"x"),
        (name.lower().encode(), b"y"),
    ]
    headers = Headers(raw=raw)
    reader = session_id if name == SESSION_HEADER else forward
    with pytest.raises(RequestError, match="more than once"):
        reader(headers)


def forward(headers: Headers) -> object:
    return forwarded(headers, session=SESSION, request_id="r", allowed=frozenset({"authorization"}))


@given(st.dictionaries(st.from_regex(r"\A[a-z][a-z-]{0,20}\Z"), st.text("ab", min_size=1, max_size=3)))
def test_nothing_but_what_is_listed_is_forwarded(sent: dict[str, str]) -> None:
    chosen = forwarded(Headers(sent), session=SESSION, request_id="r", allowed=frozenset({"x-a"}))
    names = {name.decode().lower() for name, _ in chosen}
    assert names <= {"accept", "content-type", "x-a", SESSION_HEADER.lower()} | {
        "x-amzn-bedrock-agentcore-runtime-request-id"
    }
    assert "authorization" not in names


def test_a_value_over_4_kb_is_refused() -> None:
    with pytest.raises(RequestError):
        forwarded(Headers({"x-a": "a" * 4097}), session=SESSION, request_id="r", allowed=frozenset({"x-a"}))


# --- bundle -----------------------------------------------------------------------------------------------------------


def location(archive: bytes) -> CodeLocation:
    return CodeLocation(bucket="b", key="k", sha256=sha256(archive).hexdigest(), entry_point="main.py")


def giving(archive: bytes) -> Download:
    def download(_: CodeLocation, file: IO[bytes]) -> None:
        file.write(archive)

    return download


def never(_: CodeLocation, __: IO[bytes]) -> None:
    raise AssertionError("downloaded again")


def test_a_bundle_is_unpacked_once_and_cannot_be_written_to(tmp_path: Path) -> None:
    archive = bundle()
    first = prepare_bundle(location(archive), directory=tmp_path, download=giving(archive))
    assert prepare_bundle(location(archive), directory=tmp_path, download=never) == first
    assert stat.S_IMODE((first / "main.py").stat().st_mode) == 0o444
    assert [path.name for path in tmp_path.iterdir()] == [sha256(archive).hexdigest()]


def test_a_bundle_with_another_checksum_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="SHA-256"):
        prepare_bundle(location(bundle()), directory=tmp_path, download=giving(bundle() + b"x"))
    assert list(tmp_path.iterdir()) == []


def symlink() -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize("entry", ["../evil", "/evil", "a/../../evil", "..\\evil", symlink()])
def test_entries_that_point_elsewhere_are_refused(entry: str | zipfile.ZipInfo, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("main.py", "")
        archive.writestr(entry, "/etc")
    with pytest.raises(BundleError, match="points elsewhere"):
        prepare_bundle(location(buffer.getvalue()), directory=tmp_path / "d", download=giving(buffer.getvalue()))
    assert not (tmp_path / "evil").exists()
    assert list((tmp_path / "d").iterdir()) == []


@pytest.mark.parametrize("archive", [b"no zip", bundle(main="")[:100]])
def test_what_is_no_archive_is_refused(archive: bytes, tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        prepare_bundle(location(archive), directory=tmp_path, download=giving(archive))


# --- role session -----------------------------------------------------------------------------------------------------


def test_the_role_session_is_kept_until_it_is_about_to_expire() -> None:
    requests: list[dict[str, Any]] = []
    time = [datetime(2026, 1, 1, tzinfo=UTC)]

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(json.loads(request.content))
        expiry = (time[0] + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        credentials = {"AccessKeyId": str(len(requests)), "SecretAccessKey": "s", "Token": "t", "Expiration": expiry}
        return httpx.Response(200, json=credentials)

    async def scenario() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            session = role_session(client, now=lambda: time[0])
            given = await asyncio.gather(*(session.credentials() for _ in range(3)))
            assert [credentials.access_key_id for credentials in given] == ["1"] * 3
            time[0] += timedelta(minutes=39)
            assert (await session.credentials()).access_key_id == "1"
            time[0] += timedelta(minutes=2)
            assert (await session.credentials()).access_key_id == "2"

    asyncio.run(scenario())
    assert requests[0]["service"] == "bedrock-agentcore.amazonaws.com"
    assert requests[0]["source_account"] == "000000000000"


def role_session(client: httpx.AsyncClient, **more: Any) -> RoleSession:
    arn = RUNTIME_ARN
    return RoleSession(endpoint_url="http://aws.test", secret="s", role_arn=ROLE, source_arn=arn, client=client, **more)


@pytest.mark.parametrize("answer", [httpx.Response(403), httpx.Response(500), httpx.Response(200, json={"a": 1})])
def test_a_refused_role_session_is_a_typed_error(answer: httpx.Response) -> None:
    async def scenario() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)) as client:
            with pytest.raises(RoleSessionError, match="execution"):
                await role_session(client).credentials()

    asyncio.run(scenario())


# --- session pool -----------------------------------------------------------------------------------------------------


class Process:
    def __init__(self, number: int) -> None:
        self.port = self.pid = number
        self.alive = True


class Source:
    """Starts processes that are none, as fast as the event loop turns, or fails to."""

    def __init__(self) -> None:
        self.started: list[Process] = []
        self.stopped: list[Process] = []
        self.failing = False

    async def start(self) -> Any:
        await asyncio.sleep(0)
        if self.failing:
            raise RequestError(status=502, code="RuntimeStartFailed", message="")
        self.started.append(Process(len(self.started)))
        return self.started[-1]

    async def stop(self, process: Any) -> None:
        process.alive = False
        self.stopped.append(process)


class Pool:
    def __init__(self, **limits: Any) -> None:
        self.time = 0.0
        self.source = Source()
        defaults = {"max_sessions": 2, "warm_spares": 0}
        self.pool = SessionPool(limits=SessionLimits(**{**defaults, **limits}), now=lambda: self.time)
        self.serve(live="1", candidate="1")

    def serve(self, **endpoints: str) -> None:
        fleet = Fleet(source=self.source, idle_timeout_seconds=10, max_lifetime_seconds=100)
        numbers = set(endpoints.values())
        self.pool.serve(dict.fromkeys(numbers, fleet), endpoints=endpoints, warm=sorted(numbers))

    async def use(self, session: str, endpoint: str = "live") -> int:
        async with self.pool.lease(session, endpoint=endpoint) as lease:
            return lease.process.pid

    async def version(self, session: str, endpoint: str = "live") -> str:
        async with self.pool.lease(session, endpoint=endpoint) as lease:
            return lease.version


def with_pool(scenario: Callable[[Pool], Coroutine[Any, Any, None]], **limits: Any) -> None:
    async def run() -> None:
        pool = Pool(**limits)
        await scenario(pool)
        await pool.pool.close()
        assert {id(process) for process in pool.source.started} == {id(process) for process in pool.source.stopped}

    asyncio.run(run())


def test_parallel_first_requests_of_a_session_share_one_process() -> None:
    async def scenario(pool: Pool) -> None:
        assert await asyncio.gather(*(pool.use("a") for _ in range(5))) == [0] * 5
        assert await pool.use("b") == 1

    with_pool(scenario)


def test_idle_counts_from_the_end_of_the_last_request() -> None:
    async def scenario(pool: Pool) -> None:
        async with pool.pool.lease("a", endpoint="live"):
            pool.time = 50
            pool.pool.reap()
            assert pool.pool.counts()["live"] == 1
        pool.time = 59
        pool.pool.reap()
        assert await pool.use("a") == 0
        pool.time = 69
        pool.pool.reap()
        assert await pool.use("a") == 1

    with_pool(scenario)


def test_the_maximum_lifetime_ends_busy_sessions_too() -> None:
    async def scenario(pool: Pool) -> None:
        async with pool.pool.lease("a", endpoint="live"):
            pool.time = 100
            pool.pool.reap()
            assert await pool.use("a") == 1
        assert pool.pool.counts() == {"live": 1, "in_flight": 0, "spares": 0}

    with_pool(scenario)


def test_the_session_idle_longest_makes_room_and_busy_ones_never() -> None:
    async def scenario(pool: Pool) -> None:
        await pool.use("a")
        pool.time = 1
        await pool.use("b")
        pool.time = 2
        await pool.use("c")
        assert (await pool.use("b"), await pool.use("c")) == (1, 2)
        async with pool.pool.lease("b", endpoint="live"), pool.pool.lease("c", endpoint="live"):
            with pytest.raises(RequestError) as refusal:
                await pool.use("d")
        assert (refusal.value.status, refusal.value.code) == (429, "ThrottlingException")
        assert refusal.value.headers == {"Retry-After": "1"}

    with_pool(scenario)


def test_a_session_whose_process_ended_gets_another() -> None:
    async def scenario(pool: Pool) -> None:
        await pool.use("a")
        pool.source.started[0].alive = False
        assert await pool.use("a") == 1

    with_pool(scenario)


def test_a_session_that_gets_another_process_begins_another_lifetime() -> None:
    async def scenario(pool: Pool) -> None:
        await pool.use("a")
        pool.source.started[0].alive = False
        pool.time = 100  # the first process would be too old now
        restarting = asyncio.create_task(pool.use("a"))
        await asyncio.sleep(0)
        pool.pool.reap()
        assert await restarting == 1
        assert pool.pool.counts()["live"] == 1
        pool.time = 199
        assert await pool.use("a") == 1

    with_pool(scenario)


def test_a_process_that_is_started_for_a_session_that_has_ended_is_stopped() -> None:
    async def scenario(pool: Pool) -> None:
        starting = asyncio.create_task(pool.use("a"))
        await asyncio.sleep(0)
        pool.pool._end("a", "for this test")
        with pytest.raises(RequestError) as refusal:
            await starting
        assert refusal.value.status == 503
        assert [process.alive for process in pool.source.started] == [False]

    with_pool(scenario)


def test_a_session_that_does_not_start_takes_no_place() -> None:
    async def scenario(pool: Pool) -> None:
        pool.source.failing = True
        for name in "abcd":
            with pytest.raises(RequestError):
                await pool.use(name)
        assert pool.pool.counts()["live"] == 0

    with_pool(scenario)


def test_a_spare_serves_one_session_only_and_is_replaced_afterwards() -> None:
    async def scenario(pool: Pool) -> None:
        pool.pool.replenish()
        async with pool.pool.lease("a", endpoint="live") as lease:
            assert lease.process.pid == 0
            await asyncio.sleep(0.01)
            assert len(pool.source.started) == 1, "no spare is started while a request is served"
        await asyncio.sleep(0.01)
        assert (await pool.use("b"), await pool.use("a")) == (1, 0)

    with_pool(scenario, warm_spares=1)


def test_a_dead_or_failed_spare_is_passed_over() -> None:
    async def scenario(pool: Pool) -> None:
        pool.pool.replenish()
        await asyncio.sleep(0.01)
        pool.source.started[0].alive = False
        assert await pool.use("a") == 1
        pool.source.failing = True
        await asyncio.sleep(0.01)
        pool.source.failing = False
        assert await pool.use("b") > 1

    with_pool(scenario, warm_spares=1)


def test_a_stopping_pool_admits_nobody() -> None:
    async def scenario(pool: Pool) -> None:
        await pool.pool.close()
        with pytest.raises(RequestError) as refusal:
            await pool.use("a")
        assert refusal.value.status == 503

    with_pool(scenario)


def test_a_session_that_lives_is_moved_by_nothing() -> None:
    async def scenario(pool: Pool) -> None:
        assert await pool.version("a") == "1"
        pool.serve(live="2", candidate="1")
        assert (await pool.version("a"), await pool.version("b")) == ("1", "2")
        pool.source.started[0].alive = False
        assert await pool.version("a") == "1"
        pool.time = 10
        pool.pool.reap()
        assert await pool.version("a") == "2"

    with_pool(scenario)


def test_an_id_is_refused_at_another_endpoint_while_its_session_lives() -> None:
    async def scenario(pool: Pool) -> None:
        await pool.use("a")
        with pytest.raises(RequestError) as refusal:
            await pool.use("a", "candidate")
        assert (refusal.value.status, refusal.value.code) == (409, "ConflictException")
        assert await pool.use("a") == 0
        pool.time = 10
        pool.pool.reap()
        assert await pool.use("a", "candidate") == 1

    with_pool(scenario)


def test_spares_of_a_version_serve_that_version_only_and_end_with_it() -> None:
    async def scenario(pool: Pool) -> None:
        pool.serve(live="1", candidate="2")
        pool.pool.replenish()
        await asyncio.sleep(0.01)
        assert pool.pool.counts()["spares"] == 2
        assert await pool.use("a", "candidate") == 1
        await asyncio.sleep(0.01)
        pool.serve(live="1", candidate="1")
        await asyncio.sleep(0.01)
        assert pool.pool.counts()["spares"] == 1
        assert not pool.source.started[2].alive
        assert pool.source.started[1].alive, "its session goes on"
        assert await pool.use("b") == 0

    with_pool(scenario, warm_spares=1, max_sessions=5)


def test_an_endpoint_that_was_taken_away_begins_no_session_and_ends_none() -> None:
    async def scenario(pool: Pool) -> None:
        await pool.use("a", "candidate")
        pool.serve(live="1")
        with pytest.raises(RequestError) as refusal:
            await pool.use("b", "candidate")
        assert refusal.value.status == 404
        assert await pool.use("a", "candidate") == 0

    with_pool(scenario)
