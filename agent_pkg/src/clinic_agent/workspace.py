"""The parts that serve one owner: model, memory and tools on that owner's credentials. Made once a session."""

from functools import cached_property
from typing import Any

from botocore.config import Config
from strands import tool

from clinic_agent.agent import AgentParts
from clinic_agent.credentials import TenantSession
from clinic_agent.guard import Admission
from clinic_agent.identity import TenantContext
from clinic_agent.memory import AgentCoreMemory
from clinic_agent.metering import UsageSink
from clinic_agent.model import bedrock_model
from clinic_agent.settings import Settings
from clinic_agent.tools import DocumentIndex, Patients, document_tool, patient_tools


class Workspaces:
    """Builds an owner's parts at the first request and keeps them: on a later turn no client is made.

    A process serves one owner (`SessionPin`), so it holds one set of parts; another owner's would replace it.
    """

    def __init__(self, *, settings: Settings, usage_sink: UsageSink) -> None:
        self._settings = settings
        self._usage_sink = usage_sink
        self._session: TenantSession | None = None
        self._parts: AgentParts | None = None

    def cached(self, admission: Admission) -> AgentParts | None:
        """Return the parts that were made for this very session, if any."""
        return self._parts if self._session is admission.session else None

    def open(self, admission: Admission) -> AgentParts:
        """Return the owner's parts, made if need be (blocking: clients are made)."""
        parts = self.cached(admission)
        if parts is None:
            parts = _build(admission, self._settings, self._usage_sink)
            self._session, self._parts = admission.session, parts
        return parts


def _build(admission: Admission, settings: Settings, usage_sink: UsageSink) -> AgentParts:
    session, tenant = admission.session, admission.tenant
    memory = AgentCoreMemory(
        client=session.boto3.client("bedrock-agentcore", config=_client_config()),
        memory_id=session.tier.memory_id,
        tenant=tenant,
    )
    model = bedrock_model(session)
    return AgentParts(
        model=model,
        still_calling=lambda: model.calling,
        memory=memory,
        tools=_tools(session, tenant, settings),
        tier=session.tier,
        usage_sink=usage_sink,
    )


def _tools(session: TenantSession, tenant: TenantContext, settings: Settings) -> list[Any]:
    data = _Data(session, tenant, settings)

    # The functions are made at once, what they read with at their first call: most turns need one of the two.
    search = document_tool(lambda: data.documents)
    list_patients, get_patient = patient_tools(lambda: data.patients)
    return [tool(search), tool(list_patients), tool(get_patient)]


class _Data:
    def __init__(self, session: TenantSession, tenant: TenantContext, settings: Settings) -> None:
        self._session, self._tenant, self._settings = session, tenant, settings

    @cached_property
    def documents(self) -> DocumentIndex:
        client = self._session.boto3.client("s3", config=_client_config())
        return DocumentIndex(client=client, bucket=self._settings.documents_bucket, clinic_id=self._tenant.clinic_id)

    @cached_property
    def patients(self) -> Patients:
        client = self._session.boto3.client("dynamodb", config=_client_config())
        return Patients(client=client, table=self._settings.patients_table, clinic_id=self._tenant.clinic_id)


def _client_config() -> Config:
    return Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
