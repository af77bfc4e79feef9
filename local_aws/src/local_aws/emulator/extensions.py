"""All extensions of the emulator, in the order they are installed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from local_aws.emulator import (
    action_names,
    bedrock_actions,
    bedrock_models,
    client_context,
    cognito,
    faults,
    guardrail_actions,
    guardrail_rules,
    guardrail_store,
    lambda_functions,
    leading_keys,
    local_memories,
    memory_actions,
    memory_extraction,
    memory_service,
    policy_variables,
    root_as_service,
    same_account_trust,
    service_session,
    signature_gate,
    sts,
    terraform_compat,
    worker_slots,
)
from local_aws.emulator.model_server import ModelServer

__all__ = ["NOTES", "Application", "ModelServer", "install_all"]

NOTES: Final = (memory_extraction.NOTE, guardrail_rules.NOTE)
"""Where the emulator only stands in for what AWS does; logged at the start."""

Application = Callable[[Any, Any, Any], Awaitable[None]]


def install_all(*, model: ModelServer | None, secret: str | None) -> Application:
    """Install every extension in this process.

    Args:
        model: The server that answers model calls; without one they fail as unavailable.
        secret: What callers of the local control endpoints must know; without one the endpoints do not exist.

    Returns:
        The ASGI application to serve.

    Raises:
        PatchTargetError: If the emulator is not the supported version.
    """
    policy_variables.install()
    # The later a wrapper of extract_iam_action is installed, the earlier it sees the request: those that know one
    # service's paths come in front of the check that refuses what nobody knows.
    action_names.install()
    leading_keys.install()
    bedrock_actions.install()
    guardrail_actions.install()
    guardrail_store.install()
    memory_actions.install()
    memory_service.install()
    memory_extraction.install()
    bedrock_models.install(model)
    cognito.install()
    sts.install()
    root_as_service.install()
    same_account_trust.install()
    lambda_functions.install()
    client_context.install()
    worker_slots.install()
    terraform_compat.install()

    from ministack.app import app

    served = service_session.with_service_sessions(app, secret=secret)
    served = local_memories.with_memories(served, secret=secret)
    return faults.with_faults(signature_gate.with_signatures(served, secret=secret), secret=secret)
