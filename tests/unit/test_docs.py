"""Documents say what is there: links lead somewhere, commands exist, the error codes are those of the code."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for path in map(
        Path,
        subprocess.run(
            ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split(),
    )
    if "data/synthetic/documents" not in str(path)
)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)")
TARGET = re.compile(r"`make ([a-z][a-z-]*)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_lead_somewhere(document: Path) -> None:
    links = [link for link in LINK.findall((ROOT / document).read_text()) if "://" not in link]
    assert [link for link in links if not (ROOT / document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_named_make_targets_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(TARGET.findall((ROOT / document).read_text())) <= targets


def _codes() -> set[str]:
    """The error codes that the agent's code can give, read from its source."""
    found: set[str] = set()
    for path in (ROOT / "agent_pkg/src/clinic_agent").rglob("*.py"):
        if "lambdas" in path.parts:
            continue  # its codes are mapped by credentials/broker.py
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if name == "as_agent_error":
                part = next(k.value for k in node.keywords if k.arg == "part")
                assert isinstance(part, ast.Constant)
                assert isinstance(part.value, str)
                found.add(f"{part.value}_unavailable")
            elif name in ("BadRequest", "Forbidden", "TooLarge", "Throttled", "Unavailable", "AgentError"):
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add(first.value)
    return found | {"invalid_token", "session_busy", "guardrail_blocked"}


def test_every_error_code_is_documented() -> None:
    told = set(re.findall(r"`([a-z]+_[a-z_]+|throttled|internal)`", (ROOT / "docs/events.md").read_text()))
    # A bad argument is told to the model, not to the client; a client that hung up reads nothing.
    inside = {"invalid_argument", "unknown_tool", "disconnected"}
    assert _codes() - inside <= told


def test_readme_names_the_tree_as_it_is() -> None:
    block = (
        (ROOT / "README.md").read_text().partition("## Where to find what")[2].partition("```\n")[2].partition("```")[0]
    )
    folders = [line.split()[0] for line in block.splitlines() if line.strip()]
    assert len(folders) >= 8
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []


def test_the_security_page_names_files_and_tests_that_exist() -> None:
    text = (ROOT / "docs/security.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", text)
    assert len(named) >= 20
    missing = [f"{file}::{test}" for file, test in named if f"def {test}(" not in (ROOT / file).read_text()]
    assert missing == []
    files = re.findall(r"`((?:agent_pkg|terraform|scripts|docs)/[\w./-]+\.[a-z]+)`", text)
    assert len(files) >= 15
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_each_threat_has_a_control_a_file_and_a_test() -> None:
    table = (ROOT / "docs/security.md").read_text().partition("## Threats and controls")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:2] == "| "]
    assert len(rows) > 20
    for row in rows[2:]:
        assert len(row) == 5, row
        assert all(row), row
        assert "::test_" in row[3], row
