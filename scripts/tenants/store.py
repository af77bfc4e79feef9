"""The stores that hold a tenant: registry and patients in DynamoDB, users in Cognito, profile and documents in S3.

Every write here adds something, or is conditional on what it replaces, so each operation may be repeated.
"""

import random
import secrets
import string
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import boto3
from boto3.dynamodb.types import TypeSerializer
from botocore.config import Config

from clinic_agent.keys import documents_prefix, membership_key, profile_key, tenant_key
from scripts.tenants.data import Document, Patient, Profile
from scripts.tenants.settings import PlatformSettings

ONBOARDING: Final = "ONBOARDING"
OFFBOARDED: Final = "OFFBOARDED"
"""Status of a tombstone: the id of a removed tenant is never given away again, old tokens and backups still name it."""

BATCH_ITEMS: Final = 25
"""Most items of one BatchWriteItem. Source: DynamoDB API reference."""
BATCH_ATTEMPTS: Final = 8
UPLOAD_THREADS: Final = 4
_SYMBOLS: Final = "-_.+=!"


class OnboardError(Exception):
    """The tenant can't be added as asked. The message says what stands in the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformClients:
    """boto3 clients, which threads may share."""

    dynamodb: Any
    cognito: Any
    s3: Any

    @classmethod
    def connect(cls, settings: PlatformSettings) -> "PlatformClients":
        """Make the clients: on AWS with the operator's credentials, on the laptop as the emulator's root."""
        local = settings.on_laptop
        # The laptop has one root user. Never the operator's own keys: they have no business in an emulator.
        root = {"aws_access_key_id": "test", "aws_secret_access_key": "test"} if local else {}
        session = boto3.Session(region_name=settings.region, **root)
        config = Config(
            max_pool_connections=32,
            retries={"mode": "standard", "total_max_attempts": 4},
            # The emulator has no host name per bucket.
            s3={"addressing_style": "path"} if local else None,
        )
        made = {
            name: session.client(service, endpoint_url=settings.aws_endpoint_url, config=config)
            for name, service in (("dynamodb", "dynamodb"), ("cognito", "cognito-idp"), ("s3", "s3"))
        }
        return cls(**made)


def make_password() -> str:
    """Make a password of 24 characters that meets the user pool's policy: upper, lower, digit, symbol."""
    # One of each kind in front, so that no draw can miss a kind; the rest carries 120 bits.
    kinds = (string.ascii_uppercase, string.ascii_lowercase, string.digits, _SYMBOLS)
    return "".join(secrets.choice(kind) for kind in kinds) + secrets.token_urlsafe(15)


