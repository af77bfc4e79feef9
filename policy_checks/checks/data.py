"""The clinics' rows and documents: who may read them, and that what says so stands in the plan."""

from collections.abc import Iterable, Iterator
from typing import Final

from policy_checks import stores
from policy_checks.check import Check, Severity
from policy_checks.documents import (
    ATTACHING,
    PERMISSIONS,
    WORKS_IN,
    allows,
    attached,
    role_name,
    roles_of,
    trust,
)
from policy_checks.iam import Statement, overlap, parse, within
from policy_checks.plan import UNKNOWN, NotConcerned, Plan, Resource, Undecided

_RESOURCE_POLICIES: Final = ("aws_dynamodb_resource_policy", "aws_s3_bucket", "aws_s3_bucket_policy")
_OBJECTS: Final = (
    "s3:GetObject*",
    "s3:PutObject*",
    "s3:DeleteObject*",
    "s3:RestoreObject*",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
)
"""Actions on objects, which the ARN of the object fences."""

_LISTS: Final = ("s3:ListBucket", "s3:ListBucketVersions")
"""Actions on a bucket, which s3:prefix fences."""

_ROWS: Final = tuple(
    f"dynamodb:{name}"
    for name in (
        "BatchGetItem",
        "BatchWriteItem",
        "ConditionCheckItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "UpdateItem",
    )
)
"""Actions whose requests name partition keys, which dynamodb:LeadingKeys fences. Scan, PartiQL and exports are not."""

_ROLES: Final = {**WORKS_IN, "aws_lambda_function": "role"}

_NO_DATA: Final = (
    "s3:GetBucketLocation",
    "s3:GetBucketVersioning",
    "s3:GetEncryptionConfiguration",
    "s3:ListAllMyBuckets",
    "dynamodb:DescribeTable",
    "dynamodb:DescribeTimeToLive",
    "dynamodb:ListTables",
)
"""Actions that tell nothing of what is stored."""


def _fenced(resource: Resource, plan: Plan) -> Iterator[str]:
    found = [s for s in _allows(resource, plan) if s.touches(("s3:*", "dynamodb:*"))]
    if not found:
        return
    plan.related()
    for statement in found:
        s3, dynamodb = _of(statement, "s3"), _of(statement, "dynamodb")
        if (s3 or dynamodb) and (statement.not_resources or not statement.resources):
            yield f"{statement.name} reaches all buckets and tables that it does not name"
            continue
        for arn in statement.resources:
            if s3 and overlap(arn, "arn:*:s3:*"):
                yield from _documents(statement, arn, s3, plan)
            if dynamodb and overlap(arn, "arn:*:dynamodb:*"):
                yield from _rows(statement, arn, dynamodb, resource, plan)


def _of(statement: Statement, service: str) -> list[str]:
    """Actions of a service that concern data; a pattern for all of it if the statement names none."""
    if statement.not_actions or not statement.actions:
        return [f"{service}:*"] if statement.touches((f"{service}:*",)) else []
    return [action for action in statement.touching(f"{service}:*") if not _is_one_of(action, _NO_DATA)]


def _is_one_of(action: str, patterns: Iterable[str]) -> bool:
    return any(within(action, pattern) for pattern in patterns)


def _documents(statement: Statement, arn: str, actions: list[str], plan: Plan) -> Iterator[str]:
    place = stores.bucket_and_key(arn)
    if place is None or stores.is_pattern(place[0]):
        yield f"{statement.name} allows {', '.join(actions)} on {arn!r}, which is any bucket"
        return
    bucket, key = place
    if bucket not in stores.buckets(plan):
        return
    for action in actions:
        if _is_one_of(action, _OBJECTS):
            if key is not None and not stores.own_objects(statement, key):
                yield f"{statement.name} allows {action} on {arn!r}, which is not the caller's clinic's alone"
        elif _is_one_of(action, _LISTS):
            if not stores.own_list(statement):
                yield f"{statement.name} allows {action} on {bucket!r} without s3:prefix of the caller's clinic"
        else:
            yield f"{statement.name} allows {action} on {bucket!r}, which nothing limits to one clinic"


