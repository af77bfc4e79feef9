"""The synthetic clinics of `data/synthetic`: loaded, typed and checked.

`python -m scripts.tenants.sample_data` checks the files and prints how much there is.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clinic_agent.keys import InvalidKey, check_clinic_id, check_tier
from scripts.tenants.data import (
    DataError,
    Document,
    Fields,
    Patient,
    Profile,
    profile_fields,
    read_documents,
    read_patients,
    read_yaml,
)

DEFAULT_FOLDER: Final = Path(__file__).resolve().parents[2] / "data" / "synthetic"
ROLES: Final = ("physician", "nurse", "admin")
STATUSES: Final = ("ACTIVE", "SUSPENDED")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user of a clinic. The username is an e-mail address; passwords are never part of the data."""

    username: str
    name: str
    clinic_id: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clinic:
    """A tenant with everything that belongs to it."""

    clinic_id: str
    name: str
    tier: str
    status: str
    profile: Profile
    users: tuple[User, ...]
    patients: tuple[Patient, ...]
    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """Phrases that occur in one document and one patient row of this clinic, and nowhere else."""

    clinic_id: str
    document_id: str
    phrase: str
    patient_id: str
    patient_phrase: str
    question: str
    answer_contains: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """A document with instructions to the assistant inside, which ask for the data of `target_clinic_id`."""

    clinic_id: str
    document_id: str
    phrase: str
    target_clinic_id: str
    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedAnswer:
    """Where one clinic answers a shared question, and the words that only its own answer holds."""

    document_id: str
    answer_contains: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedQuestion:
    """A question that every active clinic answers with another fact."""

    question: str
    answers: dict[str, SharedAnswer]  # by clinic_id


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleData:
    """All sample tenants, and what tests look for in them."""

    clinics: dict[str, Clinic]  # by clinic_id, in the file's order
    canaries: dict[str, Canary]  # by clinic_id
    injections: tuple[Injection, ...]
    questions: tuple[SharedQuestion, ...]

    @property
    def users(self) -> tuple[User, ...]:
        """All users, clinic by clinic."""
        return tuple(user for clinic in self.clinics.values() for user in clinic.users)


def load(folder: Path = DEFAULT_FOLDER) -> SampleData:
    """Load and check the data set.

    Raises:
        DataError: If a file is missing or malformed, an id is reused or refers to nothing, or a canary is not where it
            belongs or also somewhere else.
    """
    users = _read_users(folder / "users.yaml")
    clinics = _read_clinics(folder, users)
    for user in users:
        if user.clinic_id not in clinics:
            raise DataError(
                file=folder / "users.yaml",
                field=f"{user.username}.clinic_id",
                problem=f"{user.clinic_id!r} is not in clinics.yaml",
            )
    _check_patient_ids(folder, clinics)
    canaries, injections = _read_canaries(folder / "canaries.yaml", clinics)
    questions = _read_questions(folder / "questions.yaml", clinics)
    return SampleData(clinics=clinics, canaries=canaries, injections=injections, questions=questions)


def _read_users(file: Path) -> list[User]:
    top = read_yaml(file)
    top.only("users")
    users: dict[str, User] = {}
    for fields in top.items("users"):
        fields.only("username", "name", "clinic_id", "role")
        user = User(
            username=fields.text("username"),
            name=fields.text("name"),
            clinic_id=_key(fields, "clinic_id", check_clinic_id),
            role=fields.choice("role", ROLES),
        )
        # The address must not be able to receive mail: an invitation to it would reach a stranger.
        if user.username.count("@") != 1 or not user.username.endswith(".example"):
            raise fields.error("username", f"{user.username!r} is no e-mail address in a domain that ends in .example")
        if user.username in users:
            raise fields.error("username", f"{user.username!r} occurs twice")
        users[user.username] = user
    return list(users.values())


def _read_clinics(folder: Path, users: list[User]) -> dict[str, Clinic]:
    top = read_yaml(folder / "clinics.yaml")
    top.only("clinics")
    clinics: dict[str, Clinic] = {}
    for fields in top.items("clinics"):
        fields.only("clinic_id", "name", "tier", "status", "specialty", "opening_hours", "services")
        clinic_id = _key(fields, "clinic_id", check_clinic_id)
        if clinic_id in clinics:
            raise fields.error("clinic_id", f"{clinic_id!r} occurs twice")
        clinics[clinic_id] = Clinic(
            clinic_id=clinic_id,
            name=fields.text("name"),
            tier=_key(fields, "tier", check_tier),
            status=fields.choice("status", STATUSES),
            profile=profile_fields(fields),
            users=tuple(user for user in users if user.clinic_id == clinic_id),
            patients=read_patients(folder / "patients" / f"{clinic_id}.yaml"),
            documents=read_documents(folder / "documents" / clinic_id),
        )
    return clinics


