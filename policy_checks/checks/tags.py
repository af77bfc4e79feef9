"""Policies that lean on session tags."""

import re
from collections.abc import Iterator
from typing import Final

from policy_checks.check import Check, Severity
from policy_checks.documents import PERMISSIONS, allows
from policy_checks.iam import PRINCIPAL_TAG
from policy_checks.plan import Plan, Resource


def _separated(resource: Resource, plan: Plan) -> Iterator[str]:
    for statement in allows(resource, plan):
        for text in statement.texts():
            if not PRINCIPAL_TAG.search(text):
                continue
            literal = PRINCIPAL_TAG.sub("\x00", text)
            first = literal.index("\x00")
            if re.search(r"[*?]", literal[:first]):
                yield f"{statement.name}: {text!r} has a wildcard before the tag, so the tag may stand anywhere"
            elif re.search(r"\x00[^/].*[*?]|\x00[*?\x00]", literal, re.DOTALL):
                yield f"{statement.name}: {text!r} goes on without a slash, so clinic-a meets clinic-ab"
            elif re.search(r"[^/][*?]", literal[first:]):
                yield f"{statement.name}: {text!r} has a wildcard that does not stand behind a slash"


def _present(resource: Resource, plan: Plan) -> Iterator[str]:
    for statement in allows(resource, plan):
        used = {f"aws:principaltag/{tag.lower()}" for text in statement.texts() for tag in PRINCIPAL_TAG.findall(text)}
        if missing := sorted(used - statement.demanded()):
            yield f"{statement.name} does not ask that {', '.join(missing)} is there"


def _not_vacuous(resource: Resource, plan: Plan) -> Iterator[str]:
    for statement in allows(resource, plan):
        demanded = statement.demanded()
        for condition in statement.conditions:
            if condition.qualifier == "forallvalues" and condition.key not in demanded:
                yield f"{statement.name}: ForAllValues on {condition.key} also holds for a request without it"


CHECKS: Final = (
    Check(
        id="CKV_AGENTCORE_11",
        name="Behind a tenant's tag a wildcard stands after a slash",
        severity=Severity.CRITICAL,
        why="A tag is compared as text: clinics/${aws:PrincipalTag/ClinicId}* also meets the files of a clinic "
        "whose id "
        "is longer.",
        fix="End patterns with /*, and put no wildcard before the tag.",
        types=PERMISSIONS,
        rule=_separated,
    ),
    Check(
        id="CKV_AGENTCORE_12",
        name="A statement that uses a caller's tag asks that the tag is there",
        severity=Severity.MEDIUM,
        why="IAM denies what an unset variable leaves open today. Null says it in the policy, where a reader, a "
        "simulator and a changed operator cannot miss it.",
        fix='Add Null = { "aws:PrincipalTag/<Tag>" = "false" } for each tag that the statement uses.',
        types=PERMISSIONS,
        rule=_present,
    ),
    Check(
        id="CKV_AGENTCORE_13",
        name="ForAllValues comes with a Null test of its key",
        severity=Severity.HIGH,
        why="ForAllValues is true of an empty set: a request without dynamodb:LeadingKeys passes, and reads all rows.",
        fix='Add Null = { "<key>" = "false" } to the statement.',
        types=PERMISSIONS,
        rule=_not_vacuous,
    ),
)
