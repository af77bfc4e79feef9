import datetime as dt
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ParamValidationError
from botocore.validate import ParamValidator

from clinic_agent.keys import InvalidKey
from scripts import onboard as onboarding
from scripts import seed as seeding
from scripts.onboard import NewTenant, NewUser, Onboarded, onboard
from scripts.tenants.data import DataError, Document, Patient, Profile, read_profile
from scripts.tenants.sample_data import load
from scripts.tenants.settings import PlatformSettings, SettingsError, read_settings
from scripts.tenants.store import OnboardError, PlatformClients, TenantStore, make_password

SETTINGS = PlatformSettings(
    aws_endpoint_url="http://127.0.0.1:1",
    region="us-east-1",
    user_pool_id="us-east-1_pool",
    registry_table="registry",
    patients_table="patients",
    documents_bucket="documents",
    tiers=frozenset({"basic", "premium"}),
)
NOW = dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC)


class FakeAws:
    """DynamoDB, Cognito and S3 in memory. Arguments are checked against boto3's own service models."""

    def __init__(self, real: dict[str, Any]) -> None:
        self.registry: dict[str, dict[str, Any]] = {}
        self.patients: dict[tuple[str, str], dict[str, Any]] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.objects: dict[str, bytes] = {}
        self.writes: list[str] = []
        self.unprocessed = 0  # rows that the next batch leaves over
        self.fail_at: str | None = None  # a write that AWS refuses
        self.lock = Lock()
        self.clients = PlatformClients(**{name: FakeClient(self, client) for name, client in real.items()})

    def write(self, what: str) -> None:
        if self.fail_at and what.startswith(self.fail_at):
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, what)
        self.writes.append(what)

    def status(self, clinic_id: str) -> str:
        return str(self.registry[f"clinic#{clinic_id}"]["status"]["S"])

    def put_item(self, *, Item: dict[str, Any], **arguments: Any) -> dict[str, Any]:  # noqa: N803 boto3's names
        assert arguments["ConditionExpression"] == "attribute_not_exists(pk)"
        key = Item["pk"]["S"]
        if key in self.registry:
            raise self.clients.dynamodb.exceptions.ConditionalCheckFailedException({}, "PutItem")
        self.write(f"put {Item['sk']['S']}")
        self.registry[key] = Item
        return {}

    def get_item(self, *, Key: dict[str, Any], ConsistentRead: bool, **_: Any) -> dict[str, Any]:  # noqa: N803
        assert ConsistentRead
        item = self.registry.get(Key["pk"]["S"])
        return {"Item": item} if item else {}

    def update_item(
        self,
        *,
        Key: dict[str, Any],  # noqa: N803
        ExpressionAttributeValues: dict[str, Any],  # noqa: N803
        ConditionExpression: str,  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        assert ConditionExpression == "#status = :onboarding"
        item = self.registry[Key["pk"]["S"]]
        if item["status"] != ExpressionAttributeValues[":onboarding"]:
            raise self.clients.dynamodb.exceptions.ConditionalCheckFailedException({}, "UpdateItem")
        self.write(f"status {ExpressionAttributeValues[':status']['S']}")
        item["status"] = ExpressionAttributeValues[":status"]
        return {}

    def query(self, *, ExpressionAttributeValues: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803
        clinic_id = ExpressionAttributeValues[":clinic"]["S"]
        return {"Items": [{"patient_id": {"S": p}} for c, p in self.patients if c == clinic_id]}

    def batch_write_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        requests = RequestItems["patients"]
        assert 1 <= len(requests) <= 25
        left, self.unprocessed = requests[len(requests) - self.unprocessed :], 0
        done = requests[: len(requests) - len(left)]
        self.write(f"patients {len(done)}")
        for request in done:
            item = request["PutRequest"]["Item"]
            self.patients[item["clinic_id"]["S"], item["patient_id"]["S"]] = item
        return {"UnprocessedItems": {"patients": left} if left else {}}

    def admin_create_user(self, *, Username: str, **arguments: Any) -> dict[str, Any]:  # noqa: N803
        with self.lock:
            if Username in self.users:
                raise self.clients.cognito.exceptions.UsernameExistsException({}, "AdminCreateUser")
            self.write(f"user {Username}")
            attributes = [*arguments["UserAttributes"], {"Name": "sub", "Value": str(uuid.uuid4())}]
            self.users[Username] = {**arguments, "attributes": attributes}
        return {"User": {"Username": Username, "Attributes": attributes}}

    def admin_get_user(self, *, Username: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"UserAttributes": self.users[Username]["attributes"]}

    def admin_set_user_password(self, *, Username: str, Password: str, Permanent: bool, **_: Any) -> None:  # noqa: N803
        assert Permanent
        self.write(f"password {Username}")
        self.users[Username]["password"] = Password

    def list_objects_v2(self, *, Prefix: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"Contents": [{"Key": key} for key in self.objects if key.startswith(Prefix)]}

    def put_object(self, *, Key: str, Body: bytes, **_: Any) -> dict[str, Any]:  # noqa: N803
        self.write(f"object {Key}")
        self.objects[Key] = Body
        return {}


class FakeClient:
    """Hands calls of one service to FakeAws, once the real client's model has accepted the arguments."""

    def __init__(self, aws: FakeAws, client: Any) -> None:
        self._aws, self._client, self.exceptions = aws, client, client.exceptions

    def __getattr__(self, name: str) -> Any:
        operation = self._client.meta.service_model.operation_model(self._client.meta.method_to_api_mapping[name])

        def call(**arguments: Any) -> Any:
            report = ParamValidator().validate(arguments, operation.input_shape)
            if report.has_errors():
                raise ParamValidationError(report=report.generate_report())
            return getattr(self._aws, name)(**arguments)

        return call

    def get_paginator(self, name: str) -> Any:
        call = getattr(self, name)

        class Pages:
            def paginate(self, **arguments: Any) -> Iterator[Any]:
                yield call(**arguments)

        return Pages()


@pytest.fixture(scope="module")
def real() -> dict[str, Any]:
    session = boto3.Session("test", "test", region_name="us-east-1")
    return {
        "dynamodb": session.client("dynamodb"),
        "cognito": session.client("cognito-idp"),
        "s3": session.client("s3"),
    }


@pytest.fixture
def aws(real: dict[str, Any]) -> FakeAws:
    return FakeAws(real)


def patient(number: int) -> Patient:
    return Patient(
        patient_id=f"P-{number}",
        name=f"Person {number}",
        birth_year=1980,
        sex="female",
        conditions=("asthma",),
        allergies=(),
        medications=("salbutamol 100 micrograms as needed",),
        last_visit=dt.date(2026, 1, 2),
        last_visit_reason="review",
        provider="Dr Fern",
    )


def document(document_id: str) -> Document:
    text = "---\ntitle: T\ntype: policy\nupdated: 2026-01-02\n---\n\nText °C\n"
    return Document(document_id=document_id, title="T", type="policy", updated=dt.date(2026, 1, 2), text=text)


TENANT = NewTenant(
    clinic_id="clinic-f",
    name="Fern Lane",
    tier="basic",
    users=(
        NewUser(username="dr.fern@clinic-f.example", role="physician", name="Dr Fern", password="Secret-Word-1234"),
    ),
    patients=(patient(9001), patient(9002)),
    documents=(document("consent"),),
    profile=Profile(specialty="general practice", opening_hours={"Monday": "8-12"}, services=("vaccination",)),
)
WRITES = [
    "put profile",
    "object clinics/clinic-f/profile.json",
    "object clinics/clinic-f/documents/consent.md",
    "patients 2",
    "user dr.fern@clinic-f.example",
    "put membership",
    "password dr.fern@clinic-f.example",
    "status ACTIVE",
]


def run(aws: FakeAws, tenant: NewTenant = TENANT, *, invite: bool = False) -> Onboarded:
    store = TenantStore(clients=aws.clients, settings=SETTINGS, sleep=lambda _: None)
    return onboard(tenant, store=store, tiers=SETTINGS.tiers, invite=invite, now=lambda: NOW)


def refusal(aws: FakeAws, tenant: NewTenant = TENANT) -> str:
    with pytest.raises(OnboardError) as caught:
        run(aws, tenant)
    return str(caught.value)


def test_the_tenant_becomes_active_last(aws: FakeAws) -> None:
    result = run(aws)
    assert aws.writes == WRITES
    assert str(result) == (
        "clinic-f: ACTIVE, added 1 users, 1 memberships, 2 patients, 1 documents, the profile; set 1 passwords"
    )


def test_the_rows_are_those_of_the_contract(aws: FakeAws) -> None:
    run(aws)
    sub = next(a["Value"] for a in aws.users["dr.fern@clinic-f.example"]["attributes"] if a["Name"] == "sub")
    assert aws.registry == {
        "clinic#clinic-f": {
            "pk": {"S": "clinic#clinic-f"},
            "sk": {"S": "profile"},
            "clinic_id": {"S": "clinic-f"},
            "name": {"S": "Fern Lane"},
            "tier": {"S": "basic"},
            "status": {"S": "ACTIVE"},
            "created_at": {"S": "2026-03-01T12:30:00Z"},
            "specialty": {"S": "general practice"},
            "opening_hours": {"M": {"Monday": {"S": "8-12"}}},
            "services": {"L": [{"S": "vaccination"}]},
        },
        f"user#{sub}": {
            "pk": {"S": f"user#{sub}"},
            "sk": {"S": "membership"},
            "user_id": {"S": sub},
            "clinic_id": {"S": "clinic-f"},
            "role": {"S": "physician"},
            "status": {"S": "ACTIVE"},
        },
    }
    assert aws.patients["clinic-f", "P-9001"] == {
        "clinic_id": {"S": "clinic-f"},
        "patient_id": {"S": "P-9001"},
        "name": {"S": "Person 9001"},
        "birth_year": {"N": "1980"},
        "sex": {"S": "female"},
        "conditions": {"L": [{"S": "asthma"}]},
        "allergies": {"L": []},
        "medications": {"L": [{"S": "salbutamol 100 micrograms as needed"}]},
        "last_visit": {"S": "2026-01-02"},
        "last_visit_reason": {"S": "review"},
        "provider": {"S": "Dr Fern"},
    }
    profile = aws.objects.pop("clinics/clinic-f/profile.json")
    assert aws.objects == {"clinics/clinic-f/documents/consent.md": document("consent").text.encode()}
    assert json.loads(profile) == {
        "clinic_id": "clinic-f",
        "name": "Fern Lane",
        "specialty": "general practice",
        "opening_hours": {"Monday": "8-12"},
        "services": ["vaccination"],
    }


def test_a_second_run_changes_nothing_and_says_so(aws: FakeAws) -> None:
    without_password = replace(TENANT, users=(replace(TENANT.users[0], password=None),))
    run(aws, without_password)
    aws.writes.clear()
    result = run(aws, without_password)
    assert aws.writes == []
    assert not result.added
    assert str(result) == "clinic-f: ACTIVE, unchanged"


def test_what_the_clinic_changed_meanwhile_stays(aws: FakeAws) -> None:
    run(aws)
    aws.patients["clinic-f", "P-9001"]["name"] = {"S": "Changed"}
    aws.objects["clinics/clinic-f/documents/consent.md"] = b"changed"
    aws.objects["clinics/clinic-f/profile.json"] = b"changed too"
    run(aws)
    assert aws.patients["clinic-f", "P-9001"]["name"] == {"S": "Changed"}
    assert aws.objects["clinics/clinic-f/documents/consent.md"] == b"changed"
    assert aws.objects["clinics/clinic-f/profile.json"] == b"changed too"


def test_a_tenant_from_before_gets_its_profile(aws: FakeAws) -> None:
    tenant = replace(TENANT, users=(replace(TENANT.users[0], password=None),))
    run(aws, tenant)
    del aws.objects["clinics/clinic-f/profile.json"]
    aws.objects["clinics/clinic-f/profile.json.old"] = b"another key"
    assert str(run(aws, tenant)) == (
        "clinic-f: ACTIVE, added 0 users, 0 memberships, 0 patients, 0 documents, the profile"
    )
    assert "clinics/clinic-f/profile.json" in aws.objects
    assert str(run(aws, tenant)) == "clinic-f: ACTIVE, unchanged"


def test_a_profile_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "profile.yaml"
    file.write_text("specialty: skin\nopening_hours:\n  Monday: 8-12\nservices: [moles]\n")
    assert read_profile(file) == Profile(specialty="skin", opening_hours={"Monday": "8-12"}, services=("moles",))
    for content, message in (
        ("specialty: skin\nopening_hours: {}\nservices: []\ntier: basic\n", "tier: unknown field, expected one of "),
        ("specialty: skin\nopening_hours: {Monday: 8}\nservices: []\n", "opening_hours.Monday: expected text, got int"),
        ("specialty: skin\nservices: []\n", "opening_hours: missing"),
    ):
        file.write_text(content)
        with pytest.raises(DataError) as caught:
            read_profile(file)
        assert str(caught.value).startswith(f"{file}: {message}")


@pytest.mark.parametrize("step", range(1, len(WRITES)))
def test_a_run_that_fails_leaves_the_tenant_inactive_and_can_be_completed(aws: FakeAws, step: int) -> None:
    aws.fail_at = WRITES[step]
    with pytest.raises(ClientError):
        run(aws)
    assert aws.status("clinic-f") == "ONBOARDING"
    aws.fail_at = None
    assert run(aws).activated
    assert aws.status("clinic-f") == "ACTIVE"
    # Nothing is written twice but the password, which nobody can read to compare.
    passwords = aws.writes.count("password dr.fern@clinic-f.example")
    assert sorted(aws.writes) == sorted([*WRITES, *["password dr.fern@clinic-f.example"] * (passwords - 1)])


def test_the_id_of_an_offboarded_tenant_is_never_used_again(aws: FakeAws) -> None:
    run(aws)
    aws.registry["clinic#clinic-f"]["status"] = {"S": "OFFBOARDED"}
    aws.writes.clear()
    assert refusal(aws) == "clinic_id: 'clinic-f' was offboarded; the id of a removed tenant is never used again"
    assert aws.writes == []
    assert aws.status("clinic-f") == "OFFBOARDED"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Other"}, "clinic_id: 'clinic-f' exists with name 'Fern Lane', not 'Other'"),
        ({"tier": "premium"}, "clinic_id: 'clinic-f' exists with tier 'basic', not 'premium'"),
        (
            {"status": "SUSPENDED"},
            "clinic_id: 'clinic-f' exists and is ACTIVE; onboarding does not change that",
        ),
    ],
)
def test_another_tenant_is_not_overwritten(aws: FakeAws, change: dict[str, str], message: str) -> None:
    run(aws)
    aws.writes.clear()
    assert refusal(aws, replace(TENANT, **change)) == message  # type: ignore[arg-type]
    assert aws.writes == []


