"""Findings as SARIF 2.1.0, which code hosts show beside the changed lines."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from policy_checks.check import Check, Severity
from scripts.scanning.findings import Finding

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Final = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning"}
_SCORES: Final = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.0"}
_UPSTREAM: Final = "warning"  # checkov names the severity of its own checks to paying customers only


def sarif(target: str, findings: Iterable[Finding], *, version: str, ours: Mapping[str, Check]) -> dict[str, Any]:
    """Make one SARIF document.

    Args:
        target: What was scanned; results of different targets stand beside each other.
        findings: Failed ones and suppressed ones.
        version: Of checkov.
        ours: Our checks by id.
    """
    listed = sorted(findings, key=lambda f: (f.check, f.place.file, f.place.line, f.address))
    ids = list(dict.fromkeys(finding.check for finding in listed))
    names = {finding.check: finding.name for finding in listed}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "checkov",
                        "version": version,
                        "informationUri": "https://www.checkov.io",
                        "rules": [_rule(check, names[check], ours.get(check)) for check in ids],
                    }
                },
                "automationDetails": {"id": f"scan/{target}/"},
                "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The repository."}}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, ids.index(finding.check), ours) for finding in listed],
            }
        ],
    }


def _rule(identifier: str, name: str, check: Check | None) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": identifier,
        "name": identifier,
        "shortDescription": {"text": name},
        "defaultConfiguration": {"level": _LEVELS[check.severity] if check else _UPSTREAM},
    }
    if check is not None:
        rule["fullDescription"] = {"text": check.why}
        rule["help"] = {"text": f"{check.why}\n\nWhat to do: {check.fix}\n\nSee {check.guideline}."}
        rule["properties"] = {"security-severity": _SCORES[check.severity], "tags": ["security", "agentcore"]}
    return rule


def _result(finding: Finding, index: int, ours: Mapping[str, Check]) -> dict[str, Any]:
    check = ours.get(finding.check)
    said = "; ".join(finding.details) or finding.name
    result: dict[str, Any] = {
        "ruleId": finding.check,
        "ruleIndex": index,
        "level": _LEVELS[check.severity] if check else _UPSTREAM,
        "message": {"text": f"{finding.address}: {said}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": finding.place.file, "uriBaseId": "SRCROOT"},
                    "region": {"startLine": finding.place.line},
                },
                "logicalLocations": [{"fullyQualifiedName": finding.address, "kind": "resource"}],
            }
        ],
        # The address and not the line: a finding stays the same one when something above it is changed.
        "partialFingerprints": {"resource/v1": f"{finding.check}:{finding.place.file}:{finding.address}"},
    }
    if finding.excuse:
        kind = "external" if finding.baselined else "inSource"
        result["suppressions"] = [{"kind": kind, "status": "accepted", "justification": finding.excuse}]
    return result
