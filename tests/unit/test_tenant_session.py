import asyncio
import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import botocore.loaders
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinic_agent.credentials import LambdaBroker, TenantSessions
from clinic_agent.errors import AgentError, Forbidden, NotAuthenticated, Throttled, Unavailable
from clinic_agent.guard import SessionPin, TenancyGuard
from tests.unit.support import USER_A, USER_B, FakeBroker, Issuer, tenant


def sessions(broker: FakeBroker, most: int = 16) -> TenantSessions:
    return TenantSessions(broker=broker, loader=botocore.loaders.create_loader(), region="us-east-1", most=most)


def test_one_grant_serves_all_requests_of_an_owner() -> None:
    broker = FakeBroker()
    cache = sessions(broker)
    first = cache.open(tenant(token="token-1"))
    assert cache.cached(tenant(token="token-2")) is first
    for _ in range(20):
        first.boto3.get_credentials().get_frozen_credentials()
    assert broker.tokens == ["token-1"]


@pytest.mark.parametrize(
    "change",
    [{"clinic_id": "clinic-ab"}, {"user_id": USER_B}, {"tier": "premium"}, {"client_id": "other"}, {"issuer": "other"}],
    ids=str,
)
def test_every_part_of_the_identity_has_credentials_of_its_own(change: dict[str, Any]) -> None:
    cache = sessions(FakeBroker())
    first = cache.open(tenant())
    assert cache.cached(tenant(**change)) is None
    assert cache.open(tenant(**change)) is not first


owners = st.builds(
    tenant,
    clinic_id=st.sampled_from(["clinic-a", "clinic-ab", "clinic-b"]),
    user_id=st.sampled_from([USER_A, USER_B]),
    tier=st.sampled_from(["basic", "premium"]),
)


@settings(deadline=None, max_examples=30)  # a session takes 5 ms on a quiet machine
@given(st.lists(owners, min_size=2, max_size=12))
def test_threads_never_get_another_owners_session(callers: list[Any]) -> None:
    cache = sessions(FakeBroker(), most=3)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(cache.open, callers))
    assert [session.owner for session in found] == [caller.owner for caller in callers]


def test_credentials_are_renewed_before_they_expire_with_the_latest_token() -> None:
    broker = FakeBroker(lives=[120.0, 900.0])  # the first ones are already within the advisory window
    cache = sessions(broker)
    session = cache.open(tenant(token="token-1"))
    clients = session.boto3.client("s3")
    assert cache.cached(tenant(token="token-2")) is None  # would block
    assert cache.open(tenant(token="token-2")) is session
    assert broker.tokens == ["token-1", "token-2"]
    assert clients._request_signer._credentials.get_frozen_credentials().access_key == "ASIA0002"


def test_a_renewal_in_the_middle_of_a_request_needs_no_new_client() -> None:
    broker = FakeBroker(lives=[30.0, 900.0])
    session = sessions(broker).open(tenant(token="token-1"))
    client = session.boto3.client("dynamodb")
    assert client._request_signer._credentials.get_frozen_credentials().access_key == "ASIA0002"
    assert broker.tokens == ["token-1", "token-1"]


def test_expired_credentials_and_a_broker_that_refuses_end_in_its_refusal() -> None:
    broker = FakeBroker(lives=[30.0])
    session = sessions(broker).open(tenant())
    broker.error = Forbidden("tenant_suspended", "x")
    with pytest.raises(Forbidden):
        session.renew_if_needed()


def test_a_session_tells_the_latest_token() -> None:
    cache = sessions(FakeBroker())
    session = cache.open(tenant(token="token-1"))
    assert session.token == "token-1"
    cache.cached(tenant(token="token-2"))
    assert session.token == "token-2"


