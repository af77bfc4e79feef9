"""Where policy documents stand, and which of them belong to a role."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from policy_checks.iam import Statement, parse
from policy_checks.plan import UNKNOWN, NotConcerned, Plan, Resource, Undecided

PERMISSIONS: Final = (
    "aws_iam_policy",
    "aws_iam_role",
    "aws_iam_role_policy",
    "aws_iam_user_policy",
    "aws_iam_group_policy",
)
"""Types that hold what somebody may do."""

ATTACHING: Final = {
    "aws_iam_group_policy_attachment": "policy_arn",
    "aws_iam_group_policy_attachments_exclusive": "policy_arns",
    "aws_iam_policy_attachment": "policy_arn",
    "aws_iam_role": "managed_policy_arns",
    "aws_iam_role_policy_attachment": "policy_arn",
    "aws_iam_role_policy_attachments_exclusive": "policy_arns",
    "aws_iam_user_policy_attachment": "policy_arn",
    "aws_iam_user_policy_attachments_exclusive": "policy_arns",
}
"""Types that give somebody policies by their ARNs, and the argument that names them."""

_OF_OTHERS: Final = tuple(name for name in ATTACHING if "_group_" in name or "_user_" in name)
"""Those that give no role anything."""


def permissions(resource: Resource, plan: Plan) -> Iterator[Statement]:
    """Statements of the permission documents in a resource; nothing of a role's trust policy.

    Raises:
        NotConcerned: If there is none: most roles leave that to other resources.
        Undecided: If a document is unknown.
        InvalidDocument: If it cannot be read.
    """
    if resource.type != "aws_iam_role":
        yield from parse(resource.get("policy"), where="policy")
        return
    found = _inline(resource, plan)
    if not found:
        raise NotConcerned
    for document in found:
        yield from parse(document, where="inline_policy")


def _inline(role: Resource, plan: Plan) -> list[Any]:
    """Documents within a role. The argument is computed, so unknown, when the sources leave it out."""
    if role.get("inline_policy") is UNKNOWN and not plan.configured(role, "inline_policy"):
        return []
    return [block["policy"] for block in role.blocks("inline_policy") if block.get("policy")]


def allows(resource: Resource, plan: Plan) -> Iterator[Statement]:
    """The Allow statements of `permissions`."""
    return (statement for statement in permissions(resource, plan) if statement.allow)


def trust(resource: Resource) -> tuple[Statement, ...]:
    """Statements of a role's trust policy.

    Raises:
        Undecided: If it is unknown.
        InvalidDocument: If it cannot be read.
    """
    return parse(resource.get("assume_role_policy"), where="assume_role_policy")


def trusts_agentcore(resource: Resource) -> bool:
    """Whether AgentCore may work in this role, for a runtime or a gateway.

    Raises:
        Undecided: If the trust policy is unknown.
    """
    return any(
        kind == "Service" and re.match(r"bedrock-agentcore[.-]", value, re.IGNORECASE)
        for statement in trust(resource)
        if statement.allow
        for kind, value in statement.principals
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A policy that a resource gives to somebody by its ARN."""

    arn: str
    policies: tuple[Resource, ...]  # in the plan: none if what it allows stands elsewhere


def attached(resource: Resource, plan: Plan) -> Iterator[Attachment]:
    """Policies that a resource attaches, by whatever argument it does so.

    Raises:
        Undecided: If it is unknown which.
    """
    argument = ATTACHING[resource.type]
    if resource.type == "aws_iam_role" and not plan.configured(resource, argument):
        return  # computed: what other resources attach, and those say so themselves
    found = resource.get(argument)
    own = plan.of_type("aws_iam_policy")
    arns = found if isinstance(found, list) else [] if found is None else [found]
    referred = [policy for policy in plan.references(resource, argument) if policy.type == "aws_iam_policy"]
    for arn in arns:
        if arn is UNKNOWN:
            if not referred:
                raise Undecided(f"{argument} of {resource.address}")
            yield Attachment(arn="", policies=tuple(referred))
        else:
            yield Attachment(arn=str(arn), policies=tuple(p for p in own if p.get("arn") == arn))


