import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from clinic_agent.errors import NotAuthenticated, Unavailable
from clinic_agent.identity import SigningKeys, bearer_token
from clinic_agent.identity.signing_keys import FIRST_FETCH_SECONDS, REFETCH_SECONDS, REFRESH_SECONDS, KeysUnavailable
from tests.unit.support import CLIENT_ID, DAY, ISSUER, USER_A, Issuer


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed_raw(issuer: Issuer, payload: bytes, header: bytes = b'{"alg":"RS256","kid":"key-1"}') -> str:
    """A correctly signed token with any bytes as payload."""
    signing_input = f"{b64(header)}.{b64(payload)}"
    signature = issuer.private["key-1"].sign(signing_input.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signing_input}.{b64(signature)}"


def test_a_good_token_becomes_its_signers_context(issuer: Issuer) -> None:
    token = issuer.token(tier="premium", clinic_id="hospital-a")
    context = issuer.verifier().verify(token)
    assert context.owner == (ISSUER, CLIENT_ID, "premium", "hospital-a", USER_A)
    assert token not in repr(context)


NOW = int(time.time())


@pytest.mark.parametrize(
    "changes",
    [
        {"token_use": "id"},
        {"token_use": ...},
        {"client_id": "another-client"},
        {"client_id": ...},
        {"client_id": ..., "aud": CLIENT_ID, "token_use": "id"},
        {"client_id": [CLIENT_ID]},
        {"iss": ISSUER + "x"},
        {"iss": ISSUER[:-1]},
        {"iss": ISSUER + "/"},
        {"iss": ...},
        {"exp": NOW - 60},
        {"exp": ...},
        {"exp": str(NOW + 600)},
        {"exp": NOW + 600.5},
        {"exp": True},
        {"iat": NOW + DAY},
        {"iat": ...},
        {"nbf": NOW + DAY},
        {"sub": ...},
        {"sub": "dr.smith"},
        {"sub": USER_A.upper().replace("1", "A")},
        {"tier": ...},
        {"tier": "Premium"},
        {"tier": ["basic", "premium"]},
        {"tier": None},
        {"clinic_id": ...},
        {"clinic_id": ""},
        {"clinic_id": "*"},
        {"clinic_id": "clinic-a/../clinic-b"},
        {"clinic_id": "clinic-\u0430"},
        {"clinic_id": {"id": "clinic-a"}},
    ],
    ids=str,
)
def test_wrong_claims_are_refused(issuer: Issuer, changes: dict[str, Any]) -> None:
    with pytest.raises(NotAuthenticated):
        issuer.verifier().verify(issuer.token(**changes))


def test_a_list_of_issuers_is_refused(issuer: Issuer) -> None:
    with pytest.raises(NotAuthenticated):
        issuer.verifier().verify(signed_raw(issuer, json.dumps(issuer.claims(iss=[ISSUER])).encode()))


def test_custom_attributes_name_no_tenant(issuer: Issuer) -> None:
    token = issuer.token(clinic_id=..., tier=..., **{"custom:clinic_id": "clinic-a", "custom:tier": "basic"})
    with pytest.raises(NotAuthenticated):
        issuer.verifier().verify(token)


def test_unsigned_and_wrongly_signed_tokens_are_refused(issuer: Issuer) -> None:
    good = issuer.token()
    head, body, signature = good.split(".")
    none = f"{b64(json.dumps({'alg': 'none', 'kid': 'key-1'}).encode())}.{body}."
    public = (
        issuer.private["key-1"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    hs_input = f"{b64(json.dumps({'alg': 'HS256', 'kid': 'key-1'}).encode())}.{body}"
    confused = f"{hs_input}.{b64(hmac.new(public, hs_input.encode(), hashlib.sha256).digest())}"
    rs512 = jwt.encode(issuer.claims(), issuer.private["key-1"], algorithm="RS512", headers={"kid": "key-1"})
    stranger = Issuer().token()
    tampered = f"{head}.{b64(json.dumps(issuer.claims(clinic_id='clinic-b')).encode())}.{signature}"
    no_kid = jwt.encode(issuer.claims(), issuer.private["key-1"], algorithm="RS256")
    for token in (
        none,
        confused,
        rs512,
        stranger,
        tampered,
        no_kid,
        good + "x",
        f"{head}.{body}",
        "",
        "garbage",
        "a.b.c",
    ):
        with pytest.raises(NotAuthenticated):
            issuer.verifier().verify(token)


@pytest.mark.parametrize("name", ["clinic_id", "sub", "tier", "exp"])
def test_a_claim_that_stands_twice_is_refused(issuer: Issuer, name: str) -> None:
    claims = issuer.claims()
    once = json.dumps(claims)
    verifier = issuer.verifier()
    assert verifier.verify(signed_raw(issuer, once.encode()))
    twice = once[:-1] + f", {json.dumps(name)}: {json.dumps(claims[name])}}}"
    with pytest.raises(NotAuthenticated):
        verifier.verify(signed_raw(issuer, twice.encode()))


def test_a_header_name_that_stands_twice_is_refused(issuer: Issuer) -> None:
    header = b'{"alg":"none","alg":"RS256","kid":"key-1"}'
    with pytest.raises(NotAuthenticated):
        issuer.verifier().verify(signed_raw(issuer, json.dumps(issuer.claims()).encode(), header))


def test_an_endless_token_is_refused_unread(issuer: Issuer) -> None:
    with pytest.raises(NotAuthenticated):
        issuer.verifier().verify(issuer.token(padding="x" * 10_000))


def test_deep_nesting_is_refused(issuer: Issuer) -> None:
    payload = json.dumps(issuer.claims())[:-1] + ', "x": ' + "[" * 3000 + "]" * 3000 + "}"
    with pytest.raises(NotAuthenticated):
        issuer.verifier().verify(signed_raw(issuer, payload.encode()))


def test_the_refusal_does_not_quote_the_token(issuer: Issuer) -> None:
    token = issuer.token(clinic_id="*")
    with pytest.raises(NotAuthenticated) as caught:
        issuer.verifier().verify(token)
    assert token not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "abc"])
