"""The scan around the checks: sources and suppressions, baseline, SARIF, report, installation."""

from __future__ import annotations

import io
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from rich.console import Console

from scripts import scan, scan_docs
from scripts.scanning import tool as scan_tool
from scripts.scanning.baseline import Entry, added, read_baseline, write_baseline
from scripts.scanning.findings import OURS, Finding, Scan, of_modules, of_plan, with_baseline
from scripts.scanning.report import print_report
from scripts.scanning.sarif import sarif
from scripts.scanning.sources import Place, Sources, block_of, folder_of, read_sources
from scripts.scanning.tool import Record, ScanError, scanner

from .policy_checks_support import EXAMPLES, ROOT, plan_examples

PLACE = Place(file="terraform/modules/a/main.tf", block="aws_x.this", line=7)
FAILED = Finding(
    check="CKV_AGENTCORE_1",
    name="n",
    address="module.a.aws_x.this",
    place=PLACE,
    details=("authorizer_type is 'NONE'",),
)
EXCUSED = Finding(check="CKV_AWS_18", name="m", address="aws_x.this", place=PLACE, excuse="nobody reads it here")


def _scan(*findings: Finding, target: str = "dev") -> Scan:
    return Scan(
        target=target,
        production=False,
        seconds=1.0,
        findings=findings,
        passed={},
        undecided={},
        names={"CKV_AWS_18": "m"},
    )


# --- sources and suppressions


def _tree(tmp_path: Path, text: str) -> Sources:
    folder = tmp_path / "terraform" / "modules" / "a"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.tf").write_text(text)
    return read_sources(tmp_path / "terraform", root=tmp_path)


def test_blocks_and_suppressions_are_found_with_file_and_line(tmp_path: Path) -> None:
    sources = _tree(
        tmp_path,
        'locals {\n  a = 1\n}\n\nresource "aws_x" "this" {\n'
        "  # checkov:skip=CKV_AWS_18:Nobody reads the access logs here\n  b {\n  }\n}\n",
    )
    place = sources.in_folder("terraform/modules/a", "aws_x.this")
    assert place == Place(file="terraform/modules/a/main.tf", block="aws_x.this", line=5)
    (suppression,) = sources.suppressions.values()
    assert (suppression.check, suppression.place.line) == ("CKV_AWS_18", 6)
    assert suppression.reason == "Nobody reads the access logs here"
    assert sources.problems == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            'resource "aws_x" "this" {\n  #checkov:skip=CKV_AWS_18\n}\n',
            "terraform/modules/a/main.tf:2: no reason is given; write #checkov:skip=CKV_AWS_18:<reason>",
        ),
        (
            'resource "aws_x" "this" {\n  #checkov:skip=CKV_AWS_18: later\n}\n',
            "terraform/modules/a/main.tf:2: no reason is given; write #checkov:skip=CKV_AWS_18:<reason>",
        ),
        (
            'resource "aws_x" "this" {\n}\n#checkov:skip=CKV_AWS_18:Nobody reads the access logs here\n',
            "terraform/modules/a/main.tf:3: CKV_AWS_18 is suppressed outside of a resource, where it has no effect",
        ),
    ],
)
def test_a_suppression_without_reason_or_place_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    sources = _tree(tmp_path, text)
    assert sources.problems == (problem,)
    assert sources.suppressions == {}
    assert scan.problems_of([], sources=sources, baseline=[], whole=False) == [problem]


def test_a_suppression_of_what_does_not_occur_has_to_go(tmp_path: Path) -> None:
    text = 'resource "aws_x" "this" {\n  #checkov:skip=CKV_AWS_18:Nobody reads the access logs here\n}\n'
    sources = _tree(tmp_path, text)
    gone = scan.problems_of([_scan()], sources=sources, baseline=[], whole=True)
    assert gone == ["terraform/modules/a/main.tf:2: CKV_AWS_18 does not occur here; remove it"]
    assert scan.problems_of([_scan(EXCUSED)], sources=sources, baseline=[], whole=True) == []
    assert scan.problems_of([_scan()], sources=sources, baseline=[], whole=False) == []  # one environment tells nothing