class TenantStore:
    """Adds tenants and what belongs to them. Holds no state of its own; threads may share it."""

    def __init__(
        self, *, clients: PlatformClients, settings: PlatformSettings, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clients = clients
        self._settings = settings
        self._sleep = sleep
        self._serialize = TypeSerializer().serialize

    def claim_tenant(
        self, *, clinic_id: str, name: str, tier: str, status: str, created_at: str, details: Mapping[str, Any]
    ) -> tuple[str, bool]:
        """Write the profile as ONBOARDING unless there is one.

        Args:
            clinic_id: The tenant.
            name: For people.
            tier: Its service plan.
            status: What the tenant is to end with. A profile with this status is complete.
            created_at: ISO 8601 time in UTC.
            details: Further attributes; empty ones are left out.

        Returns:
            The status that the profile has now, and whether it is new.

        Raises:
            OnboardError: If the id belongs to an offboarded tenant, or to one with another name, tier or status.
        """
        key = tenant_key(clinic_id)
        profile = {
            **key,
            "clinic_id": clinic_id,
            "name": name,
            "tier": tier,
            "status": ONBOARDING,
            "created_at": created_at,
            **{field: value for field, value in details.items() if value},
        }
        if self._put_if_absent(profile):
            return ONBOARDING, True
        found = self._get(key)
        if found.get("status") == OFFBOARDED:
            raise OnboardError(
                f"clinic_id: {clinic_id!r} was offboarded; the id of a removed tenant is never used again"
            )
        for field, wanted in (("name", name), ("tier", tier)):
            if found.get(field) != wanted:
                raise OnboardError(f"clinic_id: {clinic_id!r} exists with {field} {found.get(field)!r}, not {wanted!r}")
        if found["status"] not in (ONBOARDING, status):
            # Lifting or setting a suspension is a decision of its own, not a side effect.
            raise OnboardError(
                f"clinic_id: {clinic_id!r} exists and is {found['status']}; onboarding does not change that"
            )
        return found["status"], False

    def finish_tenant(self, clinic_id: str, status: str) -> None:
        """Turn an ONBOARDING profile into `status`.

        Raises:
            OnboardError: If somebody else changed the status meanwhile.
        """
        try:
            self._clients.dynamodb.update_item(
                TableName=self._settings.registry_table,
                Key=self._item(tenant_key(clinic_id)),
                UpdateExpression="SET #status = :status",
                ConditionExpression="#status = :onboarding",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={":status": {"S": status}, ":onboarding": {"S": ONBOARDING}},
            )
        except self._clients.dynamodb.exceptions.ConditionalCheckFailedException:
            raise OnboardError(
                f"clinic_id: the status of {clinic_id!r} was changed by somebody else meanwhile"
            ) from None

    def ensure_user(self, username: str, *, name: str | None, invite: bool) -> tuple[str, bool]:
        """Create a user in Cognito unless there is one.

        Args:
            username: E-mail address. It counts as verified: the invitation or the operator vouches for it.
            name: For people.
            invite: Send an e-mail with a temporary password.

        Returns:
            The user id (`sub`), and whether the user is new.
        """
        attributes = [{"Name": "email", "Value": username}, {"Name": "email_verified", "Value": "true"}]
        if name:
            attributes.append({"Name": "name", "Value": name})
        # Without an invitation nobody learns the temporary password: somebody sets another before the first sign-in.
        silent = {"MessageAction": "SUPPRESS", "TemporaryPassword": make_password()}
        delivery = {"DesiredDeliveryMediums": ["EMAIL"]} if invite else silent
        pool = self._settings.user_pool_id
        try:
            user = self._clients.cognito.admin_create_user(
                UserPoolId=pool, Username=username, UserAttributes=attributes, **delivery
            )["User"]
            return _sub(user["Attributes"]), True
        except self._clients.cognito.exceptions.UsernameExistsException:
            found = self._clients.cognito.admin_get_user(UserPoolId=pool, Username=username)
            return _sub(found["UserAttributes"]), False

    def set_password(self, username: str, password: str) -> None:
        """Set a permanent password. Setting the same one again does no harm."""
        self._clients.cognito.admin_set_user_password(
            UserPoolId=self._settings.user_pool_id, Username=username, Password=password, Permanent=True
        )

    def ensure_membership(self, *, user_id: str, username: str, clinic_id: str, role: str) -> bool:
        """Write a membership unless there is one; says whether it is new.

        Raises:
            OnboardError: If the user belongs to another clinic, or has another role.
        """
        key = membership_key(user_id)
        wanted = {"user_id": user_id, "clinic_id": clinic_id, "role": role}
        if self._put_if_absent({**key, **wanted, "status": "ACTIVE"}):
            return True
        found = self._get(key)
        for field in ("clinic_id", "role"):
            if found.get(field) != wanted[field]:
                # The other clinic's id stays out of the message: an operator of one tenant may read it.
                raise OnboardError(f"user: {username!r} has a membership with another {field} already")
        return False

    def ensure_profile(self, *, clinic_id: str, name: str, profile: Profile) -> bool:
        """Write what the assistant tells about the clinic unless it is there; says whether it is new.

        An existing one stays as it is: the clinic may have changed its hours since.
        """
        bucket, key = self._settings.documents_bucket, profile_key(clinic_id)
        listed = self._clients.s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
        if any(item["Key"] == key for item in listed.get("Contents", ())):
            return False
        body = profile.document(clinic_id=clinic_id, name=name).encode()
        self._clients.s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
        return True

    def add_documents(self, clinic_id: str, documents: Sequence[Document]) -> int:
        """Upload the documents whose keys are not taken; returns how many. Existing ones stay as they are."""
        if not documents:
            return 0
        bucket, prefix = self._settings.documents_bucket, documents_prefix(clinic_id)
        pages = self._clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        taken = {item["Key"] for page in pages for item in page.get("Contents", ())}
        missing = {f"{prefix}{d.document_id}.md": d for d in documents if f"{prefix}{d.document_id}.md" not in taken}

        def upload(key: str) -> None:
            body = missing[key].text.encode()
            self._clients.s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="text/markdown; charset=utf-8")

        with ThreadPoolExecutor(UPLOAD_THREADS) as pool:
            list(pool.map(upload, missing))  # list: a failed upload raises here
        return len(missing)

    def add_patients(self, clinic_id: str, patients: Sequence[Patient]) -> int:
        """Write the patients whose ids are not taken; returns how many. Existing rows stay: the clinic uses them."""
        if not patients:
            return 0
        table = self._settings.patients_table
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=table,
            KeyConditionExpression="clinic_id = :clinic",
            ExpressionAttributeValues={":clinic": {"S": clinic_id}},
            ProjectionExpression="patient_id",
            ConsistentRead=True,
        )
        taken = {item["patient_id"]["S"] for page in pages for item in page["Items"]}
        requests = [
            {"PutRequest": {"Item": self._item(_patient_row(clinic_id, patient))}}
            for patient in patients
            if patient.patient_id not in taken
        ]
        for start in range(0, len(requests), BATCH_ITEMS):
            self._write_batch(table, requests[start : start + BATCH_ITEMS])
        return len(requests)

    def _write_batch(self, table: str, requests: list[dict[str, Any]]) -> None:
        for attempt in range(BATCH_ATTEMPTS):
            answer = self._clients.dynamodb.batch_write_item(RequestItems={table: requests})
            requests = answer.get("UnprocessedItems", {}).get(table, [])
            if not requests:
                return
            # BatchWriteItem succeeds even if it was throttled half-way: botocore does not retry what it left over.
            self._sleep(random.uniform(0.5, 1.0) * 0.05 * 2**attempt)  # noqa: S311
        raise OnboardError(f"patients: DynamoDB left {len(requests)} rows unwritten after {BATCH_ATTEMPTS} attempts")

    def _put_if_absent(self, item: Mapping[str, Any]) -> bool:
        try:
            self._clients.dynamodb.put_item(
                TableName=self._settings.registry_table,
                Item=self._item(item),
                ConditionExpression="attribute_not_exists(pk)",
            )
        except self._clients.dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _get(self, key: Mapping[str, str]) -> dict[str, str]:
        """Return the text attributes of a registry row."""
        answer = self._clients.dynamodb.get_item(
            TableName=self._settings.registry_table, Key=self._item(key), ConsistentRead=True
        )
        if "Item" not in answer:
            raise OnboardError("registry: a row disappeared while it was read; run the command again")
        return {name: value["S"] for name, value in answer["Item"].items() if "S" in value}

    def _item(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._serialize(value) for name, value in values.items()}


def _patient_row(clinic_id: str, patient: Patient) -> dict[str, Any]:
    return {
        "clinic_id": clinic_id,
        "patient_id": patient.patient_id,
        "name": patient.name,
        "birth_year": patient.birth_year,
        "sex": patient.sex,
        "conditions": list(patient.conditions),
        "allergies": list(patient.allergies),
        "medications": list(patient.medications),
        "last_visit": patient.last_visit.isoformat(),
        "last_visit_reason": patient.last_visit_reason,
        "provider": patient.provider,
    }


def _sub(attributes: Sequence[Mapping[str, str]]) -> str:
    return next(attribute["Value"] for attribute in attributes if attribute["Name"] == "sub")
