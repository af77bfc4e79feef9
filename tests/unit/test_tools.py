import base64
import io
import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from clinic_agent.errors import BadRequest, NotFound, Throttled, Unavailable
from clinic_agent.tools import TOOL_ARGUMENTS, ClinicData, ClinicProfile, DocumentIndex, Patients
from clinic_agent.tools.documents import parse_document
from scripts.bundle import ROOT

PREFIX = "clinics/clinic-a/documents/"


class FakeS3:
    def __init__(self, **documents: str) -> None:
        self.objects = {f"{PREFIX}{name}.md": text for name, text in documents.items()}
        self.reads: list[str] = []
        self.error: Exception | None = None
        self.list_error: Exception | None = None

    def get_paginator(self, operation: str) -> "FakeS3":
        assert operation == "list_objects_v2"
        return self

    def paginate(self, *, Prefix: str, **_: Any) -> Any:  # noqa: N803
        assert Prefix == PREFIX
        if self.error:
            raise self.error
        return [
            {
                "Contents": [
                    {"Key": key, "ETag": str(hash(text)), "Size": len(text)} for key, text in self.objects.items()
                ]
            }
        ]

    def get_object(self, *, Key: str, **_: Any) -> Any:  # noqa: N803
        self.reads.append(Key)
        if self.error:
            raise self.error
        if Key not in self.objects:  # as S3 answers who may list below a prefix only
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key].encode())}

    def list_objects_v2(self, *, Prefix: str, **_: Any) -> Any:  # noqa: N803
        if self.list_error:
            raise self.list_error
        return {"Contents": [{"Key": key} for key in self.objects if key.startswith(Prefix)]}


WOUND = "---\ntitle: Wound care\ntype: protocol\nupdated: 2026-02-03\n---\nClean wounds with saline. Ask room 12."
FEVER = (
    "---\ntitle: Fever in children\ntype: guideline\nupdated: 2026-02-03\n---\nMeasure twice. Paracetamol by weight."
)


def index(s3: FakeS3) -> DocumentIndex:
    return DocumentIndex(client=s3, bucket="documents", clinic_id="clinic-a")


def test_the_best_document_comes_first_with_its_passage() -> None:
    others = {f"other{number}": "Opening hours, parking and the telephone list." for number in range(4)}
    (best, *_) = index(FakeS3(wound=WOUND, fever=FEVER, **others)).search("How do we clean a wound?", 3)
    assert best["document_id"] == "wound"
    assert best["title"] == "Wound care"
    assert "saline" in best["excerpt"]
    assert best["score"] > 0


def test_only_changes_are_read_again() -> None:
    s3 = FakeS3(wound=WOUND, fever=FEVER)
    documents = index(s3)
    documents.search("wound", 1)
    documents.search("fever", 1)
    assert len(s3.reads) == 2
    s3.objects[f"{PREFIX}wound.md"] = WOUND.replace("saline", "tap water")
    del s3.objects[f"{PREFIX}fever.md"]
    assert "tap water" in documents.search("wound", 1)[0]["excerpt"]
    assert documents.search("paracetamol", 1) == []
    assert len(s3.reads) == 3


@given(st.text(min_size=1, max_size=60))
def test_no_text_breaks_the_search(text: str) -> None:
    documents = index(FakeS3(wound=WOUND))
    if any(char.isalnum() for char in text):
        documents.search(text, 1)


def test_operators_in_a_query_are_words() -> None:
    assert index(FakeS3(wound=WOUND)).search('wound" OR NEAR(saline) NOT *', 1)


@pytest.mark.parametrize("limit", [0, -1, 11])
def test_limits_are_checked(limit: int) -> None:
    with pytest.raises(BadRequest):
        index(FakeS3(wound=WOUND)).search("wound", limit)


@pytest.mark.parametrize(
    ("code", "error"), [("AccessDenied", Unavailable), ("SlowDown", Throttled), ("InternalError", Unavailable)]
)
def test_unreadable_documents_are_an_error_and_not_an_empty_result(code: str, error: type[Exception]) -> None:
    s3 = FakeS3(wound=WOUND)
    s3.error = ClientError({"Error": {"Code": code, "Message": "arn:aws:…"}}, "ListObjectsV2")
    with pytest.raises(error):
        index(s3).search("wound", 1)


