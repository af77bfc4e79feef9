"""Where the tenants' things are: buckets and tables of a plan, and the keys that encrypt them.

Nothing in a plan says "this is the tenants'". So a bucket or table is theirs if some policy fences it by the caller's
clinic; and so is every further bucket of the plan that holds no code, since a fence may be what is missing.
"""

import re
from collections.abc import Iterator
from typing import Final

from policy_checks.documents import PERMISSIONS, allows
from policy_checks.iam import Statement
from policy_checks.plan import UNKNOWN, NotConcerned, Plan, Resource, Undecided

CLINIC: Final = "aws:principaltag/clinicid"
_CLINIC: Final = r"\$\{aws:PrincipalTag/ClinicId\}"
_OWN_KEY: Final = re.compile(rf"(?:[^*?$]*/)?{_CLINIC}(?:/.*)?", re.IGNORECASE)
_OWN_PREFIX: Final = re.compile(rf"(?:[^*?$]*/)?{_CLINIC}/.*", re.IGNORECASE)
_ONLY_CLINIC: Final = re.compile(_CLINIC, re.IGNORECASE)
_NAME: Final = r"((?:\$\{[^}]*\}|[^/])+)"  # a variable may hold a slash
_BUCKET: Final = re.compile(rf"arn:[^:]*:s3:::{_NAME}(?:/(.*))?", re.DOTALL)
_TABLE: Final = re.compile(rf"arn:[^:]*:dynamodb:[^:]*:[^:]*:table/{_NAME}(/.*)?", re.DOTALL)
_PATTERN: Final = re.compile(r"[*?$]")


def bucket_and_key(arn: str) -> tuple[str, str | None] | None:
    """Bucket and key in an ARN, which may be a pattern; the key is None if it is the bucket itself."""
    found = _BUCKET.fullmatch(arn)
    return (found[1], found[2]) if found else None


def table_in(arn: str) -> tuple[str, bool] | None:
    """Name of the table in an ARN, and whether it is a part of it, such as an index or a stream."""
    found = _TABLE.fullmatch(arn)
    return (found[1], found[2] is not None) if found else None


def is_pattern(name: str) -> bool:
    """Whether a name may stand for several: it holds a wildcard or a variable."""
    return _PATTERN.search(name) is not None


def own_objects(statement: Statement, key: str) -> bool:
    """Whether a key or pattern of keys is the caller's clinic's alone, and that the tag is there is asked for."""
    return _OWN_KEY.fullmatch(key) is not None and CLINIC in statement.demanded()


def own_list(statement: Statement) -> bool:
    """Whether a list of a bucket's keys ends at what is the caller's clinic's."""
    return CLINIC in statement.demanded() and any(
        c.binds
        and c.operator in ("stringequals", "stringlike")
        and c.values
        and all(_OWN_PREFIX.fullmatch(value) for value in c.values)
        for c in statement.on("s3:prefix")
    )


def own_rows(statement: Statement) -> bool:
    """Whether rows are those whose partition key is the caller's clinic."""
    return {CLINIC, "dynamodb:leadingkeys"} <= statement.demanded() and any(
        not c.if_exists
        and c.qualifier != "foranyvalue"  # one row of the clinic would open all others in the same request
        and c.operator in ("stringequals", "stringlike")
        and c.values
        and all(_ONLY_CLINIC.fullmatch(value) for value in c.values)
        for c in statement.on("dynamodb:LeadingKeys")
    )


def buckets(plan: Plan) -> dict[str, str]:
    """ARN of each of the tenants' buckets, by name."""
    found = {}
    for statement in _allows(plan):
        for arn in statement.resources:
            place = bucket_and_key(arn)
            if place is None or is_pattern(place[0]):
                continue
            if own_objects(statement, place[1] or "") or own_list(statement):
                found[place[0]] = arn.partition("/")[0]
    code = set(_code_buckets(plan))
    for bucket in plan.of_type("aws_s3_bucket"):
        name, arn = bucket.get("bucket"), bucket.get("arn")
        if isinstance(name, str) and name not in code:
            found.setdefault(name, arn if isinstance(arn, str) else f"arn:aws:s3:::{name}")
    return found


def tables(plan: Plan) -> set[str]:
    """Names of the tenants' tables: those that some policy fences, or whose partition key says so."""
    found = {
        table.get("name")
        for table in plan.of_type("aws_dynamodb_table")
        if re.search("clinic|tenant", str(table.get("hash_key")), re.IGNORECASE) and isinstance(table.get("name"), str)
    }
    for statement in _allows(plan):
        if statement.on("dynamodb:LeadingKeys"):
            found |= {place[0] for arn in statement.resources if (place := table_in(arn))}
    return found


def keys(plan: Plan) -> set[str]:
    """ARNs of the keys of tables, and of the tenants' buckets, as far as they are known."""
    found = [table.get("server_side_encryption", "kms_key_arn") for table in plan.of_type("aws_dynamodb_table")]
    own = buckets(plan)
    for block in plan.of_type("aws_s3_bucket_server_side_encryption_configuration"):
        path = ("rule", 0, "apply_server_side_encryption_by_default", "kms_master_key_id")
        if block.get("bucket") in own:
            found.append(block.get(*path))
    return {arn for arn in found if isinstance(arn, str)}


def unnamed(plan: Plan) -> Resource | None:
    """A bucket of the plan whose name is unknown."""
    return next((b for b in plan.of_type("aws_s3_bucket") if b.get("bucket") is UNKNOWN), None)


def _allows(plan: Plan) -> Iterator[Statement]:
    for resource in plan.of_type(*PERMISSIONS):
        try:
            yield from list(allows(resource, plan))
        except (NotConcerned, Undecided, ValueError):
            continue  # the checks of that document say so


def _code_buckets(plan: Plan) -> Iterator[str]:
    """Buckets that code is taken from."""
    path = ("agent_runtime_artifact", "code_configuration", "code", "s3", "bucket")
    for runtime in plan.of_type("aws_bedrockagentcore_agent_runtime"):
        if isinstance(name := runtime.get(*path), str):
            yield name
    for function in plan.of_type("aws_lambda_function"):
        if isinstance(name := function.get("s3_bucket"), str):
            yield name