def test_only_bearer_headers_hold_tokens(header: str | None) -> None:
    with pytest.raises(NotAuthenticated):
        bearer_token(header)


def test_the_scheme_is_case_insensitive() -> None:
    assert bearer_token("bearer abc") == "abc"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_keys_are_fetched_once_and_kept() -> None:
    issuer = Issuer()
    keys = SigningKeys("https://issuer.example/jwks.json", fetch=issuer.document)
    assert issuer.fetches == 0  # nothing at construction: a snapshot would hold it
    for _ in range(5):
        assert keys.key("key-1")
    assert issuer.fetches == 1


def test_a_storm_of_unknown_keys_leads_to_one_fetch_a_minute() -> None:
    issuer, clock = Issuer(), Clock()
    keys = SigningKeys("https://issuer.example/jwks.json", fetch=issuer.document, clock=clock)
    for number in range(100):
        assert keys.key(f"made-up-{number}") is None
    assert issuer.fetches == 1
    clock.now += REFETCH_SECONDS
    assert keys.key("made-up") is None
    assert issuer.fetches == 2


def test_a_rotated_key_is_found_after_a_minute_at_the_latest() -> None:
    issuer, clock = Issuer(), Clock()
    keys = SigningKeys("https://issuer.example/jwks.json", fetch=issuer.document, clock=clock)
    assert keys.key("key-1")
    issuer.rotate("key-2")
    clock.now += REFETCH_SECONDS
    assert keys.key("key-2")


def test_known_keys_are_served_while_the_issuer_is_down() -> None:
    issuer, clock = Issuer(), Clock()
    keys = SigningKeys("https://issuer.example/jwks.json", fetch=issuer.document, clock=clock)
    assert keys.key("key-1")
    issuer.down = True
    clock.now += REFRESH_SECONDS
    assert keys.key("key-1")
    with pytest.raises(KeysUnavailable):
        keys.key("key-2")


def test_a_withdrawn_key_is_forgotten_at_the_next_refresh() -> None:
    issuer, clock = Issuer(), Clock()
    keys = SigningKeys("https://issuer.example/jwks.json", fetch=issuer.document, clock=clock)
    assert keys.key("key-1")
    issuer.rotate("key-2")
    del issuer.private["key-1"]
    clock.now += REFRESH_SECONDS
    assert keys.key("key-1") is None


def test_failed_fetches_are_bounded_too() -> None:
    issuer, clock = Issuer(down=True), Clock()
    keys = SigningKeys("https://issuer.example/jwks.json", fetch=issuer.document, clock=clock)
    for _ in range(50):
        with pytest.raises(KeysUnavailable):
            keys.key("key-1")
    assert issuer.fetches == 1
    issuer.down = False
    clock.now += FIRST_FETCH_SECONDS
    assert keys.key("key-1")


def test_no_keys_means_503_and_not_401() -> None:
    issuer = Issuer()
    token = issuer.token()
    issuer.down = True
    with pytest.raises(Unavailable) as caught:
        issuer.verifier().verify(token)
    assert caught.value.code == "identity_unavailable"


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": [{"kty": "RSA", "kid": "key-1"}]}, [], "x"])
def test_a_nonsense_key_set_is_an_outage(document: Any) -> None:
    keys = SigningKeys("https://issuer.example/jwks.json", fetch=lambda: document)
    with pytest.raises(KeysUnavailable):
        keys.key("key-1")