def test_a_suspension_is_not_lifted(aws: FakeAws) -> None:
    run(aws)
    aws.registry["clinic#clinic-f"]["status"] = {"S": "SUSPENDED"}
    assert refusal(aws) == "clinic_id: 'clinic-f' exists and is SUSPENDED; onboarding does not change that"
    assert aws.status("clinic-f") == "SUSPENDED"


def test_a_status_that_changed_meanwhile_stays(aws: FakeAws) -> None:
    aws.fail_at = "status"
    with pytest.raises(ClientError):
        run(aws)
    aws.fail_at = None
    store = TenantStore(clients=aws.clients, settings=SETTINGS)
    aws.registry["clinic#clinic-f"]["status"] = {"S": "OFFBOARDED"}
    with pytest.raises(OnboardError) as caught:
        store.finish_tenant("clinic-f", "ACTIVE")
    assert str(caught.value) == "clinic_id: the status of 'clinic-f' was changed by somebody else meanwhile"
    assert aws.status("clinic-f") == "OFFBOARDED"


def test_a_user_of_another_clinic_is_not_taken_over(aws: FakeAws) -> None:
    run(aws)
    aws.writes.clear()
    message = refusal(aws, replace(TENANT, clinic_id="clinic-g"))
    assert message == "user: 'dr.fern@clinic-f.example' has a membership with another clinic_id already"
    assert "password dr.fern@clinic-f.example" not in aws.writes
    assert aws.status("clinic-g") == "ONBOARDING"
    assert [item["clinic_id"]["S"] for key, item in aws.registry.items() if key.startswith("user#")] == ["clinic-f"]