def test_addresses_lead_to_the_module_they_are_written_in() -> None:
    document = {
        "configuration": {
            "root_module": {
                "module_calls": {
                    "foundation": {
                        "source": "../../modules/foundation",
                        "module": {"module_calls": {"broker": {"source": "../function", "module": {}}}},
                    }
                }
            }
        }
    }
    address = 'module.foundation[0].module.broker["x.y"].aws_iam_role.this["a.b"]'
    assert block_of(address) == "aws_iam_role.this"
    assert folder_of(address, document, root_folder="terraform/envs/dev") == "terraform/modules/function"
    assert folder_of("aws_x.this", document, root_folder="terraform/envs/dev") == "terraform/envs/dev"


def test_every_suppression_in_the_sources_has_a_reason() -> None:
    assert read_sources(ROOT / "terraform", root=ROOT).problems == ()


def test_one_comment_holds_in_hcl_and_in_plans(tmp_path: Path) -> None:
    text = 'resource "aws_x" "this" {\n  #checkov:skip=CKV_AWS_18:Nobody reads the access logs here\n}\n'
    sources = _tree(tmp_path, text)
    file = tmp_path / "terraform" / "modules" / "a" / "main.tf"
    ours = Record(check="CKV_AGENTCORE_1", name="n", result="passed", address="aws_y.this", file=file, line=1)
    in_hcl = Record(check="CKV_AWS_18", name="m", result="skipped", address="aws_x.this", file=file, line=1)
    scanned = of_modules([ours, in_hcl], sources=sources, seconds=1, root=tmp_path)
    document = {
        "terraform_version": "1.11.4",
        "planned_values": {"root_module": {}},
        "configuration": {"root_module": {"module_calls": {"a": {"source": "../../modules/a", "module": {}}}}},
    }
    in_plan = Record(check="CKV_AWS_18", name="m", result="failed", address="module.a.aws_x.this", file=file, line=1)
    planned = of_plan("dev", [in_plan], document, sources=sources, root_folder="terraform/envs/dev", seconds=1)
    for result in (scanned, planned):
        (finding,) = result.findings
        assert finding.excuse == "Nobody reads the access logs here"
        assert result.failed() == []


# --- what checkov loses


def test_a_result_that_checkov_lost_or_changed_ends_the_scan(tmp_path: Path) -> None:
    example = EXAMPLES / "CKV_AGENTCORE_6" / "fail.tf"
    (document,) = plan_examples({"x": example}, work=tmp_path).values()
    sources = Sources(places={}, suppressions={}, problems=())
    with pytest.raises(ScanError) as caught:
        of_plan("dev", [], document, sources=sources, root_folder="terraform/envs/dev", seconds=1)
    assert "dev: checkov and policy_checks/ do not agree on" in str(caught.value)
    assert "aws_bedrockagentcore_gateway.this" in str(caught.value)


def test_modules_without_any_result_of_ours_end_the_scan() -> None:
    sources = Sources(places={}, suppressions={}, problems=())
    with pytest.raises(ScanError, match="checkov did not run the checks of policy_checks/"):
        of_modules([], sources=sources, seconds=1)


