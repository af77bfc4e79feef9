"""Adapter: registers each check with checkov.

checkov turns plan JSON into its own form on the way, in which unknown values vanish and strings become booleans. So the
adapter finds the file again, and hands the check the plan itself.
"""

import sys
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from checkov.common.bridgecrew.severities import Severities
from checkov.common.models.enums import CheckCategories, CheckResult
from checkov.terraform.checks.resource.base_resource_check import BaseResourceCheck

from policy_checks.check import Check, Outcome, Result
from policy_checks.checks import CHECKS
from policy_checks.plan import Plan, from_block, load_plan

_RESULTS = {
    Result.PASSED: CheckResult.PASSED,
    Result.FAILED: CheckResult.FAILED,
    Result.UNDECIDED: CheckResult.UNKNOWN,
    Result.NOT_ASKED: CheckResult.UNKNOWN,
}
_ADDRESS = "__address__"


@cache
def _plan(path: str) -> Plan:
    return load_plan(Path(path))


class AgentCoreCheck(BaseResourceCheck):
    """One check, as checkov wants it."""

    def __init__(self, check: Check) -> None:
        super().__init__(
            name=check.name,
            id=check.id,
            categories=[CheckCategories.IAM],
            supported_resources=list(check.types),
            guideline=check.guideline,
        )
        self.severity = Severities[check.severity.name]
        self._check = check

    def scan_entity_conf(self, conf: dict[str, Any], entity_type: str) -> CheckResult:
        """Decide about one resource."""
        outcome = self._outcome(conf, entity_type)
        self.details = list(outcome.reasons)
        return _RESULTS[outcome.result]

    def scan_resource_conf(self, conf: dict[str, Any]) -> CheckResult:
        raise NotImplementedError  # scan_entity_conf above is what checkov calls

    def _outcome(self, conf: dict[str, Any], entity_type: str) -> Outcome:
        # checkov takes an exception for "unknown", which nobody sees: so nothing may get out of here.
        try:
            # entity_path is "<file below the root folder>:<type>:<name>".
            scanned, _, _ = self.entity_path.rsplit(":", 2)
            if scanned.endswith(".json") and _ADDRESS in conf:
                plan = _plan(self._file(scanned))
                resource = next(r for r in plan.resources if r.address == conf[_ADDRESS])
            else:
                plan = from_block(type=entity_type, name=self.entity_path.rpartition(":")[2], conf=conf)
                (resource,) = plan.resources
        except Exception as error:
            return Outcome(result=Result.FAILED, reasons=(f"cannot be read: {type(error).__name__}: {error}",))
        return self._check.run(resource, plan)

    def _file(self, scanned: str) -> str:
        """Find the file again: checkov passes its path below the root folder, its graph holds the whole ones."""
        if Path(scanned).is_file():
            return scanned
        paths = {str(data.get("file_path_", "")) for _, data in self._nodes()}
        return min((path for path in paths if path.endswith(scanned)), key=len)

    def _nodes(self) -> Any:
        graph: Any = self.graph
        if hasattr(graph, "nodes") and callable(getattr(graph.nodes, "items", None)):
            return graph.nodes.items()
        return ((None, node[1] if isinstance(node, tuple) else node) for node in graph.nodes())


REGISTERED = [AgentCoreCheck(check) for check in CHECKS]
