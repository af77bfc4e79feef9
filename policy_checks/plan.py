"""What checks read: resources with their values, from plan JSON or from one HCL block.

A value that Terraform knows only after the apply, or that HCL alone does not tell, is `UNKNOWN`. It is neither set nor
unset, so a check can be passed by a known value only.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any, Final


class _Unknown(Enum):
    UNKNOWN = "unknown"


UNKNOWN: Final = _Unknown.UNKNOWN
"""A value that is not known yet."""

PRODUCTION_TAG: Final = "Production"
"""Tag that says "true" on everything of a production environment."""

ACCOUNT: Final = re.compile(r"\d{12}")
"""The id of an account."""

_MODULE: Final = re.compile(r'module\.([^.\[]+)(?:\[(?:\d+|"(?:[^"\\]|\\.)*")\])?')


class Undecided(Exception):
    """A check cannot be decided, since a value that it needs is unknown; the message names the value."""


class NotConcerned(Exception):
    """A check has nothing to say of a resource: it would neither pass nor fail."""


class NotAPlan(ValueError):
    """A file is not plan JSON; the message says what it is and how to make one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource as it is planned."""

    address: str  # such as module.runtime.aws_bedrockagentcore_agent_runtime.this
    type: str
    name: str
    module: str = ""  # address of the module, empty for the root
    values: Mapping[str, Any] = field(repr=False)  # may hold secrets

    def get(self, *path: str | int) -> Any:
        """Return the value below this path: None if there is none, UNKNOWN if it or what it is in is unknown."""
        value: Any = self.values
        for step in path:
            if value is UNKNOWN:
                return UNKNOWN
            if isinstance(step, str) and isinstance(value, list) and len(value) == 1:
                value = value[0]  # HCL has maps and blocks in a list
                if value is UNKNOWN:
                    return UNKNOWN
            if isinstance(step, str):
                value = value.get(step) if isinstance(value, Mapping) else None
            else:
                value = value[step] if isinstance(value, list) and step < len(value) else None
            if value is None:
                return None
        return value

    def known(self, *path: str | int) -> Any:
        """Return the value below this path, None if there is none.

        Raises:
            Undecided: If it is unknown.
        """
        value = self.get(*path)
        if value is UNKNOWN:
            raise Undecided(".".join(str(step) for step in path if isinstance(step, str)))
        return value

    def blocks(self, *path: str | int) -> list[Mapping[str, Any]]:
        """Return the blocks below this path.

        Raises:
            Undecided: If it is unknown how many there are.
        """
        found = self.known(*path)
        if found is None:
            return []
        entries = found if isinstance(found, list) else [found]
        if any(entry is UNKNOWN for entry in entries):
            raise Undecided(".".join(str(step) for step in path))
        return [entry for entry in entries if isinstance(entry, Mapping)]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All resources of a plan, and how they refer to each other."""

    resources: tuple[Resource, ...]
    variables: Mapping[str, Any] = field(default_factory=dict, repr=False)
    configuration: Mapping[str, Any] = field(default_factory=dict, repr=False)
    complete: bool = True  # false for a lone HCL block: nothing is known of other resources

    @cached_property
    def production(self) -> bool | None:
        """Whether this is a production environment; None if nothing says so.

        It is one if any resource has the tag `Production = "true"`, or the root's variable `production` is true: many
        types have no tags, and one answer holds for the whole plan.
        """
        said: set[str] = set()
        for resource in self.resources:
            for name in ("tags_all", "tags"):
                tag = resource.get(name, PRODUCTION_TAG)
                if isinstance(tag, bool | str):
                    said.add(str(tag).lower())
        if "production" in self.variables:
            said.add(str(self.variables["production"]).lower())
        if "true" in said:
            return True
        return False if "false" in said else None

    @cached_property
    def account(self) -> str | None:
        """The account that this plan is for; None if nothing says so.

        The root's variable `account_id` says it, or the ARNs of the roles that are already there.
        """
        said = self.variables.get("account_id")
        if isinstance(said, str) and ACCOUNT.fullmatch(said):
            return said
        arns = [arn for role in self.of_type("aws_iam_role") if isinstance(arn := role.get("arn"), str)]
        found = {parts[4] for arn in arns if len(parts := arn.split(":")) > 5 and ACCOUNT.fullmatch(parts[4])}
        return found.pop() if len(found) == 1 else None

    def own_account(self) -> str:
        """Return the account that this plan is for.

        Raises:
            Undecided: If nothing says so.
        """
        if self.account is None:
            raise Undecided("the account of this plan (variable account_id)")
        return self.account

    def of_type(self, *types: str) -> list[Resource]:
        """Return the resources of these types."""
        return [resource for resource in self.resources if resource.type in types]

    def related(self) -> None:
        """Say that a check needs other resources.

        Raises:
            Undecided: If they are not known.
        """
        if not self.complete:
            raise Undecided("other resources, which one HCL block does not tell")

    def references(self, resource: Resource, argument: str) -> list[Resource]:
        """Return resources of the same module that an argument refers to."""
        block = self._block(resource)
        expression = block.get("expressions", {}).get(argument, {})
        names = expression.get("references", []) if isinstance(expression, Mapping) else []
        # "aws_iam_role.this.id" and 'aws_iam_policy.tier["basic"].arn'; each.value leads to the resource in for_each.
        if any(str(name).startswith("each.") for name in names):
            names = [*names, *block.get("for_each_expression", {}).get("references", [])]
        wanted = {match.group(1) for name in names if (match := re.match(r"(aws_\w+\.[\w-]+)", str(name)))}
        return [r for r in self.resources if r.module == resource.module and f"{r.type}.{r.name}" in wanted]

    def given(self, resource: Resource, argument: str, *path: str | int) -> Any:
        """Return what the sources say of an argument: None if they leave it to the service, whatever that takes.

        Blocks are not for this: the sources' dynamic ones are not in a plan.

        Raises:
            Undecided: If they say something that is not known yet.
        """
        return resource.known(argument, *path) if self.configured(resource, argument) else None

    def configured(self, resource: Resource, argument: str) -> bool:
        """Whether the sources set an argument; true if they are not known."""
        block = self._block(resource)
        return not block or argument in block.get("expressions", {})

    def _block(self, resource: Resource) -> Mapping[str, Any]:
        module: Mapping[str, Any] = self.configuration.get("root_module", {})
        for match in _MODULE.finditer(resource.module):
            module = module.get("module_calls", {}).get(match.group(1), {}).get("module", {})
        for block in module.get("resources", []):
            if (block.get("type"), block.get("name"), block.get("mode")) == (resource.type, resource.name, "managed"):
                return dict(block)
        return {}


