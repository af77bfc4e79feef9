"""Who may do what: policy documents, permissions, attachments; and what of that kind nobody here can read."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from scripts.plans.cedar_statements import read_cedar
from scripts.plans.changes import WORDS, ResourceChange
from scripts.plans.guarded_settings import UNKNOWN, at
from scripts.plans.statement_diff import Line, StatementChange, diff_statements
from scripts.plans.statements import NotAPolicy, Statement, read_permission, read_policy

Done = Literal["create", "update", "delete"]

_POLICIES: Final[Mapping[str, Mapping[str, str]]] = {
    "aws_iam_role": {"assume_role_policy": "trust policy", "inline_policy.policy": "inline policies"},
    "aws_iam_role_policy": {"policy": "IAM policy"},
    "aws_iam_user_policy": {"policy": "IAM policy"},
    "aws_iam_group_policy": {"policy": "IAM policy"},
    "aws_iam_policy": {"policy": "IAM policy"},
    "aws_s3_bucket_policy": {"policy": "bucket policy"},
    "aws_kms_key": {"policy": "key policy"},
    "aws_kms_key_policy": {"policy": "key policy"},
    "aws_bedrockagentcore_resource_policy": {"policy": "resource policy"},
    "aws_sns_topic_policy": {"policy": "topic policy"},
    "aws_sqs_queue_policy": {"policy": "queue policy"},
    "aws_cloudwatch_log_resource_policy": {"policy_document": "resource policy"},
    "aws_dynamodb_resource_policy": {"policy": "resource policy"},
    "aws_vpc_endpoint": {"policy": "endpoint policy"},
    "aws_xray_resource_policy": {"policy_document": "resource policy"},
}
_CEDAR: Final = "aws_bedrockagentcore_policy"
_PERMISSION: Final = "aws_lambda_permission"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attachment:
    """Arguments of a type that gives something to somebody."""

    what: str
    given: str  # argument with what is given
    to: Mapping[str, str]  # arguments with those who get it, and the words for them
    exclusive: bool = False  # takes away what others give


def _attachments() -> Iterator[tuple[str, _Attachment]]:
    for kind in ("role", "user", "group"):
        start = f"aws_iam_{kind}"
        yield (
            f"{start}_policy_attachment",
            _Attachment(what="attached policy", given="policy_arn", to={kind: kind}),
        )
        for suffix, what, given in (
            ("policy_attachments", "attached policies", "policy_arns"),
            ("policies", "names of inline policies", "policy_names"),
        ):
            yield (
                f"{start}_{suffix}_exclusive",
                _Attachment(what=f"{what}, and no others", given=given, to={f"{kind}_name": kind}, exclusive=True),
            )
    everybody = {"roles": "role", "users": "user", "groups": "group"}
    yield "aws_iam_policy_attachment", _Attachment(what="attached policy", given="policy_arn", to=everybody)
    yield "aws_iam_role", _Attachment(what="attached policies", given="managed_policy_arns", to={"name": "role"})
    yield "aws_iam_group_membership", _Attachment(what="members", given="group", to={"users": "user"})
    yield "aws_iam_user_group_membership", _Attachment(what="groups", given="groups", to={"user": "user"})
    yield "aws_iam_instance_profile", _Attachment(what="role", given="role", to={"name": "instance profile"})


_ATTACHMENTS: Final = dict(_attachments())

_GRANTING: Final = frozenset(
    {
        "access",
        "acl",
        "cloudformation",
        "credential",
        "credentials",
        "grant",
        "grants",
        "iam",
        "identitystore",
        "lakeformation",
        "organizations",
        "permission",
        "permissions",
        "policies",
        "policy",
        "principal",
        "principals",
        "ram",
        "role",
        "roles",
        "rolesanywhere",
        "sso",
        "ssoadmin",
        "verifiedpermissions",
    }
)
"""Words in the name of a type that decides, or may decide, who may do what."""
_READ: Final = frozenset({*_POLICIES, *_ATTACHMENTS, _CEDAR, _PERMISSION, "aws_s3_bucket_public_access_block"})
_NO_GRANTS: Final = frozenset(
    {
        "aws_appautoscaling_policy",
        "aws_autoscaling_policy",
        "aws_bedrockagentcore_policy_engine",  # a name; its policies and where it is in force are read
        "aws_cloudfront_cache_policy",
        "aws_cloudfront_origin_request_policy",
        "aws_cloudfront_response_headers_policy",
        "aws_dlm_lifecycle_policy",
        "aws_ecr_lifecycle_policy",
    }
)
_NAMED_POLICY: Final = re.compile(r"(?:\w+_)?(?:policy|policies)(?:_documents?|_json|_text)?")
_NO_POLICY: Final = frozenset(
    {
        "deletion_policy",
        "delivery_policy",
        "lifecycle_policy",
        "password_policy",
        "redrive_allow_policy",
        "redrive_policy",
        "retention_policy",
        "retry_policy",
        "update_policy",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """A policy that is made, changed or removed."""

    address: str
    what: str  # such as trust policy
    action: Done
    statements: int | None  # how many there are afterwards; None where that is not known, or there are none to count
    unread: str = ""  # why its text is not compared: not known yet, sensitive, no policy; or what is attached
    invented: bool = False  # ids in it were filled in by a recorded apply
    wide_spots: tuple[str, ...] = ()
    changes: tuple[StatementChange, ...] = ()

    @property
    def wider(self) -> bool:
        """Whether it permits more than before."""
        return any(change.wider for change in self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadGrant:
    """A resource that may decide who may do what, and whose arguments nobody here can read."""

    address: str
    type: str
    action: str
    arguments: tuple[str, ...]  # that change; their values are in the plan


def find_policies(changes: Sequence[ResourceChange]) -> list[PolicyChange]:
    """Find each policy, permission or attachment that changes, in order."""
    found = [policy for change in changes for policy in _policies(change)]
    return sorted(found, key=lambda policy: (policy.address, policy.what))


def find_unread(changes: Sequence[ResourceChange]) -> Iterator[UnreadGrant]:
    """Find what may change who may do what in a way that `find_policies` cannot tell."""
    for change in changes:
        if change.action in (None, "forget") or change.type in _READ | _NO_GRANTS:
            continue
        if _GRANTING.isdisjoint(change.type.split("_")):
            continue
        arguments = {n for n in {*change.before, *change.after} if change.before.get(n) != change.after.get(n)}
        if change.action == "update" and arguments <= {"tags", "tags_all"}:
            continue
        if _documents(change.before) or _documents(change.after):  # its policy is among those that are compared
            continue
        yield UnreadGrant(
            address=change.address, type=change.type, action=str(change.action), arguments=tuple(sorted(arguments))
        )


def _policies(change: ResourceChange) -> Iterator[PolicyChange]:
    if change.action in (None, "forget"):  # what is forgotten stays as it is
        return
    action: Done = "update"
    if change.action in ("create", "delete"):
        action = "create" if change.action == "create" else "delete"
    if change.type == _CEDAR:
        path = "definition.cedar.statement"
        texts = [[text] if (text := at(values, path)) else [] for values in (change.before, change.after)]
        yield from _policy(change, "Cedar policy", action, *texts, read=read_cedar, argument="definition")
        return
    if change.type == _PERMISSION:
        yield from _permission(change, action)
        return
    if attachment := _ATTACHMENTS.get(change.type):
        yield from _attached(change, action, attachment)
    old, new = _documents(change.before), _documents(change.after)
    places = {*old, *new, *_POLICIES.get(change.type, {})}
    hidden = [_hidden(values, places, change.configured) for values in (change.before, change.after)]
    for documents, words in zip((old, new), hidden, strict=True):
        for path, word in words:
            documents.setdefault(path, []).append(word)
    known = _POLICIES.get(change.type, {})
    for path in dict.fromkeys([*old, *new]):
        what = known.get(path) or path.replace("_", " ")
        top = path.partition(".")[0]
        yield from _policy(change, what, action, old.get(path, []), new.get(path, []), read=read_policy, argument=top)


def _documents(values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Policy documents by where they are: dotted names, without the numbers of blocks. One place may hold several."""
    found: dict[str, list[Any]] = {}

    def look(value: Any, path: str) -> None:
        if isinstance(value, str):
            if '"statement"' not in value.casefold():
                return
            try:
                value = json.loads(value)
            except ValueError:
                return
        if isinstance(value, Mapping):
            if any(str(name).casefold() == "statement" for name in value):
                found.setdefault(path, []).append(value)
                return
            for name, inner in value.items():
                look(inner, f"{path}.{name}" if path else str(name))
        elif isinstance(value, list):
            for inner in value:
                look(inner, path)

    look(values, "")
    return found


