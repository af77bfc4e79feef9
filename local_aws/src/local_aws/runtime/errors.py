"""What goes wrong in the Runtime stand-in alone; the rest is in `local_aws.agentcore.errors`."""

from __future__ import annotations

from local_aws.agentcore.errors import StandInError


class BundleError(StandInError):
    """The agent's bundle cannot be had, or is not the one that was published."""