def test_values_that_aws_would_choose_are_taken_out_of_the_plan() -> None:
    def plan(values: dict[str, Any], unknown: dict[str, Any]) -> dict[str, Any]:
        entry = {"address": "aws_x.this", "mode": "managed", "type": "aws_x", "name": "this", "values": values}
        return {
            "terraform_version": "1.11.4",
            "planned_values": {"root_module": {"resources": [entry]}},
            "resource_changes": [{"address": "aws_x.this", "change": {"after_unknown": unknown}}],
            "configuration": {
                "root_module": {
                    "resources": [
                        {
                            "address": "aws_x.this",
                            "mode": "managed",
                            "type": "aws_x",
                            "name": "this",
                            "expressions": {"policy": {"references": ["aws_y.this.arn"]}},
                        }
                    ]
                }
            },
        }

    fresh = plan({"name": "n"}, {"arn": True, "policy": True, "chosen": True})
    later = plan({"name": "n", "arn": "a", "policy": "p", "chosen": "c", "unset": None, "block": [{"x": None}]}, {})
    (resource,) = scan.as_written(later, fresh=fresh)["planned_values"]["root_module"]["resources"]
    assert resource["values"] == {"name": "n", "arn": "a", "policy": "p", "block": [{}]}


# --- baseline

ENTRY = Entry(check="CKV_AWS_18", file=PLACE.file, block=PLACE.block, reason="was there before")


def _git(folder: Path, *args: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(["git", *identity, *args], cwd=folder, check=True, capture_output=True, timeout=30)


@pytest.fixture
def repository(tmp_path: Path) -> Callable[[list[Entry] | None], Path]:
    """A repository whose main branch has this baseline."""

    def make(entries: list[Entry] | None) -> Path:
        _git(tmp_path, "init", "-q", "-b", "main")
        path = tmp_path / "policy_checks" / "baseline.json"
        path.parent.mkdir()
        (tmp_path / "README.md").touch()
        if entries is not None:
            write_baseline(entries, path=path)
        _git(tmp_path, "add", ".")
        _git(tmp_path, "commit", "-q", "-m", "first")
        return path

    return make


def test_the_baseline_can_only_shrink(repository: Callable[[list[Entry] | None], Path]) -> None:
    path = repository([ENTRY])
    root = path.parents[1]
    other = Entry(check="CKV_AWS_144", file=PLACE.file, block=PLACE.block, reason="now too")
    assert added([ENTRY], root=root, path=path) == {}
    assert added([], root=root, path=path) == {}
    assert added([ENTRY, other], root=root, path=path) == {"main": [other], "HEAD": [other]}
    # Committing it on a branch does not help, nor does the merge commit that CI checks out.
    _git(root, "checkout", "-q", "-b", "change")
    write_baseline([ENTRY, other], path=path)
    _git(root, "commit", "-q", "-a", "-m", "grow")
    assert added([ENTRY, other], root=root, path=path) == {"main": [other], "HEAD^": [other]}


def test_a_first_baseline_and_a_folder_without_git_are_no_growth(
    repository: Callable[[list[Entry] | None], Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = repository(None)
    assert added([ENTRY], root=path.parents[1], path=path) == {}
    bare = tmp_path_factory.mktemp("bare")
    assert added([ENTRY], root=bare, path=bare / "policy_checks" / "baseline.json") == {}


def test_growth_fails_the_scan_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "added", lambda entries: {"main": [ENTRY]})
    sources = Sources(places={}, suppressions={}, problems=())
    (problem,) = scan.problems_of([_scan(EXCUSED)], sources=sources, baseline=[ENTRY], whole=True)
    assert problem == (
        "baseline.json: CKV_AWS_18 of aws_x.this: not in the baseline of main, and it can only shrink. Fix the "
        "finding, or suppress it in its block with #checkov:skip=<check>:<reason>"
    )


def test_an_entry_that_does_not_occur_any_more_has_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "added", lambda entries: {})
    sources = Sources(places={}, suppressions={}, problems=())
    (problem,) = scan.problems_of([_scan()], sources=sources, baseline=[ENTRY], whole=True)
    assert problem == (
        "baseline.json: CKV_AWS_18 of terraform/modules/a/main.tf aws_x.this does not occur any more; run "
        'make scan ARGS="--shrink"'
    )


def test_the_baseline_excuses_one_block_and_one_check() -> None:
    finding = Finding(check="CKV_AWS_18", name="m", address="module.b.aws_x.this", place=PLACE)
    other = Finding(check="CKV_AWS_144", name="m", address="module.b.aws_x.this", place=PLACE)
    laid = with_baseline(_scan(finding, other), {ENTRY.key: ENTRY})
    assert laid.failed() == [other]
    assert [f.baselined for f in laid.findings] == [True, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nothing", "b: is no JSON"),
        ("[]", 'b: must be {"entries": [...]}'),
        ('{"entries": [{"check": "A"}]}', "b: entries[0] must have check, file, block, reason and nothing else"),
        (
            '{"entries": [{"check": "A", "file": "f", "block": "b", "reason": " "}]}',
            'b: entries[0].reason must be text; got " "',
        ),
    ],
)
def test_a_baseline_that_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(ScanError) as caught:
        read_baseline(text, name="b")
    assert str(caught.value).startswith(said)