def of_role(role: Resource, plan: Plan) -> tuple[list[Statement], list[str]]:
    """Collect what a role may do, from all resources of the plan.

    Returns:
        Its statements, and policies whose content the plan does not hold: ARNs, and names of inline ones.

    Raises:
        Undecided: If a document is unknown, or it is unknown whose a document is.
    """
    plan.related()
    statements = [s for document in _inline(role, plan) for s in parse(document, where="inline_policy")]
    inline = [document for document in plan.of_type("aws_iam_role_policy") if _is_for(document, role, plan)]
    for document in inline:
        statements += permissions(document, plan)
    foreign: list[str] = []
    for resource in plan.of_type(*ATTACHING):
        if resource is not role and (resource.type == "aws_iam_role" or not _is_for(resource, role, plan)):
            continue
        for attachment in attached(resource, plan):
            if not attachment.policies:
                foreign.append(attachment.arn)
            for policy in attachment.policies:
                statements += permissions(policy, plan)
    known = {document.get("name") for document in inline}
    known |= {block.get("name") for block in role.blocks("inline_policy")} if _inline(role, plan) else set()
    for resource in plan.of_type("aws_iam_role_policies_exclusive"):
        if _is_for(resource, role, plan) and UNKNOWN not in known:
            foreign += [f"inline policy {name}" for name in resource.known("policy_names") or () if name not in known]
    return statements, list(dict.fromkeys(foreign))


def roles_of(document: Resource, plan: Plan) -> list[Resource]:
    """Roles of the plan that have a policy document.

    Raises:
        Undecided: If it is unknown who has it.
    """
    plan.related()
    if document.type == "aws_iam_role":
        return [document]
    found = []
    for role in plan.of_type("aws_iam_role"):
        if document.type == "aws_iam_role_policy":
            holders = [document]
        elif document.type == "aws_iam_policy":
            holders = [
                resource
                for resource in plan.of_type(*ATTACHING)
                if any(document in attachment.policies for attachment in attached(resource, plan))
            ]
        else:
            return []
        if any(holder is role or (holder.type != "aws_iam_role" and _is_for(holder, role, plan)) for holder in holders):
            found.append(role)
    return found


def role_name(arn: str) -> str | None:
    """Name of the role in an ARN, be it of the role or of a session in it; None if it names no role."""
    found = re.fullmatch(r"arn:[^:]+:iam::[^:]*:role/(?:.*/)?([^/]+)|arn:[^:]+:sts::[^:]*:assumed-role/([^/]+)/.*", arn)
    return (found[1] or found[2]) if found else None


WORKS_IN: Final = {
    "aws_bedrockagentcore_agent_runtime": "role_arn",
    "aws_bedrockagentcore_browser": "execution_role_arn",
    "aws_bedrockagentcore_code_interpreter": "execution_role_arn",
    "aws_bedrockagentcore_gateway": "role_arn",
    "aws_bedrockagentcore_memory": "memory_execution_role_arn",
}
"""Argument with the role in which AgentCore works, by type."""

_HOLDER: Final = {
    "aws_iam_policy_attachment": "roles",
    "aws_iam_role_policies_exclusive": "role_name",
    "aws_iam_role_policy_attachments_exclusive": "role_name",
}
"""Arguments that name roles, where that is not `role`."""


def _is_for(resource: Resource, role: Resource, plan: Plan) -> bool:
    if resource.type in _OF_OTHERS:
        return False
    argument = _HOLDER.get(resource.type, "role")
    found = resource.get(argument)
    named = found if isinstance(found, list) else [] if found is None else [found]
    unknown = any(name is UNKNOWN for name in named)
    name = role.get("name")
    if name is not UNKNOWN and any(name in (one, role_name(str(one))) for one in named):
        return True
    referred = [entry for entry in plan.references(resource, argument) if entry.type == "aws_iam_role"]
    if role in referred and (unknown or name is UNKNOWN):
        return True
    if (unknown and not referred) or (name is UNKNOWN and named and not referred):
        raise Undecided(f"{argument} of {resource.address}")
    return False
