"""All checks, in the order of their ids."""

from typing import Final

from policy_checks.check import Check
from policy_checks.checks import (
    authorizers,
    data,
    encryption,
    execution_roles,
    functions,
    gateways,
    logs,
    memories,
    models,
    policies,
    runtimes,
    tags,
    trusts,
    users,
)

CHECKS: Final[tuple[Check, ...]] = tuple(
    sorted(
        (
            *authorizers.CHECKS,
            *data.CHECKS,
            *encryption.CHECKS,
            *execution_roles.CHECKS,
            *functions.CHECKS,
            *gateways.CHECKS,
            *logs.CHECKS,
            *memories.CHECKS,
            *models.CHECKS,
            *policies.CHECKS,
            *runtimes.CHECKS,
            *tags.CHECKS,
            *trusts.CHECKS,
            *users.CHECKS,
        ),
        key=lambda check: int(check.id.rpartition("_")[2]),
    )
)