def listed(value: Any, *, what: str) -> list[Any]:
    """Return a list of plain values: HCL has one of them without a list.

    Raises:
        Undecided: If one of them is unknown.
    """
    if value is None:
        return []
    entries = value if isinstance(value, list) else [value]
    if any(entry is UNKNOWN for entry in entries):
        raise Undecided(what)
    return entries


def read_plan(document: Mapping[str, Any], *, name: str = "plan") -> Plan:
    """Read what `terraform show -json` prints for a plan.

    Args:
        document: The JSON document.
        name: For the message of an error.

    Raises:
        NotAPlan: If it is another document.
    """
    planned = document.get("planned_values")
    if not isinstance(planned, Mapping) or "terraform_version" not in document:
        raise NotAPlan(f"{name}: no planned_values in it; make it with `terraform show -json PLANFILE`")
    unknown = {
        change["address"]: change.get("change", {}).get("after_unknown") or {}
        for change in document.get("resource_changes", [])
    }
    resources = tuple(
        Resource(
            address=entry["address"],
            type=entry["type"],
            name=entry["name"],
            module=module,
            values=_merge(entry.get("values") or {}, unknown.get(entry["address"], {})),
        )
        for module, entry in _walk(planned.get("root_module", {}))
        if entry.get("mode") == "managed"
    )
    variables = {key: value.get("value") for key, value in document.get("variables", {}).items()}
    return Plan(resources=resources, variables=variables, configuration=document.get("configuration", {}))


