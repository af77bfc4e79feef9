"""The versions that a runtime has had.

Terraform's state holds the newest version of a runtime alone, and endpoints may name an older one. On AWS the service
keeps every version as it was; here a file next to the recorded state does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from local_aws.agentcore.errors import InvalidConfigError
from local_aws.recorded_state import RecordedState

RUNTIME: Final = "aws_bedrockagentcore_agent_runtime"
HISTORY_FILE: Final = "runtime-versions.json"
"""Name of the history, in the folder of the recorded state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionHistory:
    """What was recorded of each version of one runtime."""

    arn: str = ""
    versions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)  # recorded values, by number

    @classmethod
    def load(cls, path: Path) -> VersionHistory:
        """Read a history; one that does not exist yet is empty.

        Raises:
            InvalidConfigError: If the file is something else.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError) as failure:
            problem = f"cannot be read as JSON ({failure}); start anew with `make down up`"
            raise InvalidConfigError(field=str(path), problem=problem) from failure
        versions = document.get("versions") if isinstance(document, dict) else None
        if not isinstance(versions, dict) or not all(isinstance(values, dict) for values in versions.values()):
            raise InvalidConfigError(field=str(path), problem="is no history; start anew with `make down up`")
        return cls(arn=str(document.get("arn", "")), versions=versions)

    def with_recorded(self, state: RecordedState) -> VersionHistory:
        """Add the newest version, unless it is known: a version stays what it was when it was made.

        A runtime that was made anew begins a history of its own.

        Raises:
            RecordedStateError: If not exactly one runtime is recorded.
        """
        newest = state.one(RUNTIME)
        arn, number = newest["agent_runtime_arn"], newest["agent_runtime_version"]
        known = self.versions if arn == self.arn else {}
        versions = {number: newest, **known}
        return replace(self, arn=arn, versions={one: versions[one] for one in sorted(versions, key=int)})

    def to_json(self) -> dict[str, Any]:
        """Return the file's content."""
        return {"arn": self.arn, "versions": {number: dict(values) for number, values in self.versions.items()}}