def _rows(statement: Statement, arn: str, actions: list[str], resource: Resource, plan: Plan) -> Iterator[str]:
    place = stores.table_in(arn)
    if place is None or stores.is_pattern(place[0]):
        yield f"{statement.name} allows {', '.join(actions)} on {arn!r}, which is any table"
    elif place[0] in stores.tables(plan) or not _is_functions(resource, plan):
        if others := [action for action in actions if not _is_one_of(action, _ROWS)]:
            yield f"{statement.name} allows {', '.join(others)} on {place[0]!r}, which nothing limits to one clinic"
        if len(others) < len(actions) and not stores.own_rows(statement):
            yield f"{statement.name} allows rows of {place[0]!r} of every clinic: LeadingKeys are not the caller's"
    elif others := [action for action in actions if action.lower() != "dynamodb:getitem"]:
        yield f"{statement.name} allows {', '.join(others)} on {place[0]!r}; a service looks up single rows (GetItem)"


def _is_functions(resource: Resource, plan: Plan) -> bool:
    """Whether a document is of functions' roles alone: nobody else gets into those."""
    roles = roles_of(resource, plan)
    return bool(roles) and all(
        statement.principals and all(one == ("Service", "lambda.amazonaws.com") for one in statement.principals)
        for role in roles
        for statement in trust(role)
        if statement.allow
    )


def _allows(resource: Resource, plan: Plan) -> Iterator[Statement]:
    if resource.type not in _RESOURCE_POLICIES:
        yield from allows(resource, plan)
        return
    if resource.type == "aws_s3_bucket" and not (plan.configured(resource, "policy") and resource.get("policy")):
        raise NotConcerned  # as a rule a bucket's policy is a resource of its own
    yield from (s for s in parse(resource.get("policy"), where="policy") if s.allow)


def _in_the_plan(resource: Resource, plan: Plan) -> Iterator[str]:
    argument = ATTACHING[resource.type]
    if resource.type == "aws_iam_role" and not (plan.configured(resource, argument) and resource.get(argument)):
        raise NotConcerned
    for attachment in attached(resource, plan):
        if attachment.policies:
            continue
        if ":aws:policy/" not in attachment.arn:
            plan.related()  # it may stand in another block
        yield f"{argument} names {attachment.arn}, which is not in this plan: no check knows what it allows"


def _known_role(resource: Resource, plan: Plan) -> Iterator[str]:
    argument = _ROLES[resource.type]
    if not plan.configured(resource, argument):
        raise NotConcerned  # a memory without a role of its own
    plan.related()
    arn = resource.get(argument)
    if arn is UNKNOWN:
        if not any(role.type == "aws_iam_role" for role in plan.references(resource, argument)):
            raise Undecided(argument)
        return
    if not arn:
        raise NotConcerned
    names = {role.get("name") for role in plan.of_type("aws_iam_role")}
    if role_name(str(arn)) not in names:
        if UNKNOWN in names:
            raise Undecided("the name of a role")
        yield f"{argument} is {arn}, which is not in this plan: no check knows what it may do"


CHECKS: Final = (
    Check(
        id="CKV_AGENTCORE_40",
        name="The clinics' rows and documents are open to their own clinic only",
        severity=Severity.CRITICAL,
        why="Buckets and tables hold all clinics. What a session may read is decided by the tag ClinicId in the ARN, "
        "in s3:prefix or in dynamodb:LeadingKeys, and by nothing else: Scan, PartiQL, exports and lists without a "
        "prefix cannot be fenced, and a table's or bucket's own policy opens it past all others.",
        fix="Objects: .../${aws:PrincipalTag/ClinicId}/*; lists: StringLike s3:prefix likewise; rows: "
        "ForAllValues:StringEquals dynamodb:LeadingKeys ${aws:PrincipalTag/ClinicId}; each with Null for the keys it "
        "uses. A function's role may look up single rows (GetItem) in a table that holds no clinic's data.",
        types=(*PERMISSIONS, *_RESOURCE_POLICIES),
        rule=_fenced,
    ),
    Check(
        id="CKV_AGENTCORE_41",
        name="Attached policies stand in the plan",
        severity=Severity.HIGH,
        why="AdministratorAccess is one line. What a policy of AWS, or of somebody else's, allows stands in no plan, "
        "and it may change: all other checks are blind to it.",
        fix="Write the statements that are needed in a policy of this plan. Attach it by "
        "aws_iam_role_policy_attachment.",
        types=tuple(ATTACHING),
        rule=_in_the_plan,
    ),
    Check(
        id="CKV_AGENTCORE_42",
        name="Runtimes, gateways and functions work in roles of the plan",
        severity=Severity.HIGH,
        why="What a role may do is checked where the role is written. One that somebody made by hand, or for something "
        "else, has never been looked at, and what runs in it has all its rights.",
        fix="Make the role in the same root module, and pass its ARN.",
        types=tuple(_ROLES),
        rule=_known_role,
    ),
)
