import io
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clinic_agent.keys import check_clinic_id, check_tier
from clinic_agent.tools.documents import DocumentIndex, parse_document
from scripts.tenants.data import DOCUMENT_ID_PATTERN, PATIENT_ID_PATTERN, DataError
from scripts.tenants.sample_data import DEFAULT_FOLDER, Clinic, SampleData, load


@pytest.fixture(scope="module")
def data() -> SampleData:
    return load()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(DEFAULT_FOLDER, tmp_path / "synthetic")


def active(data: SampleData) -> list[Clinic]:
    return [clinic for clinic in data.clinics.values() if clinic.status == "ACTIVE"]


def test_there_is_enough_of_everything(data: SampleData) -> None:
    tiers = {clinic.clinic_id: clinic.tier for clinic in data.clinics.values()}
    assert tiers == {
        "clinic-a": "basic",
        "clinic-ab": "basic",
        "clinic-b": "basic",
        "clinic-c": "basic",
        "hospital-a": "premium",
        "hospital-b": "premium",
        "clinic-e": "premium",
        "clinic-s": "basic",
    }
    assert [clinic.clinic_id for clinic in data.clinics.values() if clinic.status == "SUSPENDED"] == ["clinic-s"]
    assert len(data.users) >= 16
    assert sum(len(clinic.patients) for clinic in data.clinics.values()) >= 64
    assert sum(len(clinic.documents) for clinic in data.clinics.values()) >= 128
    assert all(len(clinic.documents) >= 10 for clinic in active(data))
    assert all(len(clinic.users) >= 2 for clinic in data.clinics.values())


def test_ids_keep_to_their_grammar_and_are_unique(data: SampleData) -> None:
    for clinic in data.clinics.values():
        check_clinic_id(clinic.clinic_id)
        check_tier(clinic.tier)
        assert all(DOCUMENT_ID_PATTERN.fullmatch(document.document_id) for document in clinic.documents)
        assert all(PATIENT_ID_PATTERN.fullmatch(patient.patient_id) for patient in clinic.patients)
    patients = [patient for clinic in data.clinics.values() for patient in clinic.patients]
    assert len({patient.patient_id for patient in patients}) == len(patients)
    # Names too: a test that finds a name in an answer must know whose patient that is.
    assert len({patient.name for patient in patients}) == len(patients)
    assert len({user.username for user in data.users}) == len(data.users)


def test_users_cannot_receive_mail(data: SampleData) -> None:
    for user in data.users:
        assert user.username.endswith(f"@{user.clinic_id}.example")


def test_no_provider_works_at_another_clinic(data: SampleData) -> None:
    for clinic in data.clinics.values():
        others = {user.name for user in data.users if user.clinic_id != clinic.clinic_id}
        assert {patient.provider for patient in clinic.patients} & others == set()


def test_the_agent_reads_the_front_matter_as_we_do(data: SampleData) -> None:
    for clinic in data.clinics.values():
        for document in clinic.documents:
            parsed = parse_document(document.document_id, document.text)
            assert (parsed.title, parsed.type, parsed.updated) == (
                document.title,
                document.type,
                document.updated.isoformat(),
            )


def test_documents_have_120_to_300_words_and_dates_of_2025_or_2026(data: SampleData) -> None:
    for clinic in data.clinics.values():
        for document in clinic.documents:
            words = len(document.body.split("\n", 1)[1].split())  # the first line repeats the title
            assert 120 <= words <= 300, f"{clinic.clinic_id}/{document.document_id}: {words} words"
            assert document.updated.year in (2025, 2026)


def test_no_two_documents_share_a_paragraph(data: SampleData) -> None:
    seen: dict[str, str] = {}
    for clinic in data.clinics.values():
        for document in clinic.documents:
            place = f"{clinic.clinic_id}/{document.document_id}"
            for paragraph in document.body.split("\n\n")[1:]:
                assert seen.setdefault(paragraph, place) == place


def test_a_canary_is_in_one_file_and_nowhere_else() -> None:
    # Read from the disk: the loader's own check must not be all that stands behind this.
    texts = {file: file.read_text() for file in DEFAULT_FOLDER.rglob("*.*") if file.name != "canaries.yaml"}
    for clinic_id, canary in load().canaries.items():
        document = DEFAULT_FOLDER / "documents" / clinic_id / f"{canary.document_id}.md"
        patients = DEFAULT_FOLDER / "patients" / f"{clinic_id}.yaml"
        assert [file for file, text in texts.items() if canary.answer_contains in text] == [document]
        assert [file for file, text in texts.items() if canary.phrase in text] == [document]
        assert [file for file, text in texts.items() if canary.patient_phrase in text] == [patients]
        assert texts[patients].count(canary.patient_phrase) == 1


