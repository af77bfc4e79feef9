"""The clinic's own patients, from DynamoDB: the clinic is the leading key, which IAM compares with the tag."""

import base64
import binascii
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from boto3.dynamodb.types import TypeDeserializer

from clinic_agent.aws_errors import AWS_ERRORS, as_agent_error
from clinic_agent.errors import BadRequest, NotFound
from clinic_agent.keys import check_clinic_id

MAX_PATIENTS: Final = 50
MAX_PATIENT_ID_CHARS: Final = 32


class Patients:
    """The patients of one clinic."""

    def __init__(self, *, client: Any, table: str, clinic_id: str) -> None:
        self._client = client  # a boto3 DynamoDB client with the tenant's credentials
        self._table = table
        self._clinic_id = check_clinic_id(clinic_id)

    def get(self, patient_id: str) -> dict[str, Any]:
        """Return one patient.

        Raises:
            NotFound: If this clinic has no such patient, whether or not another one has.
            Throttled, Unavailable: If the table can't be read.
        """
        if not 1 <= len(patient_id) <= MAX_PATIENT_ID_CHARS:
            raise _unknown_patient()
        key = {"clinic_id": {"S": self._clinic_id}, "patient_id": {"S": patient_id}}
        try:
            item = self._client.get_item(TableName=self._table, Key=key).get("Item")
        except AWS_ERRORS as error:
            raise as_agent_error(error, part="patients") from None
        if item is None:
            raise _unknown_patient()
        return _plain(item)

    def page(self, limit: int, cursor: str | None) -> tuple[list[dict[str, Any]], str | None]:
        """Return some patients in the order of their ids, and the cursor of the next page or None.

        Raises:
            BadRequest: If the limit or the cursor is not valid.
            Throttled, Unavailable: If the table can't be read.
        """
        if not 1 <= limit <= MAX_PATIENTS:
            raise BadRequest("invalid_argument", f"limit: must be 1 to {MAX_PATIENTS}")
        start: dict[str, Any] = {}
        if cursor:
            # A cursor holds a patient id only; the clinic is always the caller's.
            last = {"clinic_id": {"S": self._clinic_id}, "patient_id": {"S": _decode_cursor(cursor)}}
            start = {"ExclusiveStartKey": last}
        try:
            response = self._client.query(
                TableName=self._table,
                KeyConditionExpression="clinic_id = :clinic",
                ExpressionAttributeValues={":clinic": {"S": self._clinic_id}},
                Limit=limit,
                **start,
            )
        except AWS_ERRORS as error:
            raise as_agent_error(error, part="patients") from None
        last_key = response.get("LastEvaluatedKey")
        following = _encode_cursor(last_key["patient_id"]["S"]) if last_key else None
        return [_plain(item) for item in response["Items"]], following


def patient_tools(patients: Callable[[], Patients]) -> tuple[Callable[..., str], Callable[..., str]]:
    """Build the functions behind the tools `list_patients` and `get_patient`; `patients` is asked for at first use."""

    def list_patients(limit: int = 20, cursor: str = "") -> str:
        """List the clinic's own patients, in the order of their ids.

        Args:
            limit: How many to return, 1 to 50.
            cursor: Where to go on: `next_cursor` of the page before; empty for the first page.
        """
        found, following = patients().page(limit, cursor or None)
        return _dumps({"patients": found, "next_cursor": following})

    def get_patient(patient_id: str) -> str:
        """Read one patient of the clinic.

        Args:
            patient_id: The patient's id, such as P-1001.
        """
        try:
            return _dumps({"patient": patients().get(patient_id)})
        except NotFound as error:
            return _dumps({"error": {"code": error.code, "message": error.message}})

    return list_patients, get_patient


def _unknown_patient() -> NotFound:
    return NotFound("No patient of this clinic has that id.")


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    deserialize = TypeDeserializer().deserialize
    return {name: deserialize(value) for name, value in item.items()}


def _dumps(value: dict[str, Any]) -> str:
    def number(other: object) -> float | int:
        if isinstance(other, Decimal):
            return int(other) if other == other.to_integral_value() else float(other)
        raise TypeError(type(other).__name__)

    return json.dumps(value, ensure_ascii=False, default=number)


def _encode_cursor(patient_id: str) -> str:
    return base64.urlsafe_b64encode(patient_id.encode()).decode().rstrip("=")


def _decode_cursor(cursor: str) -> str:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    if not 1 <= len(text) <= MAX_PATIENT_ID_CHARS:
        raise BadRequest("invalid_argument", "cursor: is not one that list_patients returned")
    return text
