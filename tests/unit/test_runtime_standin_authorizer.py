"""The Runtime stand-in's JWT authorizer: which tokens pass, and where its keys come from."""

import asyncio
import base64
import json
import time
from typing import Any

import httpx
import jwt
import pytest

from local_aws.agentcore.authorizer import JwtAuthorizer
from local_aws.agentcore.errors import InvalidConfigError, RequestError
from local_aws.agentcore.jwt_rules import AuthorizerConfig, ClaimRule, parse_authorizer
from local_aws.agentcore.reader import Reader
from local_aws.agentcore.signing_keys import SigningKeys
from tests.unit.runtime_standin_support import CLIENT, DAY, ISSUER, Issuer

DISCOVERY = "http://issuer.test/.well-known/openid-configuration"
OURS = Issuer()
OTHER = Issuer()


class Endpoint:
    """The issuer's two documents; counts how often the keys are asked for, and can be down."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys = list(keys) or [OURS.jwk()]
        self.down = False
        self.asked = 0
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("openid-configuration"):
            return httpx.Response(200, json={"issuer": ISSUER, "jwks_uri": "http://issuer.test/jwks"})
        self.asked += 1
        return httpx.Response(503) if self.down else httpx.Response(200, json={"keys": self.keys})


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def status(
    authorization: str | None, *, config: AuthorizerConfig | None = None, endpoint: Endpoint | None = None
) -> int:
    """200 if the authorizer admits it, otherwise the refusal's status."""

    async def ask() -> int:
        async with (endpoint or Endpoint()).client as client:
            rules = config or AuthorizerConfig(discovery_url=DISCOVERY, allowed_clients=frozenset({CLIENT}))
            try:
                await JwtAuthorizer(rules, keys=SigningKeys(DISCOVERY, client=client)).authorize(authorization)
            except RequestError as refusal:
                return refusal.status
            return 200

    return asyncio.run(ask())


def unsigned(**claims: Any) -> str:
    def part(content: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    body = {"iss": ISSUER, "client_id": CLIENT, "exp": int(time.time()) + DAY, **claims}
    return f"{part({'alg': 'none', 'kid': 'key-1'})}.{part(body)}."


NOW = int(time.time())


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        (f"Bearer {OURS.token()}", 200),
        (f"bearer  {OURS.token()}", 200),
        (f"Bearer {OURS.token(exp=NOW - 30)}", 401),
        (f"Bearer {OURS.token(nbf=NOW + DAY)}", 401),
        (f"Bearer {OURS.token(iat=NOW + DAY)}", 401),
        (f"Bearer {OURS.token(exp=None)}", 401),
        (f"Bearer {OURS.token(iss=None)}", 401),
        (f"Bearer {OURS.token(iss=ISSUER + '2')}", 401),
        (f"Bearer {OURS.token(iss=ISSUER + '/')}", 401),
        (f"Bearer {OTHER.token()}", 401),  # our key id, another's signature
        (f"Bearer {OURS.token(headers={'kid': 'unknown'})}", 401),
        (f"Bearer {OURS.token(headers={'kid': None})}", 401),
        (f"Bearer {unsigned()}", 401),
        (f"Bearer {jwt.encode({'iss': ISSUER}, 'x' * 32, algorithm='HS256', headers={'kid': 'key-1'})}", 401),
        (f"Bearer {OURS.token(pad='x' * 5000)}", 401),
        (f"Basic {OURS.token()}", 401),
        (OURS.token(), 401),
        ("Bearer", 401),
        ("Bearer é.ü.ß", 401),
        ("Bearer a.b.c", 401),
        ("", 401),
        (None, 401),
        (f"Bearer {OURS.token(client_id='client-2')}", 403),
        (f"Bearer {OURS.token(client_id=None)}", 403),
        (f"Bearer {OURS.token(client_id=[CLIENT])}", 403),
    ],
)
def test_tokens(authorization: str | None, expected: int) -> None:
    assert status(authorization) == expected