def _hidden(
    values: Mapping[str, Any], places: set[str], configured: frozenset[str] | None
) -> Iterator[tuple[str, str]]:
    """Words that stand where a policy is, or may well be: not known yet, or sensitive."""

    def look(value: Any, path: str) -> Iterator[tuple[str, str]]:
        if isinstance(value, Mapping):
            for name, inner in value.items():
                yield from look(inner, f"{path}.{name}" if path else str(name))
        elif isinstance(value, list):
            for inner in value:
                yield from look(inner, path)
        elif isinstance(value, str) and value in WORDS:
            inside = next((place for place in sorted(places) if place.startswith(f"{path}.")), None)
            name = path.rpartition(".")[2]
            if path in places:
                yield path, value
            # What the sources do not set, the service fills in: as a rule with what is there anyway.
            elif value == UNKNOWN and configured is not None and path.partition(".")[0] not in configured:
                return
            elif inside is not None:
                yield inside, value
            elif _NAMED_POLICY.fullmatch(name) and name not in _NO_POLICY:
                yield path, value

    yield from look(values, "")


def _policy(
    change: ResourceChange,
    what: str,
    action: Done,
    before: Sequence[Any],
    after: Sequence[Any],
    *,
    read: Callable[[Any], list[Statement]],
    argument: str,
) -> Iterator[PolicyChange]:
    """Compare all documents of one place: together they are what it permits."""
    if _same(before, after):
        return
    if action == "update" and not before:
        action = "create"
    if action == "update" and not after:
        action = "delete"
    words = [value for value in (*before, *after) if _is_word(value)]
    if words:
        unread = "known only after the apply" if UNKNOWN in words else "sensitive, so not shown"
        yield PolicyChange(address=change.address, what=what, action=action, statements=None, unread=unread)
        after = [document for document in after if not _is_word(document)]
        if not after:  # nothing is known of the new one, so nothing can be compared
            return
        before = [document for document in before if not _is_word(document)]
    try:
        old = [statement for document in before for statement in read(document)]
        new = [statement for document in after for statement in read(document)]
    except NotAPolicy as failure:
        unread = f"not readable ({failure})"
        yield PolicyChange(address=change.address, what=what, action=action, statements=None, unread=unread)
        return
    changes = diff_statements(old, new)
    if action == "update":
        changes = (*_version(before, after), *changes)
    if changes or action != "update":
        yield _read_change(change, what, action, new, changes, invented=argument in change.invented)


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and value in WORDS