def test_a_role_is_not_changed(aws: FakeAws) -> None:
    run(aws)
    admin = replace(TENANT, users=(replace(TENANT.users[0], role="admin"),))
    assert refusal(aws, admin) == "user: 'dr.fern@clinic-f.example' has a membership with another role already"


def test_a_suspended_member_stays_suspended(aws: FakeAws) -> None:
    run(aws)
    membership = next(item for key, item in aws.registry.items() if key.startswith("user#"))
    membership["status"] = {"S": "SUSPENDED"}
    run(aws)
    assert membership["status"] == {"S": "SUSPENDED"}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"clinic_id": "clinic/f"},
            InvalidKey,
            "clinic_id: 'clinic/f' is not a clinic id: 2-32 lower-case letters, digits and hyphens, "
            "no hyphen first or last",
        ),
        (
            {"tier": "Basic"},
            InvalidKey,
            "tier: 'Basic' is not a tier name: a lower-case letter, then 1-15 lower-case letters or digits",
        ),
        ({"tier": "gold"}, OnboardError, "tier: 'gold' is not served here, expected one of basic, premium"),
        ({"name": " "}, OnboardError, "name: expected 1-120 printable characters"),
        ({"name": "a\nb"}, OnboardError, "name: expected 1-120 printable characters"),
        ({"status": "OFFBOARDED"}, OnboardError, "status: 'OFFBOARDED' is none of ACTIVE, SUSPENDED"),
        (
            {"users": (NewUser(username="dr.fern", role="admin"),)},
            OnboardError,
            "user: 'dr.fern' is no e-mail address",
        ),
        (
            {"users": (NewUser(username="a@b.example", role="root"),)},
            OnboardError,
            "role: 'root' is none of physician, nurse, admin",
        ),
    ],
)
def test_bad_input_is_refused_before_the_first_write(
    aws: FakeAws, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        run(aws, replace(TENANT, **change))
    assert str(caught.value) == message
    assert aws.writes == []


def test_rows_that_a_batch_left_over_are_written(aws: FakeAws) -> None:
    aws.unprocessed = 20
    tenant = replace(TENANT, patients=tuple(patient(9000 + number) for number in range(60)))
    assert run(aws, tenant).patients == 60
    assert len(aws.patients) == 60
    assert [write for write in aws.writes if write.startswith("patients")] == [
        "patients 5",
        "patients 20",
        "patients 25",
        "patients 10",
    ]


def test_only_a_user_without_a_password_is_invited(aws: FakeAws) -> None:
    plain = NewUser(username="nurse.fern@clinic-f.example", role="nurse")
    run(aws, replace(TENANT, users=(*TENANT.users, plain)), invite=True)
    with_password, without = (aws.users[name] for name in ("dr.fern@clinic-f.example", "nurse.fern@clinic-f.example"))
    assert with_password["MessageAction"] == "SUPPRESS"
    assert with_password["password"] == "Secret-Word-1234"
    assert without["DesiredDeliveryMediums"] == ["EMAIL"]
    assert not {"MessageAction", "TemporaryPassword", "password"} & without.keys()


def test_a_password_is_in_no_repr() -> None:
    assert "Secret-Word-1234" not in repr(TENANT)


def test_passwords_meet_the_policy() -> None:
    made = {make_password() for _ in range(200)}
    assert len(made) == 200
    for password in made:
        assert len(password) >= 14
        assert all(re.search(kind, password) for kind in ("[A-Z]", "[a-z]", "[0-9]", "[^A-Za-z0-9]")), password


@pytest.fixture
def connected(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    monkeypatch.setattr(PlatformClients, "connect", lambda _settings: aws.clients)
    return aws


def test_seed_onboards_every_clinic_and_reports_them_as_the_stack_file_wants(connected: FakeAws) -> None:
    data, lines = load(), list[str]()
    result = seeding.seed(SETTINGS, data, lines.append)
    assert len(lines) == len(data.clinics)
    assert [tenant["clinic_id"] for tenant in result.suspended_tenants] == ["clinic-s"]
    assert {user["clinic_id"] for user in result.suspended_users} == {"clinic-s"}
    assert result.tenants[0] == {"clinic_id": "clinic-a", "tier": "basic", "name": "Alder Street Family Practice"}
    for user in [*result.users, *result.suspended_users]:
        assert user.keys() == {"username", "password", "clinic_id", "tier"}
        assert connected.users[user["username"]]["password"] == user["password"]
        assert connected.users[user["username"]]["MessageAction"] == "SUPPRESS"
    for clinic in data.clinics.values():
        assert connected.status(clinic.clinic_id) == clinic.status
    assert len(connected.patients) == sum(len(clinic.patients) for clinic in data.clinics.values())
    documents = sum(len(clinic.documents) for clinic in data.clinics.values())
    assert len(connected.objects) == documents + len(data.clinics)
    for clinic in data.clinics.values():
        profile = json.loads(connected.objects[f"clinics/{clinic.clinic_id}/profile.json"])
        assert profile.keys() == {"clinic_id", "name", "specialty", "opening_hours", "services"}
        assert (profile["clinic_id"], profile["specialty"]) == (clinic.clinic_id, clinic.profile.specialty)


def test_seed_shows_no_password(connected: FakeAws) -> None:
    lines: list[str] = []
    result = seeding.seed(SETTINGS, load(), lines.append)
    shown = repr(result) + "".join(lines)
    assert not any(user["password"] in shown for user in [*result.users, *result.suspended_users])


def test_seed_finishes_the_other_clinics_when_one_fails(connected: FakeAws) -> None:
    connected.fail_at = "object clinics/hospital-a/"
    with pytest.raises(ClientError):
        seeding.seed(SETTINGS, load(), lambda _: None)
    assert connected.status("hospital-a") == "ONBOARDING"
    assert connected.status("hospital-b") == "ACTIVE"
    assert connected.status("clinic-s") == "SUSPENDED"


def test_seeding_again_keeps_passwords_and_the_rest_of_the_file(connected: FakeAws, stack_file: Path) -> None:
    assert seeding.main(["--settings", str(stack_file)]) == 0
    first = json.loads(stack_file.read_text())
    assert seeding.main(["--settings", str(stack_file)]) == 0
    assert json.loads(stack_file.read_text()) == first
    assert first["runtime_url"] == "http://127.0.0.1:2"
    assert len(first["users"]) == 21
    assert stack_file.stat().st_mode & 0o077 == 0  # it holds passwords
    assert [file.name for file in stack_file.parent.iterdir()] == [stack_file.name]


STACK = {
    "aws_endpoint_url": "http://127.0.0.1:1",
    "region": "us-east-1",
    "user_pool_id": "us-east-1_pool",
    "tables": {"registry": "registry", "patients": "patients"},
    "buckets": {"documents": "documents"},
    "memories": {"basic": "m-1", "premium": "m-2"},
    "runtime_url": "http://127.0.0.1:2",
}


@pytest.fixture
def stack_file(tmp_path: Path) -> Path:
    file = tmp_path / "stack.json"
    file.write_text(json.dumps(STACK))
    return file


def test_settings_come_from_the_stack_file(stack_file: Path) -> None:
    assert read_settings(stack_file) == SETTINGS


def test_settings_come_from_terraform_outputs(tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    named = {name: STACK[name] for name in ("user_pool_id", "tables", "buckets")}
    file.write_text(json.dumps({k: {"sensitive": False, "type": "any", "value": v} for k, v in named.items()}))
    settings = read_settings(file, region="us-east-1")
    assert settings == replace(SETTINGS, aws_endpoint_url=None, tiers=None)
    assert not settings.on_laptop


@pytest.mark.parametrize("name", ["region", "user_pool_id"])
def test_settings_without_a_value_are_refused(stack_file: Path, name: str) -> None:
    stack_file.write_text(json.dumps({key: value for key, value in STACK.items() if key != name}))
    with pytest.raises(SettingsError) as caught:
        read_settings(stack_file)
    assert str(caught.value) == f"{stack_file}: {name}: missing or no text"


@pytest.mark.parametrize(
    ("url", "on_laptop"),
    [
        ("http://127.0.0.1:4566", True),
        ("http://[::1]:4566", True),
        ("http://localhost:4566", True),
        ("https://dynamodb.us-east-1.amazonaws.com", False),
        ("http://127.0.0.1.example.org", False),
        ("http://10.0.0.1:4566", False),
        (None, False),
    ],
)
def test_only_this_machine_counts_as_a_laptop(url: str | None, on_laptop: bool) -> None:
    assert replace(SETTINGS, aws_endpoint_url=url).on_laptop is on_laptop


def test_sample_clinics_stay_on_a_laptop(stack_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stack_file.write_text(json.dumps({**STACK, "aws_endpoint_url": None}))
    assert seeding.main(["--settings", str(stack_file)]) == 1
    message = "aws_endpoint_url: not this machine; sample clinics stay on a laptop"
    assert capsys.readouterr().err == f"seed: {stack_file}: {message}\n"


def test_the_command_line_onboards_and_then_has_nothing_to_do(
    connected: FakeAws, stack_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--clinic-id", "clinic-f", "--name", "Fern Lane", "--tier", "basic", "--settings", str(stack_file)]
    command += ["--user", "dr.fern@clinic-f.example", "--role", "physician"]
    assert onboarding.main(command) == 0
    assert onboarding.main(command) == 0
    assert capsys.readouterr().out.splitlines() == [
        "clinic-f: ACTIVE, added 1 users, 1 memberships, 0 patients, 0 documents, the profile",
        "clinic-f: ACTIVE, unchanged",
    ]
    assert connected.status("clinic-f") == "ACTIVE"


def test_the_command_line_says_what_is_wrong(
    connected: FakeAws, stack_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--clinic-id", "clinic-f", "--name", "Fern Lane", "--tier", "gold", "--settings", str(stack_file)]
    assert onboarding.main(command) == 1
    assert capsys.readouterr().err == "onboard: tier: 'gold' is not served here, expected one of basic, premium\n"
    assert connected.writes == []