def test_the_issuers_clock_may_be_a_little_off() -> None:
    assert status(f"Bearer {OURS.token(exp=int(time.time()) - 2)}") == 200
    assert status(f"Bearer {OURS.token(iat=int(time.time()) + 3)}") == 200


def string(name: str, value: str) -> ClaimRule:
    return ClaimRule(name=name, is_list=False, accepted=frozenset({value}))


def listed(name: str, *values: str) -> ClaimRule:
    return ClaimRule(name=name, is_list=True, accepted=frozenset(values))


@pytest.mark.parametrize(
    ("rules", "claims", "expected"),
    [
        ({"allowed_audience": {"a", "b"}}, {"aud": "b"}, 200),
        ({"allowed_audience": {"a", "b"}}, {"aud": ["x", "a"]}, 200),
        ({"allowed_audience": {"a"}}, {"aud": "x"}, 403),
        ({"allowed_audience": {"a"}}, {}, 403),
        ({"allowed_scopes": {"read"}}, {"scope": "write read"}, 200),
        ({"allowed_scopes": {"read"}}, {"scope": "readwrite"}, 403),
        ({"allowed_scopes": {"None"}}, {}, 403),
        ({"allowed_clients": {CLIENT}, "allowed_scopes": {"read"}}, {"scope": "write"}, 403),
        ({"custom_claims": (string("tier", "basic"),)}, {"tier": "basic"}, 200),
        ({"custom_claims": (string("tier", "basic"),)}, {"tier": "premium"}, 403),
        ({"custom_claims": (string("tier", "basic"),)}, {"tier": ["basic"]}, 403),
        ({"custom_claims": (string("tier", "basic"),)}, {}, 403),
        ({"custom_claims": (listed("groups", "a"),)}, {"groups": ["b", "a"]}, 200),
        ({"custom_claims": (listed("groups", "a", "c"),)}, {"groups": ["c"]}, 200),
        ({"custom_claims": (listed("groups", "a"),)}, {"groups": ["b", {}]}, 403),
        ({"custom_claims": (listed("groups", "a"),)}, {"groups": "a"}, 403),
        ({"custom_claims": (string("tier", "basic"), string("use", "x"))}, {"tier": "basic"}, 403),
    ],
)
def test_rules(rules: dict[str, Any], claims: dict[str, Any], expected: int) -> None:
    sets: dict[str, Any] = {
        name: frozenset(value) if isinstance(value, set) else value for name, value in rules.items()
    }
    config = AuthorizerConfig(discovery_url=DISCOVERY, **sets)
    assert status(f"Bearer {OURS.token(**claims)}", config=config) == expected


@pytest.mark.parametrize(
    ("member", "value"), [("use", "enc"), ("alg", "RS512"), ("kty", "EC"), ("n", "AQAB"), ("kid", 7)]
)
def test_a_key_that_is_not_for_rs256_signatures_is_not_used(member: str, value: Any) -> None:
    assert status(f"Bearer {OURS.token()}", endpoint=Endpoint(OURS.jwk(**{member: value}))) == 401


def test_an_unknown_key_id_is_looked_up_once_a_minute_at_most() -> None:
    async def scenario() -> None:
        endpoint, clock = Endpoint(), Clock()
        async with endpoint.client as client:
            keys = SigningKeys(DISCOVERY, client=client, now=clock)
            assert await keys.find("key-1") is not None
            for number in range(5):
                assert await keys.find(f"invented-{number}") is None
            assert endpoint.asked == 1
            clock.time += 61
            endpoint.keys.append(OTHER.jwk(kid="key-2"))
            assert all(await asyncio.gather(*(keys.find("key-2") for _ in range(3)))), "rotation"
            assert endpoint.asked == 2

    asyncio.run(scenario())