def _same(before: Sequence[Any], after: Sequence[Any]) -> bool:
    one, other = (sorted(json.dumps(value, sort_keys=True) for value in side) for side in (before, after))
    return one == other


def _version(before: Sequence[Any], after: Sequence[Any]) -> Iterator[StatementChange]:
    """What happens to the language of IAM documents: only in the newer one are policy variables more than text."""
    old, new = (sorted({_version_of(document) for document in documents}) for documents in (before, after))
    if old != new:
        lines = [Line(sign="-", text=f"version {version}") for version in old if version not in new]
        lines += [Line(sign="+", text=f"version {version}") for version in new if version not in old]
        yield StatementChange(name="(document)", kind="changed", lines=tuple(lines))


def _version_of(document: Any) -> str:
    if not isinstance(document, Mapping):  # Cedar
        return ""
    return str(document.get("Version", "2008-10-17"))  # which a document without one has


def _read_change(
    change: ResourceChange,
    what: str,
    action: Done,
    new: Sequence[Statement],
    changes: tuple[StatementChange, ...],
    *,
    invented: bool,
) -> PolicyChange:
    spots = [
        f"{statement.name or 'statement'}: {spot}"
        for statement in new
        for spot in statement.wide_spots()
        if not (what == "key policy" and spot.startswith("resource *"))  # the key itself: it cannot name another
    ]
    return PolicyChange(
        address=change.address,
        what=what,
        action=action,
        statements=len(new),
        wide_spots=tuple(spots),
        changes=changes,
        invented=invented,
    )


def _permission(change: ResourceChange, action: Done) -> Iterator[PolicyChange]:
    old = read_permission(change.before) if change.before else []
    new = read_permission(change.after) if change.after and change.action != "delete" else []
    changes = diff_statements(old, new)
    if changes:
        yield _read_change(change, "Lambda permission", action, new, changes, invented=bool(change.invented))


def _attached(change: ResourceChange, action: Done, attachment: _Attachment) -> Iterator[PolicyChange]:
    """Compare what is given to whom, pair by pair. What it permits is somewhere else."""
    old, new = (_pairs(values, attachment, change.configured) for values in (change.before, change.after))
    gone, added = [pair for pair in old if pair not in new], [pair for pair in new if pair not in old]
    ends = attachment.exclusive and action == "delete"
    if not (gone or added or ends):
        return
    # What is not known yet may be what was there.
    more = len(added) > len(gone)
    lines = [Line(sign="-", text=pair) for pair in gone]
    lines += [Line(sign="+", text=pair, wider=more or UNKNOWN not in pair) for pair in added]
    if ends:
        lines.append(Line(sign="-", text="taking away whatever else is attached", wider=True))
    wider = any(line.wider for line in lines)
    kind: Literal["added", "removed", "changed"] = "changed"
    if action != "update":
        kind = "added" if action == "create" else "removed"
    yield PolicyChange(
        address=change.address,
        what=attachment.what,
        action=action,
        statements=None,
        unread=", ".join(new or old),
        changes=(
            StatementChange(
                name=attachment.what,
                kind=kind,
                lines=tuple(lines),
                wider=wider,
                narrower=bool(gone) and not wider,
            ),
        ),
    )


def _pairs(values: Mapping[str, Any], attachment: _Attachment, configured: frozenset[str] | None) -> list[str]:
    """What is given to whom, a text for each pair."""
    given = values.get(attachment.given)
    if given == UNKNOWN and configured is not None and attachment.given not in configured:
        return []  # the service fills it in
    owners = [f"{word} {_text(name)}" for key, word in attachment.to.items() for name in _listed(values.get(key))]
    everything = [_text(item) for item in _listed(given)]
    pairs = [f"{item} for {owner}" for item in everything for owner in owners]
    return sorted(set(pairs or everything))


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