def test_the_baseline_is_written_as_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    write_baseline([ENTRY], path=path)
    assert read_baseline(path.read_text(), name="b") == [ENTRY]
    current = (ROOT / "policy_checks" / "baseline.json").read_text()
    assert added(read_baseline(current, name="baseline.json")) == {}


# --- results for programs and people

SARIF: dict[str, Any] = {
    "type": "object",
    "required": ["$schema", "version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "minItems": 1,
            "items": {
                "required": ["tool", "results"],
                "properties": {
                    "tool": {
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "required": ["name", "rules"],
                                "properties": {
                                    "rules": {
                                        "uniqueItems": True,
                                        "items": {
                                            "required": ["id", "shortDescription", "defaultConfiguration"],
                                            "properties": {"shortDescription": {"required": ["text"]}},
                                        },
                                    }
                                },
                            }
                        },
                    },
                    "results": {
                        "items": {
                            "required": ["ruleId", "ruleIndex", "level", "message", "locations"],
                            "properties": {
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": {"required": ["text"]},
                                "suppressions": {
                                    "items": {
                                        "required": ["kind"],
                                        "properties": {"kind": {"enum": ["inSource", "external"]}},
                                    }
                                },
                                "locations": {
                                    "items": {
                                        "properties": {
                                            "physicalLocation": {
                                                "properties": {
                                                    "artifactLocation": {
                                                        "properties": {"uri": {"pattern": "^[a-z][^:]*$"}}
                                                    },
                                                    "region": {"properties": {"startLine": {"minimum": 1}}},
                                                }
                                            }
                                        }
                                    }
                                },
                            },
                        }
                    },
                },
            },
        },
    },
}
"""What SARIF 2.1.0 asks of the parts that are written here; paths are relative."""


