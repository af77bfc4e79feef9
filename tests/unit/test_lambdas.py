import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from clinic_agent.lambdas.broker import CredentialsBroker, session_name
from clinic_agent.lambdas.claims import SignInRefused, add_claims
from clinic_agent.lambdas.registry import Registry
from clinic_agent.lambdas.tier_table import tier_settings
from clinic_agent.metering import RefusalEvent
from tests.unit.support import USER_A, USER_B, Issuer, tenant


class FakeTable:
    """The registry: get_item by key."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], dict[str, str]] = {}
        self.error: Exception | None = None
        self.put(pk="clinic#clinic-a", sk="profile", clinic_id="clinic-a", tier="basic", status="ACTIVE")
        self.put(pk="clinic#clinic-b", sk="profile", clinic_id="clinic-b", tier="basic", status="ACTIVE")
        self.put(pk=f"user#{USER_A}", sk="membership", clinic_id="clinic-a", status="ACTIVE")

    def put(self, **row: str) -> None:
        self.rows[(row["pk"], row["sk"])] = row

    def get_item(self, *, TableName: str, Key: Any, ConsistentRead: bool, **_: Any) -> Any:  # noqa: N803
        assert ConsistentRead, "a suspension must count at once"
        if self.error:
            raise self.error
        row = self.rows.get((Key["pk"]["S"], Key["sk"]["S"]))
        return {"Item": {name: {"S": value} for name, value in row.items()}} if row else {}


class FakeSts:
    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.error: Exception | None = None

    def assume_role(self, **arguments: Any) -> Any:
        self.calls.append(arguments)
        if self.error:
            raise self.error
        return {
            "Credentials": {
                "AccessKeyId": "ASIA1",
                "SecretAccessKey": "secret",
                "SessionToken": "session",
                "Expiration": datetime.now(UTC) + timedelta(seconds=900),
            }
        }


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def table() -> FakeTable:
    return FakeTable()


@pytest.fixture
def sts() -> FakeSts:
    return FakeSts()


@pytest.fixture
def refusals() -> list[RefusalEvent]:
    return []


@pytest.fixture
def broker(issuer: Issuer, table: FakeTable, sts: FakeSts, refusals: list[RefusalEvent]) -> CredentialsBroker:
    return CredentialsBroker(
        verifier=issuer.verifier(),
        registry=Registry(client=table, table="registry"),
        sts=sts,
        role_arn="arn:aws:iam::111122223333:role/tenant",
        session_seconds=900,
        tiers={"basic": {"model_id": "m"}},
        refusal_sink=refusals.append,
    )


def test_a_good_token_is_exchanged_for_its_own_tenants_credentials(
    broker: CredentialsBroker, issuer: Issuer, sts: FakeSts
) -> None:
    answer = broker.answer({"token": issuer.token()})
    assert answer["tier"] == {"model_id": "m"}
    assert json.loads(json.dumps(answer))["credentials"]["access_key_id"] == "ASIA1"
    (call,) = sts.calls
    assert {tag["Key"]: tag["Value"] for tag in call["Tags"]} == {
        "Tier": "basic",
        "ClinicId": "clinic-a",
        "UserId": USER_A,
    }
    assert call["TransitiveTagKeys"] == ["Tier", "ClinicId", "UserId"]
    assert call["SourceIdentity"] == USER_A
    assert call["RoleSessionName"].startswith("clinic-a@")
    assert call["DurationSeconds"] == 900


def test_nothing_but_the_token_names_a_tenant(broker: CredentialsBroker, issuer: Issuer, sts: FakeSts) -> None:
    broker.answer(
        {"token": issuer.token(), "clinic_id": "clinic-b", "tier": "premium", "tags": {"ClinicId": "clinic-b"}}
    )
    assert {tag["Value"] for tag in sts.calls[0]["Tags"]} == {"basic", "clinic-a", USER_A}


@pytest.mark.parametrize(
    "event", [None, [], "x", {}, {"token": None}, {"token": 7}, {"token": "garbage"}, {"Token": "x"}]
)
def test_anything_else_is_an_invalid_token(broker: CredentialsBroker, sts: FakeSts, event: Any) -> None:
    assert broker.answer(event)["error"]["code"] == "invalid_token"
    assert sts.calls == []


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"pk": "clinic#clinic-a", "sk": "profile", "tier": "basic", "status": "SUSPENDED"}, "tenant_suspended"),
        ({"pk": "clinic#clinic-a", "sk": "profile", "tier": "basic"}, "tenant_suspended"),
        ({"pk": "clinic#clinic-a", "sk": "profile", "tier": "premium", "status": "ACTIVE"}, "tier_mismatch"),
        (
            {"pk": f"user#{USER_A}", "sk": "membership", "clinic_id": "clinic-a", "status": "SUSPENDED"},
            "tenant_suspended",
        ),
        ({"pk": f"user#{USER_A}", "sk": "membership", "clinic_id": "clinic-b", "status": "ACTIVE"}, "tenant_suspended"),
        ({"pk": f"user#{USER_A}", "sk": "membership", "clinic_id": "*", "status": "ACTIVE"}, "tenant_suspended"),
    ],
)
def test_the_registry_has_the_last_word(
    broker: CredentialsBroker, issuer: Issuer, table: FakeTable, sts: FakeSts, row: dict[str, str], code: str
) -> None:
    table.put(**row)
    assert broker.answer({"token": issuer.token()})["error"]["code"] == code
    assert sts.calls == []


def test_a_user_without_membership_gets_nothing(broker: CredentialsBroker, issuer: Issuer, sts: FakeSts) -> None:
    assert broker.answer({"token": issuer.token(sub=USER_B)})["error"]["code"] == "tenant_suspended"
    assert sts.calls == []


@pytest.mark.parametrize(
    ("aws_code", "code"),
    [("ThrottlingException", "throttled"), ("AccessDenied", "unavailable"), ("InternalFailure", "unavailable")],
)
def test_failures_of_aws_are_typed(
    broker: CredentialsBroker, issuer: Issuer, table: FakeTable, sts: FakeSts, aws_code: str, code: str
) -> None:
    error = ClientError({"Error": {"Code": aws_code, "Message": "internal detail"}}, "Op")
    for part in (table, sts):
        part.error = error
        answer = broker.answer({"token": issuer.token()})
        assert answer["error"]["code"] == code
        assert "internal detail" not in str(answer)
        part.error = None


def test_a_tier_that_the_catalog_lacks_is_refused(issuer: Issuer, table: FakeTable, sts: FakeSts) -> None:
    broker = CredentialsBroker(
        verifier=issuer.verifier(),
        registry=Registry(client=table, table="registry"),
        sts=sts,
        role_arn="r",
        session_seconds=900,
        tiers={},
        refusal_sink=lambda _: None,
    )
    assert broker.answer({"token": issuer.token()})["error"]["code"] == "tier_mismatch"


def test_session_names_are_short_enough_and_keep_the_user_out() -> None:
    name = session_name(tenant(clinic_id="c" * 32))
    assert len(name) <= 64
    assert USER_A not in name
    assert name != session_name(tenant(clinic_id="c" * 32, user_id=USER_B))


def trigger(sub: Any = USER_A, **more: Any) -> dict[str, Any]:
    return {
        "version": "2",
        "triggerSource": "TokenGeneration_Authentication",
        "request": {"userAttributes": {"sub": sub, **more}, "clientMetadata": {"clinic_id": "clinic-b"}},
        "response": {},
    }


def test_claims_come_from_the_registry(table: FakeTable) -> None:
    event = trigger(**{"custom:clinic_id": "clinic-b", "custom:tier": "premium"})
    answer = add_claims(event, Registry(client=table, table="registry"))
    details = answer["response"]["claimsAndScopeOverrideDetails"]
    assert details["accessTokenGeneration"]["claimsToAddOrOverride"] == {
        "tier": "basic",
        "clinic_id": "clinic-a",
        "tiers": ["basic"],
    }
    # An ID token is no credential here.
    assert details["idTokenGeneration"] == {"claimsToSuppress": ["tier", "clinic_id", "tiers"]}


@pytest.mark.parametrize("sub", [USER_B, None, "", "*"])
def test_unknown_users_cannot_sign_in(table: FakeTable, sub: Any) -> None:
    with pytest.raises(SignInRefused):
        add_claims(trigger(sub), Registry(client=table, table="registry"))


def test_aws_errors_are_not_shown_at_sign_in(table: FakeTable) -> None:
    table.error = ClientError(
        {"Error": {"Code": "AccessDeniedException", "Message": "arn:aws:iam::1:role/x"}}, "GetItem"
    )
    with pytest.raises(SignInRefused) as caught:
        add_claims(trigger(), Registry(client=table, table="registry"))
    assert str(caught.value) == "Sign-in is not possible at the moment. Try again shortly."
    assert caught.value.__suppress_context__


def test_users_of_a_suspended_clinic_cannot_sign_in(table: FakeTable) -> None:
    table.put(pk="clinic#clinic-a", sk="profile", tier="basic", status="SUSPENDED")
    with pytest.raises(SignInRefused) as caught:
        add_claims(trigger(), Registry(client=table, table="registry"))
    assert str(caught.value) == "Your account is not active. Ask your administrator."


def test_the_tiers_table_gives_each_tier_its_own_and_the_common_settings() -> None:
    table = {
        "common": {"guardrail_message": "Stopped."},
        "fields": ["model_id", "history_turns"],
        "tiers": {"basic": ["small", 6], "premium": ["large", 20]},
    }
    assert tier_settings(json.dumps(table)) == {
        "basic": {"guardrail_message": "Stopped.", "model_id": "small", "history_turns": 6},
        "premium": {"guardrail_message": "Stopped.", "model_id": "large", "history_turns": 20},
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"basic": {"model_id": "a secret"}}',
        '{"common": {}, "fields": ["model_id"], "tiers": {"basic": []}}',
        '{"common": {}, "fields": [], "tiers": {"basic": ["a secret"]}}',
        '{"common": {}, "fields": [], "tiers": []}',
    ],
)
def test_a_table_of_another_form_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="module tenant_access writes it") as caught:
        tier_settings(text)
    assert "secret" not in str(caught.value)
