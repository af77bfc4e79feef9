"""The parts that serve one owner: model, memory and tools, with that owner's credentials. Made once a session."""

from botocore.config import Config

from clinic_agent.agent import AgentParts
from clinic_agent.credentials import TenantSession
from clinic_agent.gateway import GatewayConnection, GatewayTools
from clinic_agent.guard import Admission
from clinic_agent.memory import AgentCoreMemory
from clinic_agent.metering import UsageSink
from clinic_agent.model import bedrock_model
from clinic_agent.settings import Settings


class Workspaces:
    """Builds an owner's parts at the first request and keeps them: on a later turn no client is made.

    A process serves one owner (`SessionPin`), so it holds one set of parts; another owner's would replace it.
    """

    def __init__(self, *, settings: Settings, usage_sink: UsageSink) -> None:
        self._settings = settings
        self._usage_sink = usage_sink
        self._session: TenantSession | None = None
        self._parts: AgentParts | None = None
        self._gateway: GatewayConnection | None = None

    def cached(self, admission: Admission) -> AgentParts | None:
        """Return the parts that were made for this very session, if any."""
        return self._parts if self._session is admission.session else None

    def open(self, admission: Admission) -> AgentParts:
        """Return the owner's parts, made if need be (blocking: clients are made)."""
        parts = self.cached(admission)
        if parts is None:
            self.close()
            session = admission.session
            # The owner's own connection, with the token of the owner's latest request.
            self._gateway = GatewayConnection(url=self._settings.gateway_url, token=lambda: session.token)
            parts = self._build(admission, self._gateway)
            self._session, self._parts = session, parts
        return parts

    def close(self) -> None:
        """Let go of the parts and their connection."""
        gateway, self._session, self._parts, self._gateway = self._gateway, None, None, None
        if gateway is not None:
            gateway.close()

    def _build(self, admission: Admission, gateway: GatewayConnection) -> AgentParts:
        session = admission.session
        tools = GatewayTools(gateway)
        tools.load_early()  # connects and lists while the clients are made
        memory = AgentCoreMemory(
            client=session.boto3.client("bedrock-agentcore", config=_client_config()),
            memory_id=session.tier.memory_id,
            tenant=admission.tenant,
        )
        model = bedrock_model(session)
        return AgentParts(
            model=model,
            still_calling=lambda: model.calling or gateway.calling,
            memory=memory,
            tools=tools,
            tier=session.tier,
            usage_sink=self._usage_sink,
        )


def _client_config() -> Config:
    return Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