@pytest.mark.parametrize("source", ["plain text", "---\nno end", "", "---\ntitle: x\n---\n"])
def test_odd_documents_are_read_as_they_are(source: str) -> None:
    assert parse_document("odd", source).document_id == "odd"


class FakeDynamo:
    def __init__(self, *ids: str) -> None:
        self.ids = sorted(ids)
        self.error: Exception | None = None

    def get_item(self, *, Key: Any, **_: Any) -> Any:  # noqa: N803
        assert Key["clinic_id"] == {"S": "clinic-a"}
        if self.error:
            raise self.error
        patient_id = Key["patient_id"]["S"]
        if patient_id not in self.ids:
            return {}
        return {"Item": {**Key, "birth_year": {"N": "1980"}, "allergies": {"L": [{"S": "latex"}]}}}

    def query(self, *, Limit: int, ExpressionAttributeValues: Any, ExclusiveStartKey: Any = None, **_: Any) -> Any:  # noqa: N803
        assert ExpressionAttributeValues == {":clinic": {"S": "clinic-a"}}
        start = ExclusiveStartKey["patient_id"]["S"] if ExclusiveStartKey else ""
        if ExclusiveStartKey:
            assert ExclusiveStartKey["clinic_id"] == {"S": "clinic-a"}
        left = [i for i in self.ids if i > start]
        items = [{"clinic_id": {"S": "clinic-a"}, "patient_id": {"S": i}} for i in left[:Limit]]
        more = {"LastEvaluatedKey": items[-1]} if len(left) > Limit else {}
        return {"Items": items, **more}


def patients(*ids: str, clinic_id: str = "clinic-a") -> Patients:
    return Patients(client=FakeDynamo(*ids), table="patients", clinic_id=clinic_id)


def test_a_patient_is_read_with_plain_values() -> None:
    found = patients("P-1001").get("P-1001")
    assert found == {"clinic_id": "clinic-a", "patient_id": "P-1001", "birth_year": 1980, "allergies": ["latex"]}
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("patient_id", ["P-9999", "", "x" * 33, "clinic-b/P-2001"])
def test_what_is_not_there_and_what_is_not_ours_are_answered_alike(patient_id: str) -> None:
    with pytest.raises(NotFound) as caught:
        patients("P-1001").get(patient_id)
    assert caught.value.message == "No patient of this clinic has that id."


def test_pages_follow_each_other_without_gap() -> None:
    ids = [f"P-{n}" for n in range(1001, 1008)]
    table = patients(*ids)
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(4):
        page, cursor = table.page(2, cursor)
        seen += [item["patient_id"] for item in page]
    assert seen == ids
    assert cursor is None


def next_cursor(clinic_id: str = "clinic-a") -> str:
    class OnePage(FakeDynamo):
        def query(self, **_: Any) -> Any:
            return {"Items": [], "LastEvaluatedKey": {"patient_id": {"S": "P-1002"}}}

    _, cursor = Patients(client=OnePage(), table="patients", clinic_id=clinic_id).page(2, None)
    assert cursor
    return cursor


def forged(cursor: str, change: Any) -> str:
    plain = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    return base64.urlsafe_b64encode(change(plain)).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        *("***", "é", "AAAA" * 40, "/w==", "P-1002", "\ud800"),
        pytest.param(next_cursor("clinic-b"), id="another clinic's"),
        pytest.param(next_cursor("clinic-ab"), id="of a clinic that begins alike"),
        pytest.param(forged(next_cursor(), lambda c: c.replace(b"P-1002", b"P-1009")), id="another patient"),
        pytest.param(forged(next_cursor(), lambda c: c[:-1]), id="cut"),
        pytest.param(forged(next_cursor(), lambda c: bytes([c[0] ^ 1]) + c[1:]), id="another digest"),
        pytest.param(forged(next_cursor(), lambda c: c[:12]), id="no patient"),
        pytest.param(next_cursor() + "=", id="padded"),
        pytest.param(base64.urlsafe_b64encode(b"P-1002").decode(), id="of the version before"),
    ],
)
def test_cursors_that_this_clinic_was_not_given_are_refused(cursor: str) -> None:
    with pytest.raises(BadRequest) as caught:
        patients("P-1001", "P-1002", "P-1003").page(2, cursor)
    assert caught.value.message == "cursor: is not one that list_patients returned for this clinic"


