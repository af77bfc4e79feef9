"""The registry of tenants and memberships, read by key and always consistently: a suspension counts at once."""

from dataclasses import dataclass
from typing import Any, Final

from botocore.config import Config

from clinic_agent.keys import check_clinic_id, check_tier, membership_key, tenant_key

ACTIVE: Final = "ACTIVE"
CLIENT_CONFIG: Final = Config(connect_timeout=2, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 2})
"""Somebody waits for an answer: Cognito gives a trigger 5 s in all, and a client can retry better than a function."""


class NotActive(Exception):
    """The user has no active membership in an active clinic. Which of them it is, is not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Where a user belongs, by the registry."""

    clinic_id: str
    tier: str


class Registry:
    """Reads the registry table."""

    def __init__(self, *, client: Any, table: str) -> None:
        self._client = client  # a boto3 DynamoDB client
        self._table = table

    def active_membership(self, user_id: str) -> Membership:
        """Return where an active user of an active clinic belongs.

        Raises:
            NotActive: If there is no membership, or it or its clinic is not active.
            InvalidKey: If the user id, or what the registry holds, is outside the grammar.
        """
        membership = self._item(membership_key(user_id))
        if membership.get("status") != ACTIVE:
            raise NotActive
        clinic_id = check_clinic_id(membership.get("clinic_id"))
        tenant = self._item(tenant_key(clinic_id))
        if tenant.get("status") != ACTIVE:
            raise NotActive
        return Membership(clinic_id=clinic_id, tier=check_tier(tenant.get("tier")))

    def _item(self, key: dict[str, str]) -> dict[str, str]:
        response = self._client.get_item(
            TableName=self._table,
            Key={name: {"S": value} for name, value in key.items()},
            ConsistentRead=True,
            ProjectionExpression="#status, clinic_id, tier",
            ExpressionAttributeNames={"#status": "status"},
        )
        return {name: value["S"] for name, value in response.get("Item", {}).items() if "S" in value}
