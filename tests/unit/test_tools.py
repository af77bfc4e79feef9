import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from clinic_agent.errors import BadRequest, NotFound, Throttled, Unavailable
from clinic_agent.tools import DocumentIndex, Patients, document_tool, patient_tools
from clinic_agent.tools.documents import parse_document
from clinic_agent.workspace import _tools
from tests.unit.support import tenant

PREFIX = "clinics/clinic-a/documents/"


class FakeS3:
    def __init__(self, **documents: str) -> None:
        self.objects = {f"{PREFIX}{name}.md": text for name, text in documents.items()}
        self.reads: list[str] = []
        self.error: Exception | None = None

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
        return {"Body": io.BytesIO(self.objects[Key].encode())}


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


def patients(*ids: str) -> Patients:
    return Patients(client=FakeDynamo(*ids), table="patients", clinic_id="clinic-a")


def test_a_patient_is_read_with_plain_values() -> None:
    _, get_patient = patient_tools(lambda: patients("P-1001"))
    found = json.loads(get_patient("P-1001"))["patient"]
    assert found == {"clinic_id": "clinic-a", "patient_id": "P-1001", "birth_year": 1980, "allergies": ["latex"]}


@pytest.mark.parametrize("patient_id", ["P-9999", "", "x" * 33, "clinic-b/P-2001"])
def test_what_is_not_there_and_what_is_not_ours_are_answered_alike(patient_id: str) -> None:
    _, get_patient = patient_tools(lambda: patients("P-1001"))
    answer = {"error": {"code": "not_found", "message": "No patient of this clinic has that id."}}
    assert json.loads(get_patient(patient_id)) == answer


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


@pytest.mark.parametrize("cursor", ["***", "é", "AAAA" * 40, "/w=="])
def test_made_up_cursors_are_refused(cursor: str) -> None:
    with pytest.raises(BadRequest):
        patients("P-1001").page(2, cursor)


def test_a_denied_read_is_no_missing_patient() -> None:
    table = FakeDynamo("P-1001")
    table.error = ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetItem")
    with pytest.raises(Unavailable):
        Patients(client=table, table="patients", clinic_id="clinic-a").get("P-1001")


def test_missing_patients_are_typed() -> None:
    with pytest.raises(NotFound):
        patients().get("P-1")


def test_no_tool_has_an_argument_that_names_a_tenant() -> None:
    tools = _tools(None, tenant(), None)  # type: ignore[arg-type]  # nothing is read before the first call
    arguments = {t.tool_name: set(t.tool_spec["inputSchema"]["json"]["properties"]) for t in tools}
    assert arguments == {
        "search_documents": {"query", "limit"},
        "list_patients": {"limit", "cursor"},
        "get_patient": {"patient_id"},
    }


def test_the_search_tool_answers_in_json() -> None:
    search = document_tool(lambda: index(FakeS3(wound=WOUND)))
    assert json.loads(search("wound"))["documents"][0]["document_id"] == "wound"