def test_sarif_has_rules_levels_places_and_suppressions() -> None:
    document = sarif("dev", [FAILED, EXCUSED], version="3", ours=OURS)
    jsonschema.validate(document, SARIF)
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    failed, excused = run["results"]
    assert rules[failed["ruleIndex"]]["id"] == failed["ruleId"] == "CKV_AGENTCORE_1"
    assert rules[excused["ruleIndex"]]["id"] == excused["ruleId"] == "CKV_AWS_18"
    assert (failed["level"], excused["level"]) == ("error", "warning")
    assert failed["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == PLACE.file
    assert failed["message"]["text"] == "module.a.aws_x.this: authorizer_type is 'NONE'"
    assert "suppressions" not in failed
    assert excused["suppressions"][0]["justification"] == "nobody reads it here"


def test_the_report_counts_and_explains_what_failed() -> None:
    out = io.StringIO()
    print_report([_scan(FAILED, EXCUSED)], version="3", seconds=12.3, console=Console(file=out, width=140))
    text = out.getvalue()
    assert "where: terraform/modules/a/main.tf:7 aws_x.this, in dev" in text
    assert "found: authorizer_type is 'NONE'" in text
    assert f"why:   {OURS['CKV_AGENTCORE_1'].why}" in text
    assert f"fix:   {OURS['CKV_AGENTCORE_1'].fix}" in text
    assert "1 findings in 1 resources; 1 suppressed with a reason, 0 in the baseline, 0 undecided; 12 s" in text
    (row,) = [line for line in text.splitlines() if line.startswith("│ CKV_AGENTCORE_1 ")]
    assert [cell.strip() for cell in row.split("│")[-5:-1]] == ["0", "1", "0", "0"]


# --- the program and its tool


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """The program with a scan that is already done."""

    def run(*args: str, scans: list[Scan], baseline: list[Entry]) -> int:
        path = tmp_path / "baseline.json"
        write_baseline(baseline, path=path)
        monkeypatch.setattr(scan, "BASELINE", path)
        monkeypatch.setattr(scan, "RESULTS", tmp_path / "results")
        monkeypatch.setattr(scan, "TERRAFORM", tmp_path / "none")
        monkeypatch.setattr(scan, "added", lambda entries: {})
        monkeypatch.setattr(scan, "write_baseline", lambda entries: write_baseline(entries, path=path))
        monkeypatch.setattr(
            scan, "scanner", lambda progress: scan_tool.Scanner(python=Path("/nowhere"), version="3.3.30")
        )
        monkeypatch.setattr(scan, "scan_all", lambda *_, **__: scans)
        return scan.main(args)

    return run


def test_a_finding_fails_the_scan_and_is_written_as_sarif(quick: Callable[..., int], tmp_path: Path) -> None:
    assert quick(scans=[_scan(FAILED)], baseline=[]) == 1
    jsonschema.validate(json.loads((tmp_path / "results" / "dev.sarif").read_text()), SARIF)
    assert quick(scans=[_scan(EXCUSED, target="prod")], baseline=[]) == 0
    assert [p.name for p in (tmp_path / "results").iterdir()] == ["prod.sarif"]  # nothing of an earlier scan


def test_a_stale_entry_fails_until_shrink_removes_it(quick: Callable[..., int], tmp_path: Path) -> None:
    assert quick(scans=[_scan()], baseline=[ENTRY]) == 1
    assert quick("--shrink", scans=[_scan()], baseline=[ENTRY]) == 0
    assert json.loads((tmp_path / "baseline.json").read_text()) == {"entries": []}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--env", "local"), "scan: ENV must be one of"),
        (("--env", "dev", "--shrink"), "scan: --shrink needs a scan of everything"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    args: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scan.main(args) == 2
    assert said in capsys.readouterr().err


def test_what_stands_in_the_way_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: object) -> None:
        raise ScanError("checkov cannot be installed:\n  no route")

    monkeypatch.setattr(scan, "scanner", refuse)
    assert scan.main(["--env", "dev"]) == 2
    assert capsys.readouterr().err == "scan: checkov cannot be installed:\n  no route\n"


def test_a_failed_installation_says_what_to_do_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = tmp_path / "uv"
    uv.write_text(
        '#!/bin/sh\n[ "$2" = venv ] && { mkdir -p "$6"; exit 0; }\necho "error: no route to index" >&2\nexit 2\n'
    )
    uv.chmod(0o755)
    monkeypatch.setattr(scan_tool, "find_uv", lambda: str(uv))
    tools = tmp_path / "tool"
    with pytest.raises(ScanError) as caught:
        scanner(tools=tools)
    assert "checkov cannot be installed:\n  error: no route to index\n" in str(caught.value)
    assert "run make scan again" in str(caught.value)
    assert list(tools.iterdir()) == []


def test_an_installed_checkov_is_used_without_a_network_and_an_older_one_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installs: list[Path] = []

    def install(home: Path) -> None:
        installs.append(home)
        home.mkdir(parents=True)
        (home / "installed").touch()

    monkeypatch.setattr(scan_tool, "_install", install)
    first = scanner(tools=tmp_path)
    assert scanner(tools=tmp_path) == first
    assert len(installs) == 1
    # Another folder, as after a clone was moved: a virtual environment has its own path in it.
    scanner(tools=tmp_path / "moved")
    assert installs[1].name != installs[0].name
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("checkov==9.9.9 --hash=sha256:00\n")
    monkeypatch.setattr(scan_tool, "REQUIREMENTS", requirements)
    newer = scanner(tools=tmp_path)
    assert newer.version == "9.9.9"
    assert not installs[0].exists()


def test_a_check_that_broke_ends_the_scan(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(
        "#!/bin/sh\necho '2026 [ERROR] Failed to run check CKV_AWS_274 on /p.json:aws_iam_role.this' >&2\n"
        "echo '{\"results\": {}}'\n"
    )
    python.chmod(0o755)
    with pytest.raises(ScanError, match="checks broke, so results are missing: CKV_AWS_274"):
        scan_tool.Scanner(python=python, version="3").run(tmp_path)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo broken >&2; exit 2", "checkov failed (exit code 2):\n  broken"),
        ("echo Hello", "checkov printed no JSON:\n  Hello"),
        (
            'echo \'{"results": {"parsing_errors": ["/a/main.tf"]}}\'',
            "checkov cannot read /a/main.tf; does `make validate` pass?",
        ),
    ],
)
def test_no_result_is_no_pass(tmp_path: Path, script: str, said: str) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    with pytest.raises(ScanError) as caught:
        scan_tool.Scanner(python=python, version="3").run(tmp_path)
    assert str(caught.value) == said


