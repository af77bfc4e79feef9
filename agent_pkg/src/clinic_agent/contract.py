"""What the agent and the platform expect of each other, as one number.

The contract is the environment variables that Terraform sets, what the broker answers, the claims of an access token
and the headers between Gateway and tools. Its number is raised when an agent and a platform of different ages could no
longer work together (docs/decisions/0012). Terraform sets `PLATFORM_CONTRACT` for the runtime and for every function.
"""

from collections.abc import Mapping
from typing import Final

CONTRACT_VERSION: Final = 1
"""The contract that this agent is written for. The platform's number stands in `terraform/modules/contract`."""
VARIABLE: Final = "PLATFORM_CONTRACT"


class WrongContract(Exception):
    """The agent and the platform that it was put on do not fit."""


def check_contract(environment: Mapping[str, str]) -> None:
    """Check that the platform offers the contract that this agent needs. Called at start, before any request.

    Args:
        environment: The process's environment.

    Raises:
        WrongContract: If `PLATFORM_CONTRACT` is missing or is another number. The message says what to do.
    """
    offered = environment.get(VARIABLE)
    if offered == str(CONTRACT_VERSION):
        return
    if not offered:
        raise WrongContract(
            f"{VARIABLE}: not set, and this agent needs contract {CONTRACT_VERSION}. Apply the platform's newer "
            f"version first, which sets it; or publish an agent from before contract {CONTRACT_VERSION}."
        )
    if not (offered.isascii() and offered.isdigit()):
        raise WrongContract(
            f"{VARIABLE}: {offered[:20]!r} is no number, and this agent needs contract {CONTRACT_VERSION}. Terraform "
            "sets it; apply the platform again."
        )
    if int(offered) < CONTRACT_VERSION:
        todo = f"Apply the platform's newer version first; or publish an agent of contract {offered}."
    else:
        todo = f"Publish an agent of contract {offered}; or go back to a platform of contract {CONTRACT_VERSION}."
    raise WrongContract(
        f"{VARIABLE}: the platform offers contract {offered}, this agent needs contract {CONTRACT_VERSION}. {todo}"
    )
