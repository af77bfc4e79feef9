"""Log groups."""

from collections.abc import Iterator
from typing import Final

from policy_checks.check import Check, Severity
from policy_checks.plan import Plan, Resource

_GROUP: Final = ("aws_cloudwatch_log_group",)
YEAR_DAYS: Final = 365
"""How long production keeps logs at least: what happened in a quarter is asked for at the end of the year."""


def _retention(resource: Resource, plan: Plan) -> Iterator[str]:
    if not resource.known("retention_in_days"):
        yield "retention_in_days is not set, so logs are kept for ever"


def _own_key(resource: Resource, plan: Plan) -> Iterator[str]:
    key = resource.known("kms_key_id")
    if not key:
        yield "kms_key_id is not set"
    elif "alias/aws/" in str(key):
        yield f"kms_key_id is {key}, a key of AWS, which nobody can disable"


def _a_year(resource: Resource, plan: Plan) -> Iterator[str]:
    days = resource.known("retention_in_days") or 0  # 0: for ever, which CKV_AGENTCORE_27 is about
    if 0 < days < YEAR_DAYS:
        yield f"retention_in_days is {days}, less than {YEAR_DAYS}"


CHECKS: Final = (
    Check(
        id="CKV_AGENTCORE_27",
        name="A log group says how long it keeps logs",
        severity=Severity.MEDIUM,
        why="Logs tell which clinic did what and when. Kept without end they are data that nobody deletes.",
        fix="Set retention_in_days.",
        types=_GROUP,
        rule=_retention,
    ),
    Check(
        id="CKV_AGENTCORE_28",
        name="Log groups of production are encrypted with a key of their own",
        severity=Severity.MEDIUM,
        why="With a customer managed key, reading logs also takes a right to the key, and its use is recorded.",
        fix="Set kms_key_id (variable log_kms_key_arn).",
        types=_GROUP,
        rule=_own_key,
        production=True,
    ),
    Check(
        id="CKV_AGENTCORE_39",
        name="Production keeps its logs for a year",
        severity=Severity.MEDIUM,
        why="Access to another tenant's data may come to light late; without logs nobody can tell whose data it was.",
        fix=f"Set retention_in_days to {YEAR_DAYS} or more (variable log_retention_days).",
        types=_GROUP,
        rule=_a_year,
        production=True,
    ),
)
