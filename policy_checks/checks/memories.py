"""Memories: in IAM each user is fenced by namespace and actor, and templates make namespaces that can be fenced."""

import re
from collections.abc import Iterator
from typing import Final

from policy_checks.check import Check, Severity
from policy_checks.documents import PERMISSIONS, allows
from policy_checks.iam import Condition, Statement
from policy_checks.plan import Plan, Resource, listed

SERVICE: Final = "bedrock-agentcore:"
BY_ACTOR: Final = tuple(SERVICE + name for name in ("CreateEvent", "GetEvent", "ListEvents", "ListSessions"))
BY_NAMESPACE: Final = tuple(SERVICE + name for name in ("ListMemoryRecords", "RetrieveMemoryRecords"))
UNFENCED: Final = tuple(
    SERVICE + name
    for name in (
        "BatchCreateMemoryRecords",
        "BatchDeleteMemoryRecords",
        "BatchUpdateMemoryRecords",
        "DeleteEvent",
        "DeleteMemoryRecord",
        "GetMemoryRecord",
        "IngestData",
        "ListActors",
        "ListMemoryExtractionJobs",
        "StartMemoryExtractionJob",
    )
)
"""Actions whose requests name no owner that a condition could compare, or whose condition keys nobody tried live."""
DATA: Final = (*BY_ACTOR, *BY_NAMESPACE, *UNFENCED)

_OWNER: Final = re.compile(
    r"(?:/?[^*?$]*/)?\$\{aws:PrincipalTag/ClinicId\}/(?:[^*?$]*/)?\$\{aws:PrincipalTag/UserId\}(?:/.*)?", re.IGNORECASE
)
"""What is one user's: parts of their own for clinic and user, with nothing open before them."""

_MEMORY_ARN: Final = re.compile(r"arn:[^:*?]+:bedrock-agentcore:[^:*?]+:[^:*?]+:memory/[^*?/]+")


def _exact(resource: Resource, plan: Plan) -> Iterator[str]:
    for statement in allows(resource, plan):
        if not statement.covered(DATA):
            continue
        if statement.not_resources or not statement.resources:
            yield f"{statement.name} names no memory"
        for arn in statement.resources:
            if not _MEMORY_ARN.fullmatch(arn):
                yield f"{statement.name} allows memory actions on {arn!r}, which is no single memory"


def _fenced(resource: Resource, plan: Plan) -> Iterator[str]:
    for statement in allows(resource, plan):
        if statement.covered(BY_ACTOR):
            yield from _fence(statement, keys=("actorid",), what="events")
        if statement.covered(BY_NAMESPACE):
            yield from _fence(statement, keys=("namespace", "namespacepath"), what="records")


def _fence(statement: Statement, *, keys: tuple[str, ...], what: str) -> Iterator[str]:
    conditions = [c for key in keys for c in statement.on(SERVICE + key)]
    binding = [c for c in conditions if c.binds and c.operator in ("stringequals", "stringlike")]
    if not binding:
        yield f"{statement.name} allows {what} of everybody: no StringEquals or StringLike on {' or '.join(keys)}"
    for condition in binding:
        for value in condition.values:
            if problem := _open(condition, value):
                yield f"{statement.name}: {condition.key} {value!r} {problem}"


def _open(condition: Condition, value: str) -> str:
    """Say what is wrong with a fence, nothing if it holds."""
    if not _OWNER.fullmatch(value):
        return "is not one user's: ClinicId and UserId of the caller's tags must be parts of it, in this order"
    if condition.operator == "stringequals":
        return ""
    start, star, rest = value.partition("*")
    if "?" in value or rest or (star and not start.endswith("/")):
        return "reaches further than one owner: * may only stand at the end, behind a slash"
    return ""


def _unfenceable(resource: Resource, plan: Plan) -> Iterator[str]:
    for statement in allows(resource, plan):
        if found := statement.covered(UNFENCED):
            yield f"{statement.name} allows {', '.join(found)}"


def _templates(resource: Resource, plan: Plan) -> Iterator[str]:
    found: list[str] = []
    for name in ("namespace_templates", "namespaces"):
        found += listed(plan.given(resource, name), what=name)
    if not found:
        yield "neither namespace_templates nor namespaces is set: the default is the service's, and no policy knows it"
    for template in found:
        if not (template.startswith("/") and template.endswith("/")):
            yield f"namespace {template!r} does not begin and end with a slash, so a pattern for one owner meets others"
        if "{actorId}" not in template.split("/"):
            yield f"namespace {template!r} has no part {{actorId}} of its own, so owners share it"
        if re.search(r"[*?]", template):
            yield f"namespace {template!r} holds a wildcard"


CHECKS: Final = (
    Check(
        id="CKV_AGENTCORE_7",
        name="Memory actions are allowed on single memories",
        severity=Severity.HIGH,
        why="A pattern such as memory/clinic* also meets memories that are made later, of other tiers and other "
        "systems.",
        fix="Name the tier's memory by its whole ARN.",
        types=PERMISSIONS,
        rule=_exact,
    ),
    Check(
        id="CKV_AGENTCORE_8",
        name="Memory actions are fenced to the caller's own actor or namespace, by clinic and user",
        severity=Severity.CRITICAL,
        why="The service takes any actor and any namespace. What keeps a tenant out of another's is the condition: "
        "/actors/a* also meets /actors/ab, StringLike * meets all, a tag that many share (Tier) meets all of those, "
        "IfExists and ForAllValues pass without the key.",
        fix="StringEquals on actorId, StringLike on namespace and namespacePath, each with "
        "${aws:PrincipalTag/ClinicId}/${aws:PrincipalTag/UserId}, and * behind a slash at the end only.",
        types=PERMISSIONS,
        rule=_fenced,
    ),
    Check(
        id="CKV_AGENTCORE_9",
        name="Memory actions that no condition can fence are not allowed",
        severity=Severity.HIGH,
        why="ListActors and the extraction jobs have no condition key, and requests by record id name no owner: "
        "allowed, they reach every tenant of the memory.",
        fix="Leave these actions out, wildcards such as bedrock-agentcore:* too.",
        types=PERMISSIONS,
        rule=_unfenceable,
    ),
    Check(
        id="CKV_AGENTCORE_10",
        name="Namespaces of a memory strategy separate their owners",
        severity=Severity.HIGH,
        why="A template without {actorId}, or one that does not end with a slash, puts records where a policy for one "
        "owner cannot keep another out.",
        fix="Write namespace_templates such as /actors/{actorId}/preferences/.",
        types=("aws_bedrockagentcore_memory_strategy",),
        rule=_templates,
    ),
)
