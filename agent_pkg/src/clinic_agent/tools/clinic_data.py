"""The tools on a clinic's data, for one owner: what target `clinic-data` of the Gateway offers."""

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from botocore.config import Config

from clinic_agent.credentials import TenantSession
from clinic_agent.errors import BadRequest
from clinic_agent.tools.arguments import Arguments
from clinic_agent.tools.documents import MAX_QUERY_CHARS, MAX_RESULTS, DocumentIndex
from clinic_agent.tools.patients import MAX_CURSOR_CHARS, MAX_PATIENT_ID_CHARS, MAX_PATIENTS, Patients
from clinic_agent.tools.profile import ClinicProfile

TOOL_ARGUMENTS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "search_documents": frozenset({"query", "limit"}),
        "list_patients": frozenset({"limit", "cursor"}),
        "get_patient": frozenset({"patient_id"}),
        "clinic_profile": frozenset(),
    }
)
"""Arguments by tool. None names a tenant: the credentials decide whose data a tool sees."""


class ClinicData:
    """One owner's tools. Clients and index are made at first use: most sessions need one of them."""

    def __init__(self, *, session: TenantSession, clinic_id: str, bucket: str, table: str) -> None:
        self._session = session
        self._clinic_id = clinic_id
        self._bucket = bucket
        self._table = table

    def call(self, tool: str, given: Any) -> dict[str, Any]:
        """Run a tool by its bare name and return its answer, which JSON can hold.

        Raises:
            BadRequest: If there is no such tool (`unknown_tool`) or an argument is wrong (`invalid_argument`).
            NotFound: If there is no such thing in this clinic.
            Throttled, Unavailable: If the data can't be read.
        """
        if tool not in TOOL_ARGUMENTS:
            raise BadRequest("unknown_tool", "This target has no such tool.")
        arguments = Arguments(given, allowed=TOOL_ARGUMENTS[tool])
        match tool:
            case "search_documents":
                query = arguments.text("query", most=MAX_QUERY_CHARS)
                limit = arguments.whole("limit", most=MAX_RESULTS, default=4)
                return {"documents": self._documents.search(query, limit)}
            case "list_patients":
                limit = arguments.whole("limit", most=MAX_PATIENTS, default=20)
                cursor = arguments.text("cursor", least=0, most=MAX_CURSOR_CHARS, default="")  # empty: the first page
                found, following = self._patients.page(limit, cursor or None)
                return {"patients": found, "next_cursor": following}
            case "get_patient":
                patient_id = arguments.text("patient_id", most=MAX_PATIENT_ID_CHARS)
                return {"patient": self._patients.get(patient_id)}
            case _:
                return {"profile": self._profile.read()}

    @cached_property
    def _s3(self) -> Any:
        return self._session.boto3.client("s3", config=_client_config())

    @cached_property
    def _documents(self) -> DocumentIndex:
        return DocumentIndex(client=self._s3, bucket=self._bucket, clinic_id=self._clinic_id)

    @cached_property
    def _profile(self) -> ClinicProfile:
        return ClinicProfile(client=self._s3, bucket=self._bucket, clinic_id=self._clinic_id)

    @cached_property
    def _patients(self) -> Patients:
        client = self._session.boto3.client("dynamodb", config=_client_config())
        return Patients(client=client, table=self._table, clinic_id=self._clinic_id)


def _client_config() -> Config:
    return Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})
