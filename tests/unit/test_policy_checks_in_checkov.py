"""The AgentCore checks as checkov runs them: on plans, as on HCL. One run each; they need checkov, and fail without."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from policy_checks.check import Result
from policy_checks.checks import CHECKS
from policy_checks.plan import read_plan
from scripts.scanning.findings import OURS
from scripts.scanning.tool import Record, Scanner, scanner

from .policy_checks_support import EXAMPLES, examples, plan_examples

pytestmark = pytest.mark.timeout(900)  # the first run installs checkov

FILES = examples()
NEEDS_THE_PLAN = {
    "CKV_AGENTCORE_14",
    "CKV_AGENTCORE_15",
    "CKV_AGENTCORE_16",
    "CKV_AGENTCORE_21",
    "CKV_AGENTCORE_40",
    "CKV_AGENTCORE_42",
}
"""Checks that connect resources, which HCL in checkov does not."""
UNDECIDED_IN_HCL = {
    "CKV_AGENTCORE_17/fail-other-account",
    "CKV_AGENTCORE_17/fail-other-accounts-session",
    "CKV_AGENTCORE_18/fail-other-account",
    "CKV_AGENTCORE_18/fail-other-account-too",
    "CKV_AGENTCORE_24/fail-no-endpoint",
    "CKV_AGENTCORE_29/fail-source-of-another-account",
    "CKV_AGENTCORE_37/fail-password",
    "CKV_AGENTCORE_37/fail-admin",
    "CKV_AGENTCORE_41/fail-of-somebody",
}
"""Further examples that say nothing in one block: another one, or the production or account of the plan, is missing."""


@pytest.fixture(scope="module")
def checkov() -> Scanner:
    return scanner()


def _ours(records: Iterable[Record], *, folder: Path) -> dict[tuple[str, str, str], str]:
    """Results of our checks by example, check and address."""
    return {
        (r.file.relative_to(folder).with_suffix("").as_posix(), r.check, r.address): r.result
        for r in records
        if r.check in OURS
    }


def test_checkov_says_of_every_example_what_the_checks_say(checkov: Scanner, tmp_path: Path) -> None:
    documents = plan_examples(FILES, work=tmp_path / "terraform")
    folder = (tmp_path / "plans").resolve()
    expected = {}
    for name, document in documents.items():
        path = folder / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
        plan = read_plan(document)
        for check in CHECKS:
            for resource in plan.resources:
                if resource.type in check.types:
                    outcome = check.run(resource, plan)
                    if outcome.result in (Result.PASSED, Result.FAILED):
                        expected[name, check.id, resource.address] = outcome.result.value
    records = checkov.run(folder, plans=True)
    assert _ours(records, folder=folder) == expected
    assert {check for _, check, _ in expected} == set(OURS)
    for record in records:
        if record.check in OURS and record.result == "failed":
            assert record.details, record


def test_checkov_reads_the_same_in_hcl_and_passes_nothing_that_the_plan_fails(checkov: Scanner) -> None:
    found = _ours(checkov.run(EXAMPLES), folder=EXAMPLES)
    wrong = []
    for name in FILES:
        check = name.partition("/")[0]
        results = {result for (file, found_check, _), result in found.items() if (file, found_check) == (name, check)}
        if check in NEEDS_THE_PLAN or name in UNDECIDED_IN_HCL:
            fine = "failed" not in results
        elif name.startswith(f"{check}/fail"):
            fine = "failed" in results
        else:
            fine = "failed" not in results
        if not fine:
            wrong.append((name, results))
    assert wrong == []


def test_nothing_of_the_callers_environment_reaches_checkov(
    checkov: Scanner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A key would make it upload results, and a configuration file in the working folder would leave checks out.
    monkeypatch.setenv("BC_API_KEY", "not-a-real-key")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".checkov.yaml").write_text("skip-check:\n  - CKV_AGENTCORE_4\n")
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "main.tf").write_text((EXAMPLES / "CKV_AGENTCORE_4" / "fail.tf").read_text())
    records = checkov.run(folder)
    assert ("CKV_AGENTCORE_4", "failed") in {(r.check, r.result) for r in records}