def test_every_clinic_has_a_canary_and_they_differ(data: SampleData) -> None:
    assert data.canaries.keys() == data.clinics.keys()
    canaries = data.canaries.values()
    phrases = [phrase for canary in canaries for phrase in (canary.phrase, canary.patient_phrase)]
    assert len(set(phrases)) == 2 * len(data.clinics)


def test_only_injections_name_another_clinic(data: SampleData) -> None:
    injections = {(injection.clinic_id, injection.document_id): injection for injection in data.injections}
    assert len(injections) == 2
    for clinic in data.clinics.values():
        for document in clinic.documents:
            # Not just "in": clinic-a is a part of clinic-ab.
            words = set(re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", document.text.lower()))
            named = {other for other in data.clinics if other in words and other != clinic.clinic_id}
            named |= {
                other.clinic_id
                for other in data.clinics.values()
                if other.name in document.text and other is not clinic
            }
            injection = injections.get((clinic.clinic_id, document.document_id))
            assert named == ({injection.target_clinic_id} if injection else set()), document.document_id


class OneClinic:
    """The S3 client that a search sees: one clinic's documents."""

    def __init__(self, clinic: Clinic) -> None:
        self._objects = {f"clinics/{clinic.clinic_id}/documents/{d.document_id}.md": d.text for d in clinic.documents}

    def get_paginator(self, _operation: str) -> "OneClinic":
        return self

    def paginate(self, **_arguments: Any) -> Iterator[dict[str, Any]]:
        yield {"Contents": [{"Key": k, "ETag": str(hash(v)), "Size": len(v)} for k, v in self._objects.items()]}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 boto3's names
        return {"Body": io.BytesIO(self._objects[Key].encode())}


def best(clinic: Clinic, question: str) -> dict[str, Any]:
    index = DocumentIndex(client=OneClinic(clinic), bucket="documents", clinic_id=clinic.clinic_id)
    return index.search(question, 1)[0]


def test_the_agents_search_finds_the_canary(data: SampleData) -> None:
    for clinic_id, canary in data.canaries.items():
        found = best(data.clinics[clinic_id], canary.question)
        assert found["document_id"] == canary.document_id
        assert canary.answer_contains in found["excerpt"]


def test_the_agents_search_finds_the_injections(data: SampleData) -> None:
    for injection in data.injections:
        found = best(data.clinics[injection.clinic_id], injection.question)
        assert found["document_id"] == injection.document_id


def test_the_agents_search_finds_each_clinics_own_answer(data: SampleData) -> None:
    for question in data.questions:
        assert question.answers.keys() == {clinic.clinic_id for clinic in active(data)}
        for clinic_id, answer in question.answers.items():
            found = best(data.clinics[clinic_id], question.question)
            assert found["document_id"] == answer.document_id, f"{clinic_id}: {question.question}"
            assert answer.answer_contains in found["excerpt"], f"{clinic_id}: {question.question}"


def replace(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


BAD_INPUT = [
    pytest.param(
        "clinics.yaml",
        replace("clinic_id: clinic-a\n", "clinic_id: Clinic_A\n"),
        "clinics[0].clinic_id: 'Clinic_A' is not a clinic id: 2-32 lower-case letters, digits and hyphens, "
        "no hyphen first or last",
        id="clinic id",
    ),
    pytest.param(
        "clinics.yaml",
        replace("tier: basic", "tier: B"),
        "clinics[0].tier: 'B' is not a tier name: a lower-case letter, then 1-15 lower-case letters or digits",
        id="tier",
    ),
    pytest.param(
        "clinics.yaml",
        replace("clinic_id: clinic-ab\n", "clinic_id: clinic-a\n"),
        "clinics[1].clinic_id: 'clinic-a' occurs twice",
        id="clinic twice",
    ),
    pytest.param(
        "clinics.yaml",
        replace("status: ACTIVE", "status: active"),
        "clinics[0].status: 'active' is none of ACTIVE, SUSPENDED",
        id="status",
    ),
    pytest.param(
        "clinics.yaml",
        replace("specialty:", "speciality:"),
        "clinics[0].speciality: unknown field, expected one of clinic_id, name, tier, status, specialty, "
        "opening_hours, services",
        id="misspelt field",
    ),
    pytest.param("clinics.yaml", lambda _: "clinics:\n\t- x", "line 2: no YAML", id="no YAML"),
    pytest.param("clinics.yaml", lambda _: "", "top level: expected a mapping, got nothing", id="empty file"),
    pytest.param(
        "users.yaml",
        replace("clinic_id: clinic-a,", "clinic_id: clinic-x,"),
        "dr.smith@clinic-a.example.clinic_id: 'clinic-x' is not in clinics.yaml",
        id="unknown clinic",
    ),
    pytest.param(
        "users.yaml",
        replace("dr.smith@clinic-a.example", "dr.smith@clinic-a.com"),
        "users[0].username: 'dr.smith@clinic-a.com' is no e-mail address in a domain that ends in .example",
        id="real domain",
    ),
    pytest.param(
        "users.yaml",
        replace("role: physician", "role: root"),
        "users[0].role: 'root' is none of physician, nurse, admin",
        id="role",
    ),
    pytest.param(
        "patients/clinic-b.yaml",
        replace("P-1021", "P-1001"),
        "patient_id: 'P-1001' belongs to clinic-a already",
        id="patient of two clinics",
    ),
    pytest.param(
        "patients/clinic-b.yaml",
        replace("P-1022", "P-1021"),
        "patients[1].patient_id: 'P-1021' occurs twice",
        id="patient twice",
    ),
    pytest.param(
        "patients/clinic-b.yaml",
        replace("birth_year: 1998", "birth_year: '1998'"),
        "patients[0].birth_year: expected a whole number from 1900 to 2100",
        id="birth year",
    ),
    pytest.param(
        "patients/clinic-b.yaml",
        replace("last_visit: 2026-02-26", "last_visit: last week"),
        "patients[0].last_visit: expected an ISO date, YYYY-MM-DD",
        id="date",
    ),
    pytest.param(
        "documents/clinic-c/cold-chain.md",
        replace("---\n", ""),
        "front matter: missing: the file must start with a --- block",
        id="no front matter",
    ),
    pytest.param(
        "documents/clinic-c/cold-chain.md", replace("type: procedure\n", ""), "type: missing", id="no document type"
    ),
    pytest.param(
        "documents/clinic-c/cold-chain.md",
        replace("updated: ", "updated: the "),
        "updated: expected an ISO date, YYYY-MM-DD",
        id="document date",
    ),
    pytest.param(
        "canaries.yaml",
        replace("document_id: anticoagulation-monitoring", "document_id: cold-chain"),
        "clinic-a.phrase: 'Reference code: HERON-4471' is not in clinic-a/cold-chain",
        id="canary elsewhere",
    ),
    pytest.param(
        "questions.yaml",
        replace("    clinic-a: [opening-hours-and-on-call, extension 4120]\n", ""),
        "questions[0].answers.clinic-a: missing",
        id="clinic without an answer",
    ),
]


@pytest.mark.parametrize(("name", "change", "message"), BAD_INPUT)
def test_bad_input_is_refused_by_file_and_field(
    folder: Path, name: str, change: Callable[[str], str], message: str
) -> None:
    file = folder / name
    file.write_text(change(file.read_text()))
    with pytest.raises(DataError) as caught:
        load(folder)
    assert str(caught.value) == f"{file}: {message}"


def test_a_canary_that_leaked_into_another_clinic_is_found(folder: Path) -> None:
    leak = folder / "documents" / "clinic-ab" / "cold-chain.md"
    leak.write_text(leak.read_text() + "\nReference code: HERON-4471.\n")
    with pytest.raises(DataError) as caught:
        load(folder)
    place = folder / "canaries.yaml"
    assert (
        str(caught.value) == f"{place}: clinic-a.phrase: 'Reference code: HERON-4471' is also in clinic-ab/cold-chain"
    )


def test_a_missing_file_is_named(folder: Path) -> None:
    file = folder / "patients" / "clinic-e.yaml"
    file.unlink()
    with pytest.raises(DataError) as caught:
        load(folder)
    assert str(caught.value) == f"{file}: file: missing"


def test_a_file_with_another_name_is_refused(folder: Path) -> None:
    file = folder / "documents" / "clinic-e" / "Notes.txt"
    file.write_text("x")
    with pytest.raises(DataError) as caught:
        load(folder)
    assert str(caught.value) == f"{file}: file name: expected <document_id>.md, in a-z, 0-9 and hyphens"
