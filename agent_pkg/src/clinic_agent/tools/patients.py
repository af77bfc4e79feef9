"""The clinic's own patients, from DynamoDB: the clinic is the leading key, which IAM compares with the tag."""

import base64
import hashlib
import hmac
from decimal import Decimal
from typing import Any, Final

from boto3.dynamodb.types import TypeDeserializer

from clinic_agent.aws_errors import AWS_ERRORS, as_agent_error
from clinic_agent.errors import BadRequest, NotFound
from clinic_agent.keys import check_clinic_id

MAX_PATIENTS: Final = 50
MAX_PATIENT_ID_CHARS: Final = 32
MAX_CURSOR_CHARS: Final = 256
_SEAL_BYTES: Final = 12


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
            BadRequest: If the limit or the cursor is not valid; a cursor of another clinic is not.
            Throttled, Unavailable: If the table can't be read.
        """
        if not 1 <= limit <= MAX_PATIENTS:
            raise BadRequest("invalid_argument", f"limit: must be 1 to {MAX_PATIENTS}")
        start: dict[str, Any] = {}
        if cursor:
            # The clinic is always the caller's.
            last = {"clinic_id": {"S": self._clinic_id}, "patient_id": {"S": _decode_cursor(self._clinic_id, cursor)}}
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
        following = _encode_cursor(self._clinic_id, last_key["patient_id"]["S"]) if last_key else None
        return [_plain(item) for item in response["Items"]], following


def _unknown_patient() -> NotFound:
    return NotFound("No patient of this clinic has that id.")


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    deserialize = TypeDeserializer().deserialize
    return {name: _json_value(deserialize(value)) for name, value in item.items()}


def _json_value(value: Any) -> Any:
    """Turn what boto3 makes of DynamoDB's types into what JSON can hold."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, set):
        return sorted(_json_value(entry) for entry in value)
    if isinstance(value, list):
        return [_json_value(entry) for entry in value]
    if isinstance(value, dict):
        return {name: _json_value(entry) for name, entry in value.items()}
    return value


# A cursor is the last patient id behind a digest of clinic and id, so that one clinic's cursor is none at another. It
# is no secret, and need not be: the clinic of a query is always the caller's own, and IAM compares it. Who forges a
# cursor chooses where in his own list he starts.
def _encode_cursor(clinic_id: str, patient_id: str) -> str:
    sealed = _seal(clinic_id, patient_id) + patient_id.encode()
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def _decode_cursor(clinic_id: str, cursor: str) -> str:
    try:
        sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        patient_id = sealed[_SEAL_BYTES:].decode()
    except ValueError:  # binascii.Error and UnicodeDecodeError are
        patient_id = ""
    # Made again and compared: whatever differs from what this function's counterpart writes is refused.
    if not patient_id or not hmac.compare_digest(_encode_cursor(clinic_id, patient_id).encode(), cursor.encode()):
        raise BadRequest("invalid_argument", "cursor: is not one that list_patients returned for this clinic")
    return patient_id


def _seal(clinic_id: str, patient_id: str) -> bytes:
    return hashlib.sha256(f"list_patients/{clinic_id}/{patient_id}".encode()).digest()[:_SEAL_BYTES]
