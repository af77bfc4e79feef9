"""The runtime app: what AgentCore Runtime starts, one process a session."""

from clinic_agent.app.application import build_app, main

__all__ = ["build_app", "main"]
