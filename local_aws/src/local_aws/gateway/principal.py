"""Who calls, from the verified claims: for Cedar, for the ownership of sessions and for fair shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from local_aws.agentcore.errors import forbidden

TENANT_CLAIM: Final = "clinic_id"
_OWNER_CLAIMS: Final = ("iss", "client_id", "sub", "tier", TENANT_CLAIM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """One caller."""

    subject: str
    tags: tuple[tuple[str, str], ...] = field(repr=False)
    """The claims that are strings, in order of their names: Cedar's tags are strings, and how the service would turn
    another type into one is not documented, so a policy finds no tag there and denies."""
    owner: tuple[str, ...]
    """What has to be equal for an MCP session to be used: issuer, client, user, tier and clinic."""
    tenant: str
    """Whose share of the gateway a call counts against: the clinic, or the user where the token names none."""


def principal_of(claims: Mapping[str, Any]) -> Principal:
    """Read a caller from verified claims.

    Raises:
        RequestError: 403, if the token names nobody.
    """
    tags = tuple(sorted((name, value) for name, value in claims.items() if isinstance(value, str)))
    texts = dict(tags)
    subject = texts.get("sub")
    if not subject:
        raise forbidden()
    # The prefix: a user whose id is some clinic's name must not share its slot.
    tenant = f"clinic/{texts[TENANT_CLAIM]}" if TENANT_CLAIM in texts else f"user/{subject}"
    return Principal(
        subject=subject, tags=tags, owner=tuple(texts.get(name, "") for name in _OWNER_CLAIMS), tenant=tenant
    )