def _check_patient_ids(folder: Path, clinics: dict[str, Clinic]) -> None:
    owners: dict[str, str] = {}
    for clinic in clinics.values():
        for patient in clinic.patients:
            other = owners.setdefault(patient.patient_id, clinic.clinic_id)
            if other != clinic.clinic_id:
                raise DataError(
                    file=folder / "patients" / f"{clinic.clinic_id}.yaml",
                    field="patient_id",
                    problem=f"{patient.patient_id!r} belongs to {other} already",
                )


def _read_canaries(file: Path, clinics: dict[str, Clinic]) -> tuple[dict[str, Canary], tuple[Injection, ...]]:
    top = read_yaml(file)
    top.only(*clinics, "injections")
    places = list(_places(clinics.values()))
    canaries: dict[str, Canary] = {}
    for clinic_id in clinics:
        fields = top.mapping(clinic_id)
        fields.only(*(name for name in Canary.__dataclass_fields__ if name != "clinic_id"))
        canary = Canary(
            clinic_id=clinic_id,
            document_id=fields.text("document_id"),
            phrase=fields.text("phrase"),
            patient_id=fields.text("patient_id"),
            patient_phrase=fields.text("patient_phrase"),
            question=fields.text("question"),
            answer_contains=fields.text("answer_contains"),
        )
        document_place = f"{clinic_id}/{canary.document_id}"
        _check_only_in(fields, "phrase", canary.phrase, document_place, places)
        _check_only_in(fields, "answer_contains", canary.answer_contains, document_place, places)
        _check_only_in(fields, "patient_phrase", canary.patient_phrase, f"{clinic_id}/{canary.patient_id}", places)
        canaries[clinic_id] = canary
    injections = []
    for fields in top.items("injections"):
        fields.only(*Injection.__dataclass_fields__)
        injection = Injection(
            clinic_id=fields.choice("clinic_id", tuple(clinics)),
            document_id=fields.text("document_id"),
            phrase=fields.text("phrase"),
            target_clinic_id=fields.choice("target_clinic_id", tuple(clinics)),
            question=fields.text("question"),
        )
        place = f"{injection.clinic_id}/{injection.document_id}"
        _check_only_in(fields, "phrase", injection.phrase, place, places)
        injections.append(injection)
    return canaries, tuple(injections)


def _read_questions(file: Path, clinics: dict[str, Clinic]) -> tuple[SharedQuestion, ...]:
    top = read_yaml(file)
    top.only("questions")
    active = [clinic_id for clinic_id, clinic in clinics.items() if clinic.status == "ACTIVE"]
    questions = []
    for fields in top.items("questions"):
        fields.only("question", "answers")
        given = fields.mapping("answers")
        given.only(*active)
        answers: dict[str, SharedAnswer] = {}
        for clinic_id in active:
            pair = given.texts(clinic_id)
            if len(pair) != 2:
                raise given.error(clinic_id, "expected [document_id, words of the answer]")
            answer = SharedAnswer(document_id=pair[0], answer_contains=pair[1])
            text = {document.document_id: document.text for document in clinics[clinic_id].documents}
            if answer.answer_contains not in text.get(answer.document_id, ""):
                raise given.error(clinic_id, f"{answer.answer_contains!r} is not in {clinic_id}/{answer.document_id}")
            for other in clinics.values():
                for document in other.documents if other.clinic_id != clinic_id else ():
                    if answer.answer_contains in document.text:
                        place = f"{other.clinic_id}/{document.document_id}"
                        raise given.error(clinic_id, f"{answer.answer_contains!r} is also in {place}")
            answers[clinic_id] = answer
        questions.append(SharedQuestion(question=fields.text("question"), answers=answers))
    return tuple(questions)


def _places(clinics: Iterable[Clinic]) -> Iterator[tuple[str, str]]:
    """Yield every text that an answer could quote, with the name of its place."""
    for clinic in clinics:
        for document in clinic.documents:
            yield f"{clinic.clinic_id}/{document.document_id}", document.text
        for patient in clinic.patients:
            yield f"{clinic.clinic_id}/{patient.patient_id}", repr(patient)


def _check_only_in(fields: Fields, name: str, phrase: str, place: str, places: list[tuple[str, str]]) -> None:
    found = [other for other, text in places if phrase in text]
    if place not in found:
        raise fields.error(name, f"{phrase!r} is not in {place}")
    if found != [place]:
        raise fields.error(name, f"{phrase!r} is also in {next(other for other in found if other != place)}")


def _key(fields: Fields, name: str, check: Callable[[object], str]) -> str:
    try:
        return check(fields.text(name))
    except InvalidKey as error:
        raise fields.error(name, str(error).removeprefix(f"{name}: ")) from None


def main() -> int:
    """Check the data set and print its size."""
    try:
        data = load()
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    patients = sum(len(clinic.patients) for clinic in data.clinics.values())
    documents = sum(len(clinic.documents) for clinic in data.clinics.values())
    tiers = ", ".join(f"{count} {tier}" for tier, count in Counter(c.tier for c in data.clinics.values()).items())
    print(f"{len(data.clinics)} clinics ({tiers}), {len(data.users)} users, {patients} patients, {documents} documents")
    return 0


if __name__ == "__main__":
    sys.exit(main())
