"""All extensions of the emulator, in the order they are installed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from local_aws.emulator import (
    action_names,
    bedrock_actions,
    bedrock_models,
    cognito,
    faults,
    lambda_functions,
    leading_keys,
    memory_actions,
    memory_service,
    policy_variables,
    root_as_service,
    same_account_trust,
    service_session,
    signature_gate,
    sts,
    terraform_compat,
)
from local_aws.emulator.model_server import ModelServer

__all__ = ["Application", "ModelServer", "install_all"]

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
    memory_actions.install()
    memory_service.install()
    bedrock_models.install(model)
    cognito.install()
    sts.install()
    root_as_service.install()
    same_account_trust.install()
    lambda_functions.install()
    terraform_compat.install()

    from ministack.app import app

    served = service_session.with_service_sessions(app, secret=secret)
    return faults.with_faults(signature_gate.with_signatures(served, secret=secret), secret=secret)
