"""What a tenant brings along, its profile, patients and documents, and how it is read from files.

Errors name the file and the field, because whoever reads them has the file open. They quote a value only where it is an
id or a keyword, never a name or a diagnosis.
"""

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

PATIENT_ID_PATTERN: Final = re.compile(r"P-[0-9]{4,8}")
DOCUMENT_ID_PATTERN: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
SEXES: Final = ("female", "male", "other", "unknown")
FRONT_MATTER_FIELDS: Final = ("title", "type", "updated")

# The C parser is ten times as fast, and missing where PyYAML was built without libyaml.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class DataError(ValueError):
    """A data file can't be used as it is. The message names the file and the field."""

    def __init__(self, *, file: Path, field: str, problem: str) -> None:
        self.file = file
        self.field = field
        super().__init__(f"{file}: {field}: {problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """One patient of one clinic: a row of the patients table without its clinic."""

    patient_id: str  # P-<digits>
    name: str
    birth_year: int
    sex: str
    conditions: tuple[str, ...]
    allergies: tuple[str, ...]
    medications: tuple[str, ...]  # each with dose and frequency
    last_visit: dt.date
    last_visit_reason: str
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a clinic says of itself to its own users. Its tier is a matter between it and the operator."""

    specialty: str = ""
    opening_hours: Mapping[str, str] = field(default_factory=dict)  # days -> hours, in the clinic's own words
    services: tuple[str, ...] = ()

    def document(self, *, clinic_id: str, name: str) -> str:
        """Return the JSON that goes into the bucket, where the assistant reads it."""
        content = {
            "clinic_id": clinic_id,
            "name": name,
            "specialty": self.specialty,
            "opening_hours": dict(self.opening_hours),
            "services": list(self.services),
        }
        return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document of one clinic."""

    document_id: str
    title: str
    type: str
    updated: dt.date
    text: str  # the whole file, front matter included: what goes into the bucket

    @property
    def body(self) -> str:
        """The Markdown below the front matter."""
        return self.text.split("---\n", 2)[2].strip()


class Fields:
    """Typed access to one mapping of a data file, which remembers where it stands for the error message."""

    def __init__(self, value: object, *, file: Path, at: str) -> None:
        if not isinstance(value, Mapping):
            raise DataError(file=file, field=at or "top level", problem=f"expected a mapping, got {_kind(value)}")
        self._values: Mapping[Any, Any] = value
        self._file = file
        self._at = at

    def only(self, *names: str) -> None:
        """Refuse fields other than `names`: a misspelt one would otherwise be dropped in silence."""
        unknown = sorted(str(name) for name in self._values if name not in names)
        if unknown:
            raise self.error(unknown[0], f"unknown field, expected one of {', '.join(names)}")

    def text(self, name: str) -> str:
        """Return a non-empty string."""
        value = self._get(name)
        if not isinstance(value, str) or not value.strip():
            raise self.error(name, f"expected text, got {_kind(value)}")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of non-empty strings, which may be empty itself."""
        values = self._get(name)
        if not isinstance(values, list) or not all(isinstance(value, str) and value.strip() for value in values):
            raise self.error(name, "expected a list of texts")
        return tuple(values)

    def matching(self, name: str, pattern: re.Pattern[str]) -> str:
        """Return a string that matches `pattern` as a whole."""
        value = self.text(name)
        if not pattern.fullmatch(value):
            raise self.error(name, f"{value!r} does not match {pattern.pattern}")
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """Return a string out of `choices`."""
        value = self.text(name)
        if value not in choices:
            raise self.error(name, f"{value!r} is none of {', '.join(choices)}")
        return value

    def integer(self, name: str, *, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        value = self._get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.error(name, f"expected a whole number from {low} to {high}")
        return value

    def date(self, name: str) -> dt.date:
        """Return an ISO date. YAML gives a date object for it already, front matter a string."""
        value = self._get(name)
        if isinstance(value, str):
            try:
                return dt.date.fromisoformat(value)
            except ValueError:
                raise self.error(name, "expected an ISO date, YYYY-MM-DD") from None
        if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
            raise self.error(name, "expected an ISO date, YYYY-MM-DD")
        return value

    def items(self, name: str) -> "list[Fields]":
        """Return a list of mappings."""
        values = self._get(name)
        if not isinstance(values, list):
            raise self.error(name, f"expected a list, got {_kind(values)}")
        return [Fields(value, file=self._file, at=self._path(f"{name}[{n}]")) for n, value in enumerate(values)]

    def mapping(self, name: str) -> "Fields":
        """Return a mapping below this one."""
        return Fields(self._get(name), file=self._file, at=self._path(name))

    def names(self) -> tuple[str, ...]:
        """Return the names of all fields, in the file's order."""
        return tuple(str(name) for name in self._values)

    def error(self, name: str, problem: str) -> DataError:
        """Build the error for the field `name`."""
        return DataError(file=self._file, field=self._path(name), problem=problem)

    def _get(self, name: str) -> Any:
        if name not in self._values:
            raise self.error(name, "missing")
        return self._values[name]

    def _path(self, name: str) -> str:
        return f"{self._at}.{name}" if self._at else name


def read_yaml(file: Path) -> Fields:
    """Read a YAML file whose top level is a mapping.

    Raises:
        DataError: If the file is missing, no UTF-8, no YAML, or no mapping.
    """
    try:
        # yaml.load with a safe loader: CSafeLoader builds plain types only, as safe_load does.
        value = yaml.load(_read(file), Loader=_LOADER)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DataError(file=file, field=f"line {line}", problem="no YAML") from None
    return Fields(value, file=file, at="")


def profile_fields(fields: Fields) -> Profile:
    """Read the fields of a profile, which may stand among others.

    Raises:
        DataError: If one is missing or malformed.
    """
    hours = fields.mapping("opening_hours")
    return Profile(
        specialty=fields.text("specialty"),
        opening_hours={days: hours.text(days) for days in hours.names()},
        services=fields.texts("services"),
    )


def read_profile(file: Path) -> Profile:
    """Read a file with `specialty`, `opening_hours` (days: hours) and `services` (a list).

    Raises:
        DataError: If a field is missing, unknown or malformed.
    """
    top = read_yaml(file)
    top.only(*Profile.__dataclass_fields__)
    return profile_fields(top)


def read_patients(file: Path) -> tuple[Patient, ...]:
    """Read a file with one list, `patients`.

    Raises:
        DataError: If a field is missing, unknown or malformed, or an id occurs twice.
    """
    top = read_yaml(file)
    top.only("patients")
    patients: dict[str, Patient] = {}
    for fields in top.items("patients"):
        fields.only(*Patient.__dataclass_fields__)
        patient = Patient(
            patient_id=fields.matching("patient_id", PATIENT_ID_PATTERN),
            name=fields.text("name"),
            birth_year=fields.integer("birth_year", low=1900, high=2100),
            sex=fields.choice("sex", SEXES),
            conditions=fields.texts("conditions"),
            allergies=fields.texts("allergies"),
            medications=fields.texts("medications"),
            last_visit=fields.date("last_visit"),
            last_visit_reason=fields.text("last_visit_reason"),
            provider=fields.text("provider"),
        )
        if patient.patient_id in patients:
            raise fields.error("patient_id", f"{patient.patient_id!r} occurs twice")
        patients[patient.patient_id] = patient
    return tuple(patients.values())


def read_documents(folder: Path) -> tuple[Document, ...]:
    """Read all `<document_id>.md` files of a folder, in the order of their ids.

    Raises:
        DataError: If the folder is missing or holds something else, or if a document is malformed.
    """
    if not folder.is_dir():
        raise DataError(file=folder, field="folder", problem="missing")
    return tuple(read_document(file) for file in sorted(folder.iterdir()))


def read_document(file: Path) -> Document:
    """Read one Markdown file with its front matter: three `name: value` lines between two `---` lines.

    The front matter is not parsed as YAML, since the agent reads it line by line too, and would show a value's quotes.

    Raises:
        DataError: If the name is no document id, or the front matter is missing or malformed.
    """
    if file.suffix != ".md" or not DOCUMENT_ID_PATTERN.fullmatch(file.stem):
        raise DataError(file=file, field="file name", problem="expected <document_id>.md, in a-z, 0-9 and hyphens")
    text = _read(file)
    opening, _, rest = text.partition("---\n")
    head, closing, body = rest.partition("---\n")
    if opening or not closing:
        raise DataError(file=file, field="front matter", problem="missing: the file must start with a --- block")
    values: dict[str, str] = {}
    for line in head.splitlines():
        name, separator, value = line.partition(": ")
        if not separator or name in values:
            raise DataError(file=file, field=f"front matter, {name!r}", problem="expected one 'name: value' per field")
        values[name] = value.strip()
    fields = Fields(values, file=file, at="")
    fields.only(*FRONT_MATTER_FIELDS)
    if not body.strip():
        raise DataError(file=file, field="body", problem="empty")
    return Document(
        document_id=file.stem,
        title=fields.text("title"),
        type=fields.text("type"),
        updated=fields.date("updated"),
        text=text,
    )


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(file=file, field="file", problem="missing") from None
    except UnicodeDecodeError as error:
        raise DataError(file=file, field=f"byte {error.start}", problem="not UTF-8") from None


def _kind(value: object) -> str:
    return "nothing" if value is None or value == "" else type(value).__name__