def test_checkov_is_pinned_with_hashes_and_once() -> None:
    text = scan_tool.REQUIREMENTS.read_text()
    wanted = (scan_tool.REQUIREMENTS.with_suffix(".in")).read_text().splitlines()[-1]
    assert f"\n{wanted} \\\n    --hash=sha256:" in text
    pins = re.findall(r"^([a-z0-9][\w.\[\]-]*)==\S+.*?(?=^[a-z0-9])", f"{text}\nz", re.MULTILINE | re.DOTALL)
    assert len(pins) > 50
    for block in re.split(r"\n(?=[a-z0-9])", text)[1:]:
        assert "--hash=sha256:" in block, block.splitlines()[0]


# --- documentation


def test_the_page_lists_every_check_as_it_is() -> None:
    assert scan_docs.main(["--check"]) == 0


def test_a_page_that_is_out_of_date_is_noticed_and_written_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "page.md"
    text = scan_docs.PAGE.read_text()
    path.write_text(text.replace("A function may be called", "A function might be called"))
    assert scan_docs.main(["--check"], path=path) == 1
    assert "run: make docs" in capsys.readouterr().err
    assert scan_docs.main([], path=path) == 0
    assert path.read_text() == text


def test_the_security_page_lists_every_suppression_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = scan_docs.SECURITY.read_text()
    written = sum(path.read_text().count("checkov:skip=") for path in (ROOT / "terraform").rglob("*.tf"))
    assert f"\n{written} suppressions; " in text
    copy = tmp_path / "security.md"
    copy.write_text(text.replace(f"{written} suppressions", "no suppressions"))
    assert scan_docs.main(["--check"], security=copy) == 1
    assert "security.md: is not what the sources say; run: make docs" in capsys.readouterr().err
    assert scan_docs.main([], security=copy) == 0
    assert copy.read_text() == text
    copy.write_text("no marks")
    assert scan_docs.main(["--check"], security=copy) == 1


def test_a_suppressed_check_has_to_be_explained(tmp_path: Path) -> None:
    folder = tmp_path / "terraform"
    folder.mkdir()
    block = 'resource "aws_s3_bucket" "this" {\n  # checkov:skip=CKV_AWS_999:Nothing waits for anything here\n}\n'
    (folder / "main.tf").write_text(block)
    with pytest.raises(ValueError, match="_ASKS has no CKV_AWS_999"):
        scan_docs.excused(folder)