def test_what_is_kept_with_a_session_is_made_once_and_goes_with_it() -> None:
    class Index:
        pass

    cache = sessions(FakeBroker(), most=1)

    def indexes() -> set[Index]:
        session = cache.open(tenant())
        with ThreadPoolExecutor(4) as pool:
            return set(pool.map(lambda _: session.kept(Index, Index), range(8)))

    (made,) = indexes()
    index = weakref.ref(made)
    del made
    gc.collect()
    assert index() is not None
    cache.open(tenant(clinic_id="clinic-b"))  # there is room for one
    gc.collect()
    assert index() is None


def test_another_owners_token_is_never_presented() -> None:
    session = sessions(FakeBroker()).open(tenant())
    with pytest.raises(ValueError, match="another owner"):
        session.present(tenant(clinic_id="clinic-b"))


def test_the_cache_is_bounded() -> None:
    broker = FakeBroker()
    cache = sessions(broker, most=2)
    for clinic in ("clinic-a", "clinic-b", "clinic-c"):
        cache.open(tenant(clinic_id=clinic))
    assert cache.cached(tenant(clinic_id="clinic-a")) is None
    assert cache.cached(tenant(clinic_id="clinic-c")) is not None


class FakeLambda:
    def __init__(self, payload: bytes | Exception, **more: Any) -> None:
        self.payload, self.more = payload, more
        self.sent: bytes = b""

    def invoke(self, *, FunctionName: str, Payload: bytes) -> Any:  # noqa: N803
        import io

        self.sent = Payload
        if isinstance(self.payload, Exception):
            raise self.payload
        return {"Payload": io.BytesIO(self.payload), **self.more}


@pytest.mark.parametrize(
    ("code", "error", "status"),
    [
        ("invalid_token", NotAuthenticated, 401),
        ("tenant_suspended", Forbidden, 403),
        ("tier_mismatch", Forbidden, 403),
        ("quota_exceeded", Throttled, 429),
        ("throttled", Throttled, 429),
        ("something_new", Unavailable, 503),
    ],
)
def test_refusals_of_the_broker_keep_their_type(code: str, error: type[AgentError], status: int) -> None:
    client = FakeLambda(f'{{"error": {{"code": "{code}", "message": "internal"}}}}'.encode())
    with pytest.raises(error) as caught:
        LambdaBroker(client=client, function="f").grant("t")
    assert caught.value.status == status
    assert "internal" not in caught.value.message
    assert client.sent == b'{"token": "t"}'


@pytest.mark.parametrize(
    "client",
    [
        FakeLambda(b"not json"),
        FakeLambda(b"null"),
        FakeLambda(b"{}"),
        FakeLambda(b'{"credentials": {}}'),
        FakeLambda(b'{"errorMessage": "boom"}', FunctionError="Unhandled"),
    ],
)
def test_a_broken_broker_is_unavailable(client: FakeLambda) -> None:
    with pytest.raises(Unavailable) as caught:
        LambdaBroker(client=client, function="f").grant("t")
    assert caught.value.code == "broker_unavailable"


def guard(issuer: Issuer, broker: FakeBroker) -> TenancyGuard:
    return TenancyGuard(verifier=issuer.verifier(), sessions=sessions(broker), pin=SessionPin())


def test_the_first_verified_owner_keeps_the_session() -> None:
    issuer, broker = Issuer(), FakeBroker()

    async def requests() -> None:
        door = guard(issuer, broker)
        with pytest.raises(NotAuthenticated):
            await door.identify("Bearer garbage")  # pins nothing
        await door.admit(await door.identify(f"Bearer {issuer.token()}"))
        await door.admit(await door.identify(f"Bearer {issuer.token()}"))  # renewed token, same owner
        for change in ({"sub": USER_B}, {"clinic_id": "clinic-ab"}, {"tier": "premium"}):
            with pytest.raises(Forbidden) as caught:
                await door.admit(await door.identify(f"Bearer {issuer.token(**change)}"))
            assert caught.value.code == "session_owner"
            assert "clinic-a" not in caught.value.message

    asyncio.run(requests())
    assert len(broker.tokens) == 1