def test_known_keys_stay_usable_while_the_issuer_is_down() -> None:
    async def scenario() -> None:
        endpoint, clock = Endpoint(), Clock()
        async with endpoint.client as client:
            keys = SigningKeys(DISCOVERY, client=client, now=clock)
            assert await keys.find("key-1") is not None
            endpoint.down = True
            clock.time += 601
            assert await keys.find("key-1") is not None
            with pytest.raises(RequestError) as refusal:
                await keys.find("key-2")
            assert (refusal.value.status, refusal.value.retryable) == (503, True)

            endpoint.down, endpoint.keys = False, [OTHER.jwk(kid="key-2")]
            clock.time += 2
            assert await keys.find("key-2") is not None
            assert await keys.find("key-1") is None, "a withdrawn key is not trusted any more"

    asyncio.run(scenario())


def test_without_any_key_the_answer_is_503_and_the_issuer_is_asked_once_a_second() -> None:
    async def scenario() -> None:
        endpoint, clock = Endpoint(), Clock()
        endpoint.down = True
        async with endpoint.client as client:
            keys = SigningKeys(DISCOVERY, client=client, now=clock)
            for _ in range(3):
                with pytest.raises(RequestError) as refusal:
                    await keys.find("key-1")
                assert refusal.value.status == 503
            assert endpoint.asked == 1
            clock.time += 1.1
            endpoint.down = False
            assert await keys.find("key-1") is not None

    asyncio.run(scenario())


def test_the_verified_claims_are_returned() -> None:
    async def claims() -> Any:
        async with Endpoint().client as client:
            rules = AuthorizerConfig(discovery_url=DISCOVERY, allowed_clients=frozenset({CLIENT}))
            authorizer = JwtAuthorizer(rules, keys=SigningKeys(DISCOVERY, client=client))
            return await authorizer.authorize(f"Bearer {OURS.token(tier='basic', tiers=['basic'])}")

    verified_claims = asyncio.run(claims())
    assert (verified_claims["sub"], verified_claims["tier"], verified_claims["tiers"]) == ("u", "basic", ["basic"])


def recorded(**fields: Any) -> Reader:
    jwt_authorizer = {"discovery_url": DISCOVERY, "allowed_clients": [CLIENT], "custom_claim": [], **fields}
    return Reader("block", {"custom_jwt_authorizer": [jwt_authorizer]})


def match(operator: str, **value: Any) -> list[dict[str, Any]]:
    return [{"claim_match_operator": operator, "claim_match_value": [value]}]


def test_a_recorded_block_becomes_rules() -> None:
    claims = [
        {
            "inbound_token_claim_name": "token_use",
            "inbound_token_claim_value_type": "STRING",
            "authorizing_claim_match_value": match("EQUALS", match_value_string="access", match_value_string_list=None),
        },
        {
            "inbound_token_claim_name": "tiers",
            "inbound_token_claim_value_type": "STRING_ARRAY",
            "authorizing_claim_match_value": match("CONTAINS_ANY", match_value_string_list=["basic", "premium"]),
        },
    ]
    config = parse_authorizer(recorded(custom_claim=claims, allowed_audience=None, private_endpoint=[]))
    assert config == AuthorizerConfig(
        discovery_url=DISCOVERY,
        allowed_clients=frozenset({CLIENT}),
        custom_claims=(string("token_use", "access"), listed("tiers", "basic", "premium")),
    )


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"discovery_url": "http://issuer.test/"}, "discovery_url"),
        ({"discovery_url": f"{DISCOVERY}?x=1"}, "discovery_url"),
        ({"allowed_clients": None}, ""),
        ({"private_endpoint": [{"x": 1}]}, "private_endpoint"),
        ({"allowed_workload_configuration": [{"x": 1}]}, "allowed_workload_configuration"),
        ({"custom_claim": [{"inbound_token_claim_name": "a", "inbound_token_claim_value_type": "STRING",
                            "authorizing_claim_match_value": match("CONTAINS", match_value_string="x")}]},
         "claim_match_operator"),
    ],
)  # fmt: skip
def test_a_block_that_cannot_be_kept_to_is_refused(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidConfigError) as refusal:
        parse_authorizer(recorded(**fields))
    path = str(refusal.value).partition(": ")[0]
    assert path.startswith("block.custom_jwt_authorizer")
    assert path.endswith(field)
