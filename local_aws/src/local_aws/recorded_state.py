"""What Terraform recorded: the stand-ins boot from `terraform show -json` of the AgentCore root, and from nothing else.

Blocks are lists there, as in Terraform: `values["authorizer_configuration"][0]["custom_jwt_authorizer"][0]`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class RecordedStateError(Exception):
    """The recorded state cannot be read, or does not hold what a stand-in needs. The message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One managed resource."""

    address: str
    type: str
    values: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedState:
    """The managed resources and the outputs of one root module."""

    resources: Sequence[Resource]
    outputs: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, path: Path) -> RecordedState:
        """Read a file that `terraform show -json` printed.

        Raises:
            RecordedStateError: If there is no such file, or it is something else.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as failure:
            raise RecordedStateError(f"{path}: cannot be read as JSON ({failure}); apply Terraform first") from failure
        return cls.parse(document)

    @classmethod
    def parse(cls, document: Any) -> RecordedState:
        """Read a document of `terraform show -json`.

        Raises:
            RecordedStateError: If it is none, or nothing was applied yet.
        """
        if not isinstance(document, Mapping) or "format_version" not in document:
            raise RecordedStateError("not a document of `terraform show -json`")
        values = document.get("values")
        if not isinstance(values, Mapping):
            raise RecordedStateError("nothing was applied yet; apply Terraform first")
        outputs = values.get("outputs") or {}
        return cls(
            resources=tuple(_resources(values.get("root_module") or {})),
            outputs={name: output.get("value") for name, output in outputs.items()},
        )

    def of_type(self, resource_type: str) -> list[Mapping[str, Any]]:
        """Return the values of all resources of a type, in the order of their addresses."""
        found = sorted((r for r in self.resources if r.type == resource_type), key=lambda r: r.address)
        return [resource.values for resource in found]

    def one(self, resource_type: str) -> Mapping[str, Any]:
        """Return the values of the only resource of a type.

        Raises:
            RecordedStateError: If there is none or more than one.
        """
        found = self.of_type(resource_type)
        if len(found) != 1:
            raise RecordedStateError(f"{resource_type}: exactly one is needed, {len(found)} are recorded")
        return found[0]


def _resources(module: Mapping[str, Any]) -> Iterator[Resource]:
    for resource in module.get("resources", []):
        if resource.get("mode") == "managed":
            yield Resource(address=resource["address"], type=resource["type"], values=resource["values"])
    for child in module.get("child_modules", []):
        yield from _resources(child)
