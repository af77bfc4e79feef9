"""The agent of the pooled AgentCore platform."""