def load_plan(path: Path) -> Plan:
    """Read a file of plan JSON.

    Raises:
        NotAPlan: If it holds anything else.
        OSError: If it cannot be read.
    """
    try:
        document = json.loads(path.read_text())
    except ValueError as error:
        raise NotAPlan(f"{path}: is no JSON ({error}); make it with `terraform show -json PLANFILE`") from None
    if not isinstance(document, dict):
        raise NotAPlan(f"{path}: holds no object; make it with `terraform show -json PLANFILE`")
    return read_plan(document, name=str(path))


def from_block(*, type: str, name: str, conf: Mapping[str, Any]) -> Plan:
    """Make a plan of one HCL block as checkov parsed it, with all that is unresolved as UNKNOWN."""
    values = {key: _plain(value) for key, value in conf.items() if not key.startswith("__") and key not in _LINES}
    resource = Resource(address=f"{type}.{name}", type=type, name=name, values=values)
    return Plan(resources=(resource,), complete=False)


_LINES: Final = {"start_line", "end_line", "related_resource_id"}
_REFERENCE: Final = re.compile(
    r"\b(var|local|module|data|each|count|path|self|terraform)\.[a-z_]"  # of another block
    r"|^\s*\(?aws_\w+\."
    r"|\$\{(?!aws:|s3:|saml:|cognito-identity)"  # an interpolation, and no variable of IAM
    r"|^\s*\(?[a-z_0-9]+\("  # a call that was not evaluated
    r"|\s\?\s.+\s:\s|[\[{]\s*for\s"  # an expression that was not evaluated
)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        if len(value) == 1 and not isinstance(value[0], Mapping):
            return _inner(value[0])
        return [_plain_block(entry) for entry in value]
    return _inner(value)


def _plain_block(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return _inner(value)
    return {key: _plain(entry) for key, entry in value.items() if not key.startswith("__") and key not in _LINES}


def _inner(value: Any) -> Any:
    """Plain value of an attribute: nothing in it is wrapped."""
    if isinstance(value, str):
        # $${aws:PrincipalTag/...} is a variable of IAM, with Terraform's escape still on it.
        return UNKNOWN if _REFERENCE.search(value) else value.replace("$${", "${")
    if isinstance(value, Mapping):
        return {key: _inner(entry) for key, entry in value.items() if not key.startswith("__") and key not in _LINES}
    if isinstance(value, list):
        return [_inner(entry) for entry in value]
    return value


def _walk(module: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for entry in module.get("resources", []):
        yield module.get("address", ""), entry
    for child in module.get("child_modules", []):
        yield from _walk(child)


def _merge(value: Any, unknown: Any) -> Any:
    """Put UNKNOWN where `after_unknown` says true."""
    if unknown is True:
        return UNKNOWN
    if isinstance(unknown, Mapping) and (isinstance(value, Mapping) or value is None):
        known = value or {}
        merged = {key: _merge(entry, unknown.get(key)) for key, entry in known.items()}
        merged |= {key: _merge(None, entry) for key, entry in unknown.items() if key not in known}
        return merged if merged or value is not None else None
    if isinstance(unknown, Sequence) and not isinstance(unknown, str) and (isinstance(value, list) or value is None):
        known_list: list[Any] = list(value or [])
        length = max(len(known_list), len(unknown))
        merged_list = [
            _merge(known_list[i] if i < len(known_list) else None, unknown[i] if i < len(unknown) else None)
            for i in range(length)
        ]
        return merged_list if merged_list or value is not None else None
    return value
