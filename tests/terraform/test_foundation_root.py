"""The laptop's foundation with another catalog than the repository's."""

from __future__ import annotations

import shutil

import pytest

from .support import ENTERPRISE, Workspace

ROOT = "envs/local/foundation"
RUN = """
run "another_catalog_decides_tiers_and_guardrails" {{
  command = plan
  variables {{
    catalog_dir = "{catalog}"
    memories = {{ for tier in ["basic", "enterprise", "premium"] : tier => {{
      id = "${{tier}}-1", arn = "arn:aws:bedrock-agentcore:us-east-1:000000000000:memory/${{tier}}-1"
    }} }}
  }}
  assert {{
    condition     = keys(output.guardrails) == ["basic", "enterprise", "premium"]
    error_message = "Tiers must be those of catalog_dir."
  }}
}}

run "rejects_memories_of_the_repositorys_catalog" {{
  command = plan
  variables {{
    catalog_dir = "{catalog}"
  }}
  expect_failures = [var.memories]
}}
"""


@pytest.mark.timeout(300)
def test_a_block_more_in_another_catalog_is_all_it_takes(workspace: Workspace) -> None:
    catalog = workspace.folder.parent / "other-catalog"
    shutil.copytree(workspace.folder / "catalog", catalog)
    with (catalog / "tiers.yaml").open("a") as tiers:
        tiers.write(ENTERPRISE)
    tests = workspace.folder / ROOT / "tests"
    mocks, _, _ = (tests / "unit.tftest.hcl").read_text().partition('\nrun "')
    (tests / "other.tftest.hcl").write_text(mocks + RUN.format(catalog=catalog.as_posix()))
    workspace.init(ROOT)
    code, out, err = workspace.terraform(
        "test", "-no-color", "-filter=tests/other.tftest.hcl", chdir=ROOT, accept=frozenset({0, 1})
    )
    assert code == 0, out + err
    assert "2 passed, 0 failed" in out
