"""The grammar of the ids that name a tenant, and the keys that are joined from them.

Every key that separates tenants (S3 prefix, memory actor, namespace, registry key) is made here and nowhere else, so
that one place shows that the joins are injective: no part may contain the delimiter it is joined with, so two
different identities never give the same key. The rendered IAM policies hold the same strings
(`terraform/modules/tenant_access`).
"""

import re
from typing import Final

TIER_PATTERN: Final = re.compile(r"[a-z][a-z0-9]{1,15}")
CLINIC_ID_PATTERN: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])")
USER_ID_PATTERN: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SESSION_ID_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{32,99}")
"""What AgentCore Runtime (33-256 characters) and Memory (`[a-zA-Z0-9][a-zA-Z0-9-_]*`, at most 100) both accept.

Source: `InvokeAgentRuntime` and `CreateEvent` in the botocore service models.
"""


class InvalidKey(ValueError):
    """An id is outside its grammar. The message names the field and, shortened, the value."""

    def __init__(self, *, field: str, value: object, rule: str) -> None:
        self.field = field
        super().__init__(f"{field}: {_shown(value)} is not {rule}")


def check_tier(value: object) -> str:
    """Return `value` if it is a tier name.

    Raises:
        InvalidKey: If it is no string or outside the grammar.
    """
    return _check(
        "tier", value, TIER_PATTERN, "a tier name: a lower-case letter, then 1-15 lower-case letters or digits"
    )


def check_clinic_id(value: object) -> str:
    """Return `value` if it is a clinic id.

    Raises:
        InvalidKey: If it is no string or outside the grammar.
    """
    rule = "a clinic id: 2-32 lower-case letters, digits and hyphens, no hyphen first or last"
    return _check("clinic_id", value, CLINIC_ID_PATTERN, rule)


def check_user_id(value: object) -> str:
    """Return `value` if it is a user id (Cognito's `sub`, a lower-case UUID).

    Raises:
        InvalidKey: If it is no string or outside the grammar.
    """
    return _check("user_id", value, USER_ID_PATTERN, "a lower-case UUID")


def check_session_id(value: object) -> str:
    """Return `value` if it is a session id that Runtime and Memory both accept.

    Raises:
        InvalidKey: If it is no string or outside the grammar.
    """
    rule = "a session id: 33-100 letters, digits, hyphens and underscores, starting with a letter or digit"
    return _check("session_id", value, SESSION_ID_PATTERN, rule)


def documents_prefix(clinic_id: str) -> str:
    """Build the S3 prefix of one clinic's documents. It ends with `/`: `clinic-a` must not match `clinic-ab`."""
    return f"clinics/{check_clinic_id(clinic_id)}/documents/"


def profile_key(clinic_id: str) -> str:
    """Build the S3 key of one clinic's profile."""
    return f"clinics/{check_clinic_id(clinic_id)}/profile.json"


def actor_id(clinic_id: str, user_id: str) -> str:
    """Build the memory actor of one user: what `bedrock-agentcore:actorId` is compared with."""
    return f"{check_clinic_id(clinic_id)}/{check_user_id(user_id)}"


def memory_path(clinic_id: str, user_id: str) -> str:
    """Build the namespace path below which all long-term records of one user lie, with both outer slashes.

    AgentCore stores namespaces with a leading and a trailing slash, and the IAM condition compares that form.
    """
    return f"/actors/{actor_id(clinic_id, user_id)}/"


def preferences_namespace(clinic_id: str, user_id: str) -> str:
    """Build the namespace of one user's preferences: the memory strategy's template with the actor filled in."""
    return f"{memory_path(clinic_id, user_id)}preferences/"


def tenant_key(clinic_id: str) -> dict[str, str]:
    """Build the registry key of a tenant's profile."""
    return {"pk": f"clinic#{check_clinic_id(clinic_id)}", "sk": "profile"}


def membership_key(user_id: str) -> dict[str, str]:
    """Build the registry key of a user's membership. A user belongs to one clinic at a time, so the user is the key."""
    return {"pk": f"user#{check_user_id(user_id)}", "sk": "membership"}


def _check(field: str, value: object, pattern: re.Pattern[str], rule: str) -> str:
    # fullmatch, not match with "$": "$" lets a trailing newline through.
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise InvalidKey(field=field, value=value, rule=rule)
    return value


def _shown(value: object) -> str:
    if not isinstance(value, str):
        return type(value).__name__
    return ascii(value if len(value) <= 64 else value[:61] + "...")