def test_a_cursor_is_stable_and_is_told_apart_from_every_other_encoding_of_itself() -> None:
    cursor = next_cursor()
    assert cursor == next_cursor()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = [cursor[:-1] + char for char in alphabet if char != cursor[-1]]
    accepted = []
    for other in others:
        try:
            patients("P-1003").page(2, other)
            accepted.append(other)
        except BadRequest:
            pass
    assert accepted == []


def test_a_denied_read_is_no_missing_patient() -> None:
    table = FakeDynamo("P-1001")
    table.error = ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetItem")
    with pytest.raises(Unavailable):
        Patients(client=table, table="patients", clinic_id="clinic-a").get("P-1001")


def test_missing_patients_are_typed() -> None:
    with pytest.raises(NotFound):
        patients().get("P-1")


PROFILE_KEY = "clinics/clinic-a/profile.json"
PROFILE = {
    "clinic_id": "clinic-a",
    "name": "Test Practice",
    "specialty": "Family practice",
    "opening_hours": {"monday": "8-17"},
    "services": ["vaccination"],
}


def profile(s3: FakeS3) -> ClinicProfile:
    return ClinicProfile(client=s3, bucket="documents", clinic_id="clinic-a")


def test_the_profile_is_told_without_what_an_operator_noted_in_it() -> None:
    s3 = FakeS3()
    s3.objects[PROFILE_KEY] = json.dumps({**PROFILE, "tier": "basic", "note": "pays late"})
    assert profile(s3).read() == PROFILE


def test_a_clinic_without_profile_is_told_so() -> None:
    with pytest.raises(NotFound):
        profile(FakeS3()).read()


@pytest.mark.parametrize(
    "content",
    ["", "no json", "[]", "null", "{}", json.dumps({**PROFILE, "clinic_id": "clinic-b"}), " " * 70_000, "[" * 60_000],
    ids=lambda content: content[:12],
)
def test_a_profile_that_is_none_is_an_outage(content: str) -> None:
    s3 = FakeS3()
    s3.objects[PROFILE_KEY] = content
    with pytest.raises(Unavailable) as caught:
        profile(s3).read()
    assert caught.value.code == "profile_unavailable"


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchKey", "InternalError"])
def test_a_profile_that_is_there_and_cannot_be_read_is_no_missing_one(code: str) -> None:
    s3 = FakeS3()
    s3.objects[PROFILE_KEY] = json.dumps(PROFILE)
    s3.error = ClientError({"Error": {"Code": code}}, "GetObject")
    with pytest.raises(Unavailable):
        profile(s3).read()


def test_a_profile_of_which_nothing_is_known_is_no_missing_one() -> None:
    s3 = FakeS3()
    s3.list_error = ClientError({"Error": {"Code": "AccessDenied"}}, "ListObjectsV2")
    with pytest.raises(Unavailable):
        profile(s3).read()


class Session:
    """Stands for a tenant session: hands out clients."""

    def __init__(self) -> None:
        s3 = FakeS3(wound=WOUND, fever=FEVER)
        s3.objects[PROFILE_KEY] = json.dumps(PROFILE)
        self.clients: dict[str, Any] = {"s3": s3, "dynamodb": FakeDynamo("P-1001", "P-1002", "P-1003")}
        self.made: list[str] = []
        self.boto3 = SimpleNamespace(client=self.client)

    def client(self, service: str, *, config: Any) -> Any:
        self.made.append(service)
        return self.clients[service]


def clinic_data(session: Session | None = None) -> ClinicData:
    chosen: Any = session or Session()
    return ClinicData(session=chosen, clinic_id="clinic-a", bucket="documents", table="patients")


def test_tools_answer_in_the_forms_that_the_model_is_told_of() -> None:
    data = clinic_data()
    assert data.call("search_documents", {"query": "wound", "limit": 1})["documents"][0]["document_id"] == "wound"
    page = data.call("list_patients", {"limit": 2})
    assert [patient["patient_id"] for patient in page["patients"]] == ["P-1001", "P-1002"]
    rest = data.call("list_patients", {"limit": 2, "cursor": page["next_cursor"]})
    assert [patient["patient_id"] for patient in rest["patients"]] == ["P-1003"]
    assert rest["next_cursor"] is None
    assert data.call("get_patient", {"patient_id": "P-1001"})["patient"]["birth_year"] == 1980
    assert data.call("clinic_profile", {}) == {"profile": PROFILE}


