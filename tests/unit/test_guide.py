"""Guide and runbooks tell people to type what exists: targets, programs, options, outputs, addresses, sections."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from scripts.smoke_test import users as smoke_users

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs/guide.md", ROOT / "docs/upgrade.md", *sorted((ROOT / "docs/runbooks").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ADDRESS = re.compile(r"module\.(foundation|agentcore)\.module\.(\w+)\.(aws_\w+)\.(\w+)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def blocks(page: Path, language: str) -> list[str]:
    return [text for found, text in FENCE.findall(page.read_text()) if found == language]


def anchors(page: Path) -> set[str]:
    text = page.read_text()
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    made = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    return made | set(re.findall(r'<a id="([^"]+)">', text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_shell_commands_can_be_parsed(page: Path) -> None:
    for block in blocks(page, "sh"):
        done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, timeout=10, check=False)
        assert done.returncode == 0, f"{block}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_of_the_commands_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = {name for block in blocks(page, "sh") for name in re.findall(r"\bmake ([a-z][a-z-]*)", block)}
    used |= set(re.findall(r"`make ([a-z][a-z-]*)", page.read_text()))
    assert used <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_programs_and_their_options_exist(page: Path) -> None:
    for line in page.read_text().replace("\\\n", " ").splitlines():
        named = re.search(r"python -m (scripts\.\w+)([^`>|]*)", line)
        if named is None:
            continue
        source = ROOT / f"{named[1].replace('.', '/')}.py"
        assert source.is_file(), named[1]
        missing = [option for option in OPTION.findall(named[2]) if option.removeprefix("--") not in source.read_text()]
        assert missing == [], line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_outputs_that_commands_read_exist(page: Path) -> None:
    outputs = set(re.findall(r'^output "(\w+)"', (ROOT / "terraform/envs/dev/outputs.tf").read_text(), re.MULTILINE))
    text = "\n".join(blocks(page, "sh"))
    used = set(re.findall(r"\$\(out (\w+)", text)) | set(re.findall(r"jq -r \.(\w+)\.value", text))
    assert used <= outputs
    bootstrap = set(re.findall(r'^output "(\w+)"', (ROOT / "terraform/bootstrap/outputs.tf").read_text(), re.MULTILINE))
    assert set(re.findall(r"terraform output -(?:raw|json) (\w+)", text)) <= bootstrap


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_addresses_of_resources_exist(page: Path) -> None:
    for _, module, kind, name in ADDRESS.findall(page.read_text()):
        sources = "".join(file.read_text() for file in (ROOT / "terraform/modules" / module).glob("*.tf"))
        assert f'resource "{kind}" "{name}"' in sources, f"{module}.{kind}.{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_sections_lead_to_one(page: Path) -> None:
    for target, section in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", page.read_text()):
        if "://" not in target:
            assert section in anchors(page.parent / target if target else page), f"{target}#{section}"


def test_every_alarm_names_a_section_of_the_runbook() -> None:
    module = ROOT / "terraform/modules/observability"
    text = "".join(file.read_text() for file in module.glob("*.tf"))
    runbook = re.search(r'runbook\s*=\s*"([^"]+)"', text)
    assert runbook is not None
    named = set(re.findall(r"\$\{local\.runbook\}#([\w-]+)", text))
    assert len(named) >= 8
    assert named <= anchors(ROOT / runbook[1])
    assert text.count("alarm_description") == text.count("${local.runbook}#")


def test_the_users_file_is_as_the_guide_shows_it() -> None:
    (example,) = [json.loads(block) for block in blocks(ROOT / "docs/guide.md", "json")]
    assert set(example) == {"users", "expectations", "refused_tokens"}
    for number, user in enumerate(example["users"]):
        assert smoke_users._checked(user, f"users[{number}]")
    assert {tuple(entry) for entry in example["expectations"].values()} == {smoke_users._EXPECTED_KEYS}
    assert set(example["refused_tokens"]) == smoke_users._REFUSED_KEYS


def test_the_quotas_of_the_guide_are_those_of_the_catalog() -> None:
    quotas = yaml.safe_load((ROOT / "terraform/catalog/quotas.yaml").read_text())
    rows = (ROOT / "docs/guide.md").read_text().partition("**Quotas.**")[2].partition("```")[0].splitlines()
    for words, name in (
        ("MemoryRecords", "list_memory_records"),
        ("sessions of all runtimes", "runtime_sessions"),
        ("tool calls of a gateway", "tool_calls"),
        ("Lambda executions", "lambda_concurrency"),
    ):
        (row,) = [row for row in rows if row.startswith("|") and words in row.split("|")[1]]
        for number in {quotas[name]["limit"], *quotas[name].get("limit_regions", {}).values()}:
            assert f"{number:,}" in row, row


def test_examples_are_what_they_say() -> None:
    workflow = yaml.safe_load((ROOT / "docs/examples/ci-plan.yml").read_text())
    runs = " ".join(step.get("run", "") for step in workflow["jobs"]["plan"]["steps"])
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make (?:--silent )?([a-z-]+)", runs)) <= targets
    (statement,) = json.loads((ROOT / "docs/examples/ci-trust-policy.json").read_text())["Statement"]
    condition = statement["Condition"]["StringEquals"]
    assert {key.rpartition(":")[2] for key in condition} == {"aud", "sub"}
    # A protected environment, which people let a job into; `pull_request` would be every branch that anybody pushes.
    assert re.fullmatch(r"repo:OWNER/REPO:environment:\w+", condition["token.actions.githubusercontent.com:sub"])
    assert (
        workflow["jobs"]["plan"]["environment"] == condition["token.actions.githubusercontent.com:sub"].split(":")[-1]
    )
    assert "head.repo.full_name == github.repository" in workflow["jobs"]["plan"]["if"]
    assert set(workflow[True]) == {"pull_request"}  # YAML reads the key `on` as true
