"""The agent's way to its tools: a thin MCP client of its own (docs/decisions/0010)."""

from clinic_agent.gateway.connection import GatewayConnection
from clinic_agent.gateway.refusals import TOOLS_DENIED
from clinic_agent.gateway.tools import GatewayTools

__all__ = ["TOOLS_DENIED", "GatewayConnection", "GatewayTools"]