def test_clients_and_index_are_made_at_first_use_and_once() -> None:
    session = Session()
    data = clinic_data(session)
    assert session.made == []
    for _ in range(2):
        data.call("search_documents", {"query": "wound"})
        data.call("clinic_profile", {})
    assert session.made == ["s3"]
    assert session.clients["s3"].reads.count(f"{PREFIX}wound.md") == 1


@pytest.mark.parametrize(
    ("tool", "arguments", "named"),
    [
        ("search_documents", {}, "query: is missing"),
        ("search_documents", {"query": ""}, "query: must have 1 to 1000 characters"),
        ("search_documents", {"query": "x" * 1001}, "query: must have 1 to 1000 characters"),
        ("search_documents", {"query": "?!"}, "query: has no words to search for"),
        ("search_documents", {"query": "a\0b"}, "query: holds a NUL or an unpaired surrogate"),
        ("search_documents", {"query": "\ud800"}, "query: holds a NUL or an unpaired surrogate"),
        ("search_documents", {"query": None}, "query: must be a string"),
        ("search_documents", {"query": ["wound"]}, "query: must be a string"),
        ("search_documents", {"query": "wound", "limit": 0}, "limit: must be 1 to 10"),
        ("search_documents", {"query": "wound", "limit": 11}, "limit: must be 1 to 10"),
        ("search_documents", {"query": "wound", "limit": True}, "limit: must be a whole number"),
        ("search_documents", {"query": "wound", "limit": 4.0}, "limit: must be a whole number"),
        ("search_documents", {"query": "wound", "limit": "4"}, "limit: must be a whole number"),
        ("search_documents", {"query": "wound", "limit": None}, "limit: must be a whole number"),
        ("list_patients", {"limit": 51}, "limit: must be 1 to 50"),
        ("list_patients", {"limit": -1}, "limit: must be 1 to 50"),
        ("list_patients", {"cursor": 7}, "cursor: must be a string"),
        ("list_patients", {"cursor": "x" * 257}, "cursor: must have 0 to 256 characters"),
        ("list_patients", {"cursor": "x"}, "cursor: is not one that list_patients returned for this clinic"),
        ("get_patient", {}, "patient_id: is missing"),
        ("get_patient", {"patient_id": ""}, "patient_id: must have 1 to 32 characters"),
        ("get_patient", {"patient_id": "x" * 33}, "patient_id: must have 1 to 32 characters"),
        ("get_patient", {"patient_id": 1001}, "patient_id: must be a string"),
        (
            "get_patient",
            {"patient_id": "P-1001", "clinic_id": "clinic-b"},
            "'clinic_id': is no argument of this tool; allowed: patient_id",
        ),
        ("clinic_profile", {"tier": "premium"}, "'tier': is no argument of this tool; allowed: none"),
        ("clinic_profile", [], "arguments: must be an object"),
        ("clinic_profile", None, "arguments: must be an object"),
        ("clinic_profile", "text", "arguments: must be an object"),
    ],
)
def test_wrong_arguments_are_refused_by_name(tool: str, arguments: Any, named: str) -> None:
    session = Session()
    with pytest.raises(BadRequest) as caught:
        clinic_data(session).call(tool, arguments)
    assert (caught.value.code, caught.value.message) == ("invalid_argument", named)


@pytest.mark.parametrize("tool", ["", "read_file", "search_documents ", "__init__"])
def test_unknown_tools_are_refused(tool: str) -> None:
    with pytest.raises(BadRequest) as caught:
        clinic_data().call(tool, {})
    assert caught.value.code == "unknown_tool"


def test_tools_take_what_the_catalog_says_and_nothing_that_names_a_tenant() -> None:
    catalog = {}
    for path in (ROOT / "terraform" / "catalog" / "tools").glob("*.json"):
        described = json.loads(path.read_text())
        if described["target"] == "clinic-data":
            catalog[described["name"]] = frozenset(described["inputSchema"]["properties"])
    assert catalog == TOOL_ARGUMENTS
    named = {name for names in TOOL_ARGUMENTS.values() for name in names}
    assert named.isdisjoint({"clinic_id", "tier", "user_id", "tenant", "tenant_id"})
