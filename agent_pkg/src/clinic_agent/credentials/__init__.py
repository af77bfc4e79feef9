from clinic_agent.credentials.broker import Broker, LambdaBroker, refusal
from clinic_agent.credentials.grant import Grant, TierSettings
from clinic_agent.credentials.tenant_session import TenantSession, TenantSessions

__all__ = ["Broker", "Grant", "LambdaBroker", "TenantSession", "TenantSessions", "TierSettings", "refusal"]
